"""One example of every task: its words, what the DiT is to make, and what stands before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from training.band.compose import compose
from training.band.recipes import draw_recipe
from training.band.score import PARTS, Recipe, Score
from training.band.styles import STYLES
from training.latents import (
    BAR,
    BEAT,
    CHANNELS,
    PULSE,
    Latents,
    latents_of,
    scaled,
)
from training.renderer.text import Prompt, prompt_of

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
    "text2music": 0.56,
    "repaint": 0.14,
    "extract": 0.08,
    "lego": 0.07,
    "complete": 0.07,
    "cover": 0.08,
}
Example = tuple[Prompt, Latents, Latents]  # words, truth [T, 64], context [T, 128]
Hints = Callable[[Latents], Latents]


def draw_example(
    random: np.random.Generator, frames: int, styles: tuple[str, ...], hints: Hints | None
) -> Example:
    """An example of a task drawn by its share; without `hints` there are no covers."""
    task = str(random.choice(list(SHARES), p=list(SHARES.values())))
    recipe = draw_recipe(random, styles)
    if task == "repaint":
        return _repaint(_play(recipe, frames, random), random)
    if task == "cover" and hints is not None:
        return _cover(recipe, frames, random, styles, hints)
    if task in ("extract", "lego", "complete"):
        return _tracks(task, _in_company(recipe, random), frames, random)
    score = _play(recipe, frames, random)
    return prompt_of(score, random), latents_of(score), _context(silence(frames))


def silence(frames: int) -> Latents:
    """The silence latent [frames, 64]: zeros, but for the mark of a beginning in frame 0."""
    out = np.zeros((frames, CHANNELS), np.float32)
    out[0, [BEAT.start, BAR]] = np.sqrt(2)
    return out


def heard(latents: Latents, random: np.random.Generator) -> Latents:
    """Latents as the autoencoder hears them in sound: a little off, and without a pulse."""
    out = latents + random.normal(0, 0.1, latents.shape).astype(np.float32)
    out[:, PULSE] = 0
    return out.astype(np.float32)


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
    return prompt_of(score, random, "repaint"), target, _context(source, mask)


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
    names = tuple(TRACKS[part] for part in PARTS if part in asked)
    described = replace(score, recipe=replace(recipe, parts=_sorted(targets)))
    return prompt_of(described, random, task, names), target, _context(source)


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
        score = _play(changed, frames, np.random.default_rng(seed))
    return prompt_of(score, random, "cover"), latents_of(score), _context(source)


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
    """How much louder than the band a file may be, whose peak was brought to -1 dB."""
    return np.float32(random.uniform(0.8, 1.8))
