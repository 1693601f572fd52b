"""What people might write for a recipe: captions of many forms, from a random generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acestep_cli.demo.words import prompt_words
from training.band.recipes import BANDS, MODES
from training.band.score import PARTS, Recipe
from training.band.styles import STYLES

_NAMES = {
    "drums": ("drums", "energetic drums", "drum kit", "steady drums", "drum beat"),
    "bass": ("bass", "bassline", "deep bass", "bass guitar"),
    "keys": ("piano", "keys", "electric piano", "soft piano"),
    "guitar": ("guitar", "bright guitars", "acoustic guitar", "electric guitar", "plucked strings"),
    "pad": ("pad", "warm pads", "synth pad", "lush strings"),
    "lead": ("lead melody", "synth lead", "flute", "melody"),
    "vocals": ("vocals", "female vocal", "voice", "singer"),
}
_BAND_NAMES = {
    "drums only": ("drums only", "only drums", "drum solo", "just drums"),
    "solo piano": ("solo piano", "piano solo", "piano only", "just piano"),
    "bass and drums": ("bass and drums", "drums and bass", "drum and bass duo"),
    "full band": ("full band", "whole band", "band"),
}
_MOODS = {
    "major": ("happy", "bright", "cheerful", "sunny", "warm", "uplifting"),
    "minor": ("sad", "dark", "melancholic", "moody", "cold", "mysterious"),
}
_NEUTRAL = ("catchy", "simple", "clean", "steady", "modern", "vintage", "dreamy", "punchy")
_SPEEDS = {
    "fast": ("fast", "upbeat", "energetic", "driving"),
    "slow": ("slow", "calm", "gentle"),
    "between": ("mid-tempo", "moderate"),
}
_FAST_BPM, _SLOW_BPM = 125, 90
_ASIDES = 0.25  # how often a caption holds other words too


def caption_of(
    recipe: Recipe,
    random: np.random.Generator,
    *,
    asides: bool = True,
    named: bool = True,
    telling: float = 0.3,
) -> str:
    """A caption that says style and, if they are `named`, instruments, mood and speed each with the
    probability `telling`, and with `asides` sometimes words that mean nothing."""
    words = _adjectives(recipe, random, telling)
    style = _pick(STYLES[recipe.style].words, random)
    head = " ".join([*words, style])
    said = _instruments(recipe, random) if named else []
    parts = (
        [head]
        if not said
        else (
            [f"{head}, {', '.join(said)}"],
            [f"{head} with {_listed(said)}"],
            [_listed(said), head],
            [f"a {head} track with {_listed(said)}"],
        )[int(random.integers(4))]
    )
    if asides and random.random() < _ASIDES:
        parts.insert(int(random.integers(len(parts) + 1)), _aside(random))
    return ", ".join(part for part in parts if part)


def _aside(random: np.random.Generator) -> str:
    """One to four words that say nothing of the music, so that nothing is read into them."""
    words = [_pick(prompt_words(), random) for _ in range(int(random.integers(1, 5)))]
    return " ".join(word.lower() for word in words if word.lower() not in _SAYING)


def _adjectives(recipe: Recipe, random: np.random.Generator, telling: float) -> list[str]:
    words = []
    if random.random() < telling:
        words.append(_speed(recipe, random))
    if random.random() < telling:
        words.append(_pick(_MOODS[recipe.mode], random))
    if random.random() < 0.4:
        words.append(_pick(_NEUTRAL, random))
    return [word for word in words if word]


def _speed(recipe: Recipe, random: np.random.Generator) -> str:
    if recipe.bpm >= _FAST_BPM:
        return _pick(_SPEEDS["fast"], random)
    if recipe.bpm <= _SLOW_BPM:
        return _pick(_SPEEDS["slow"], random)
    return _pick(_SPEEDS["between"], random)


def _instruments(recipe: Recipe, random: np.random.Generator) -> list[str]:
    for name, parts in BANDS.items():
        if set(parts) == set(recipe.parts):
            return [_pick(_BAND_NAMES[name], random)]
    named = [_pick(_NAMES[part], random) for part in PARTS if part in recipe.parts]
    random.shuffle(named)
    if len(named) == 1 and random.random() < 0.5:
        return [f"solo {named[0]}"]
    return named


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _pick(words: Sequence[str], random: np.random.Generator) -> str:
    return words[int(random.integers(len(words)))]


def _saying() -> frozenset[str]:
    """All words that do mean something in a caption."""
    phrases = [
        *(
            word
            for names in (_NAMES, _BAND_NAMES, _MOODS, _SPEEDS)
            for row in names.values()
            for word in row
        ),
        *(word for style in STYLES.values() for word in style.words),
        *(*MODES, "mid", "tempo"),
        *("only", "just", "solo", "no", "without", "not", "guitars", "string", "organ", "choir"),
        *("kick", "snare", "hat", "hats", "cymbals", "claps", "percussion", "synth", "chords"),
    ]
    return frozenset(word for phrase in phrases for word in phrase.split())


_SAYING = _saying()
