"""Which songs there are: recipes drawn at random, and those that are kept for the evaluation."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from training.band.score import PARTS, Recipe
from training.band.styles import STYLES

SLOWEST, FASTEST = 60, 180
MODES = ("major", "minor")
# Named bands, and how captions call them.
BANDS: dict[str, tuple[str, ...]] = {
    "drums only": ("drums",),
    "solo piano": ("keys",),
    "bass and drums": ("drums", "bass"),
    "full band": ("drums", "bass", "keys", "guitar", "lead"),
}
# How often each time signature is drawn; styles that have no bars in 6/8 play 4/4.
_METERS = {4: 0.6, 3: 0.2, 6: 0.2}
# How often a song of a training is put into 6/8 where its style has that: few do, and bars of two
# beats, drawn as rarely as they are asked for, were learnt last.
_EIGHTHS = 0.25
_WITHHELD = 0.1


def draw_recipe(
    random: np.random.Generator, styles: tuple[str, ...] = tuple(STYLES), *, withheld: bool = False
) -> Recipe:
    """A recipe that may be trained on, or with `withheld` one that is kept for the evaluation."""
    while True:
        style = str(random.choice(styles))
        recipe = Recipe(
            style,
            int(random.integers(SLOWEST, FASTEST + 1)),
            int(random.integers(12)),
            str(random.choice(MODES)),
            _draw_meter(random, style),
            _draw_parts(random, style),
        )
        if is_withheld(recipe) == withheld:
            return recipe


def in_eighths(recipe: Recipe, random: np.random.Generator) -> Recipe:
    """The recipe, or where its style can often the same in 6/8."""
    if 6 in STYLES[recipe.style].bars and random.random() < _EIGHTHS:
        return replace(recipe, meter=6)
    return recipe


def is_withheld(recipe: Recipe) -> bool:
    """Whether this combination of style, tempo and key is never trained on: one in ten, by a hash
    of its name."""
    name = f"{recipe.style}/{recipe.bpm}/{recipe.keyscale}"
    digest = hashlib.sha256(name.encode()).digest()
    return digest[0] / 256 < _WITHHELD


def _draw_meter(random: np.random.Generator, style: str) -> int:
    meter = int(random.choice(list(_METERS), p=list(_METERS.values())))
    return meter if meter in STYLES[style].bars else 4


def _draw_parts(random: np.random.Generator, style: str) -> tuple[str, ...]:
    kind = random.random()
    if kind < 0.35:
        return STYLES[style].parts
    if kind < 0.65:
        return list(BANDS.values())[random.integers(len(BANDS))]
    chosen = [part for part in PARTS if random.random() < 0.5]
    if "vocals" in chosen and "lead" in chosen:
        chosen.remove("lead")
    # A melody or a pad alone would leave nothing to hear the beat by.
    if not set(chosen) & {"drums", "bass", "keys", "guitar"}:
        chosen.append("keys")
    return tuple(part for part in PARTS if part in chosen)
