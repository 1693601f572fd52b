"""One example of every task: its words, what the DiT is to make, and what stands before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.band.compose import compose
from training.band.recipes import draw_recipe, in_eighths, is_withheld
from training.band.score import PARTS, Recipe, Score
from training.band.singing import line_of
from training.band.styles import STYLES
from training.band.tuning import BASS_MULTIPLES, FRAME_SAMPLES, SAMPLE_RATE
from training.latents import (
    BAR,
    BASS,
    CHANNELS,
    CHORDS,
    LEVELS,
    MELODY,
    PULSE,
    STROKES,
    VOWEL,
    Latents,
    latents_of,
    scaled,
)
from training.renderer.text import Prompt, prompt_of
from training.silence import silence

# How the tasks that work on single tracks call the band's parts.
TRACKS: Mapping[str, str] = {
    "drums": "drums",
    "bass": "bass",
    "keys": "keyboard",
    "guitar": "guitar",
    "pad": "strings",
    "lead": "synth",
    "vocals": "vocals",
}
# How often each task is shown.
SHARES: Mapping[str, float] = {
    "text2music": 0.6,
    "repaint": 0.06,
    "extract": 0.14,
    "lego": 0.07,
    "complete": 0.07,
    "cover": 0.06,
}
# The same at the end: what is made beside a source, or from its codes, is learnt last.
LATE_SHARES: Mapping[str, float] = {
    "text2music": 0.44,
    "repaint": 0.04,
    "extract": 0.1,
    "lego": 0.12,
    "complete": 0.14,
    "cover": 0.16,
}
# How much the errors of an example count, where it is not 1. The errors of all that has to be
# guessed would hide those of what is in the source, which can be copied, as extraction does, or
# tells key and beat.
_COUNTS: Mapping[str, float] = {"extract": 12.0, "lego": 3.0, "complete": 3.0}
# The channels that a part sounds in. Where it is taken out of a mix they count more: how loud it is
# has to be right, and the silence of all others is learnt soon.
_SOUNDS: Mapping[str, slice] = {
    "drums": STROKES,
    "bass": BASS,
    "keys": CHORDS,
    "guitar": CHORDS,
    "pad": CHORDS,
    "lead": MELODY,
    "vocals": MELODY,
}
_SOUNDING = 4.0
# How often an extraction is learnt at time 1: the package makes it in one step from there.
_AT_ONCE = 0.7
# How much the place in the bar counts in songs from words, by meter: strokes of drums that are left
# out or made on every beat are those whose bar is not known.
_BARS: Mapping[int, float] = {4: 1.0, 3: 2.0, 6: 4.0}
# How much the vowel counts in songs from words that have a voice: it is one channel of 64, and all
# that the lyrics tell.
_VOICE = 32.0
# How often a song from words is given a voice, beside the one of six that has one anyway: with
# those alone, neighbours among the vowels were mixed up.
_SUNG = 0.35
# How often a song has a reference, and how often its words then leave the instruments to that.
_REFERRED, _UNNAMED = 0.25, 0.7
TIMBRE_FRAMES, _CROPS = 750, 3
# Tones whose multiple is even are the same in both halves of the clock: bass notes with an odd one,
# this loud in all within so many frames, tell the halves apart.
_ODD_BASS = np.flatnonzero(np.array(BASS_MULTIPLES) % 2)
_ODD_TURNS = np.array([0, 2, 4, 6, 7, 9, 11, 13])  # channels of 1, 3, 5 and 7 turns of the clock
_TELLING_FRAMES, _TELLING = 7, 1.5
_OFF, _LEVELS_OFF = 0.1, 0.15  # standard deviation of what is heard, and what levels have beside it
Hints = Callable[[Latents], Latents]


@dataclass(frozen=True, slots=True)
class Example:
    """prompt: the words; truth [T, 64]; context: source and mask [T, 128]; reference: latents
    [750, 64] of a song that sounds alike, None for none; counts: weight [64] of the errors of its
    channels; at_once: whether it is to be made in one step; beats: which syllable of its line each
    frame [T] sings, None where all are the same or none is."""

    prompt: Prompt
    truth: Latents
    context: Latents
    reference: Latents | None = None
    counts: Latents = field(default_factory=lambda: np.ones(CHANNELS, np.float32))
    at_once: bool = False
    beats: NDArray[np.int64] | None = None


def draw_example(
    random: np.random.Generator,
    frames: int,
    styles: tuple[str, ...],
    hints: Hints | None,
    shares: Mapping[str, float] = SHARES,
) -> Example:
    """An example of a task drawn by its share of `shares`, which sum to 1; without `hints` songs
    from words take the place of covers."""
    task = str(random.choice(list(shares), p=list(shares.values())))
    recipe = in_eighths(draw_recipe(random, styles), random)
    if task == "repaint":
        return _repaint(_play(recipe, frames, random), random)
    if task == "cover" and hints is not None:
        return _cover(recipe, frames, random, styles, hints)
    if task in ("extract", "lego", "complete"):
        return _tracks(task, _in_company(recipe, random), frames, random)
    return _song(_sung(recipe, random), frames, random)


def _sung(recipe: Recipe, random: np.random.Generator) -> Recipe:
    """The recipe, or often the same with a voice for its melody."""
    if random.random() >= _SUNG:
        return recipe
    return replace(recipe, parts=_sorted((set(recipe.parts) | {"vocals"}) - {"lead"}))


def heard(latents: Latents, random: np.random.Generator) -> Latents:
    """Latents as the autoencoder hears them in sound: a little off, most in who plays the chords,
    without a pulse, and without the odd turns of the clock while no bass tells them."""
    out = latents + random.normal(0, _OFF, latents.shape).astype(np.float32)
    out[:, LEVELS] += random.normal(0, _LEVELS_OFF, latents[:, LEVELS].shape)
    odd = latents[:, BASS][:, _ODD_BASS].max(axis=1)
    near = np.convolve(odd, np.ones(_TELLING_FRAMES), mode="same")
    out[:, _ODD_TURNS] *= np.minimum(1, near / _TELLING)[:, None]
    out[:, PULSE] = 0
    return out.astype(np.float32)


def reference_of(score: Score, random: np.random.Generator) -> Latents:
    """Latents [750, 64] of a reference as the package puts them together: three crops of 10 s."""
    latents = heard(scaled(latents_of(score), _level(random)), random)
    length = TIMBRE_FRAMES // _CROPS
    starts = random.integers(0, len(latents) - length + 1, _CROPS)
    return np.concatenate([latents[start : start + length] for start in starts])


def _song(recipe: Recipe, frames: int, random: np.random.Generator) -> Example:
    """A new song; its reference is another one of the same style and parts."""
    score = _play(recipe, frames, random)
    reference, named = None, True
    if random.random() < _REFERRED:
        other = replace(
            draw_recipe(random, (recipe.style,)), meter=recipe.meter, parts=recipe.parts
        )
        reference = reference_of(compose(other, 14.0, random), random)
        named = bool(random.random() >= _UNNAMED)
    prompt = prompt_of(score, random, named=named)
    counts = np.ones(CHANNELS, np.float32)
    counts[BAR] = _BARS[recipe.meter]
    counts[VOWEL] = _VOICE if "vocals" in recipe.parts else 1.0
    source, beats = _context(silence(frames)), _beats_of(score, frames)
    return Example(prompt, latents_of(score), source, reference, counts, beats=beats)


def _beats_of(score: Score, frames: int) -> NDArray[np.int64] | None:
    """The beat of the bar in the middle of each frame, if the voice has a line to sing."""
    if len(set(line_of(score))) < 2:
        return None
    seconds = (np.arange(frames) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE
    return (seconds / score.recipe.beat_seconds).astype(np.int64) % score.recipe.beats


def _play(recipe: Recipe, frames: int, random: np.random.Generator) -> Score:
    return compose(recipe, frames / 25, random)


def _context(source: Latents, mask: Latents | None = None) -> Latents:
    mask = np.ones_like(source) if mask is None else mask
    return np.concatenate([source, mask], axis=1)


def _repaint(score: Score, random: np.random.Generator) -> Example:
    """15 to 70 per cent are to be made anew; what is kept is as it would be heard."""
    latents = scaled(latents_of(score), _level(random))
    frames = len(latents)
    length = int(frames * random.uniform(0.15, 0.7))
    first = int(random.integers(frames - length + 1))
    inside = slice(first, first + length)
    source = heard(latents, random)
    target = source.copy()
    target[inside] = latents[inside]
    source[inside] = silence(frames)[inside]
    mask = np.zeros_like(source)
    mask[inside] = 1
    return Example(prompt_of(score, random, "repaint"), target, _context(source, mask))


def _tracks(task: str, recipe: Recipe, frames: int, random: np.random.Generator) -> Example:
    """One part out of all (extract), one more part (lego), or the others around some (complete)."""
    score = _play(recipe, frames, random)
    level = _level(random)
    parts = list(recipe.parts)
    random.shuffle(parts)
    asked = parts[: 1 if task != "complete" else int(random.integers(1, len(parts)))]
    if task == "extract":
        sources, targets = parts, asked
    elif task == "lego":
        sources, targets = parts[1:], asked
    else:
        sources, targets = parts[len(asked) :], parts
    source = heard(scaled(latents_of(score.only(*sources)), level), random)
    target = scaled(latents_of(score.only(*targets)), level)
    if task == "extract":
        # No beat to be thought of: what is there has its own.
        target[:, PULSE] = 0
    names = tuple(TRACKS[part] for part in PARTS if part in asked)
    described = replace(score, recipe=replace(recipe, parts=_sorted(targets)))
    prompt = prompt_of(described, random, task, names)
    counts = np.full(CHANNELS, _COUNTS.get(task, 1.0), np.float32)
    if task == "extract":
        counts[_SOUNDS[asked[0]]] *= _SOUNDING
    at_once = task == "extract" and bool(random.random() < _AT_ONCE)
    return Example(prompt, target, _context(source), counts=counts, at_once=at_once)


def _cover(
    recipe: Recipe,
    frames: int,
    random: np.random.Generator,
    styles: tuple[str, ...],
    hints: Hints,
) -> Example:
    """What codes tell of a song, played as it was or by other parts in another style."""
    seed = int(random.integers(2**31))
    score = _play(recipe, frames, np.random.default_rng(seed))
    told = latents_of(score)
    source = hints(told if random.random() < 0.5 else heard(told, random))
    if random.random() < 0.4:
        other = draw_recipe(random, styles)
        style = other.style if recipe.meter in STYLES[other.style].bars else recipe.style
        changed = replace(recipe, style=style, parts=other.parts)
        if is_withheld(changed):
            changed = replace(changed, style=recipe.style)
        score = _play(changed, frames, np.random.default_rng(seed))
    return Example(prompt_of(score, random, "cover"), latents_of(score), _context(source))


def _in_company(recipe: Recipe, random: np.random.Generator) -> Recipe:
    """The recipe with at least three parts."""
    parts = set(recipe.parts)
    others = [part for part in PARTS if part not in parts and part not in ("lead", "vocals")]
    random.shuffle(others)
    while len(parts) < 3:
        parts.add(others.pop())
    return replace(recipe, parts=_sorted(parts))


def _sorted(parts: set[str] | list[str]) -> tuple[str, ...]:
    return tuple(part for part in PARTS if part in parts)


def _level(random: np.random.Generator) -> np.float32:
    """How many times as loud as the band a file may be whose peak was brought to -1 dB: 0.5 to 2,
    as often below 1 as above."""
    return np.float32(0.5 * 4 ** random.random())
