"""Requests that training has never seen, and the song that the band itself would play for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.band.captions import caption_of
from training.band.compose import compose
from training.band.lyrics import lyrics_of
from training.band.recipes import BANDS, draw_recipe
from training.band.score import TONAL_PARTS, Recipe, Score

_SEED = 20261128  # other recipes than those of any training run
# What every fourth request is longer: no whole number of latent frames.
_ODD_SECONDS = 0.37


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `name` is that of its files, `seed` the song's and that of its true score."""

    name: str
    recipe: Recipe
    caption: str
    lyrics: str
    seconds: float
    seed: int

    def truth(self) -> Score:
        """What the band plays when it is asked for this."""
        return compose(self.recipe, self.seconds, np.random.default_rng(self.seed))

    @property
    def has_key(self) -> bool:
        """Whether anything but drums plays."""
        return bool(set(self.recipe.parts) & set(TONAL_PARTS))

    def words(self) -> list[str]:
        """The request as options of `acestep`, without its caption."""
        return [
            "--bpm", str(self.recipe.bpm),
            "--key", self.recipe.keyscale,
            "--time-sig", str(self.recipe.meter),
            "--lyrics", self.lyrics,
            "--seed", str(self.seed),
        ]  # fmt: skip


def draw_songs(count: int, seconds: float) -> list[Asked]:
    """`count` requests of all kinds."""
    random = np.random.default_rng(_SEED)
    return [
        _asked(
            f"song-{index:03d}",
            draw_recipe(random, withheld=True),
            seconds + (_ODD_SECONDS if index % 4 == 3 else 0),
            random,
        )
        for index in range(count)
    ]


def draw_bands(each: int, seconds: float) -> dict[str, list[Asked]]:
    """`each` requests of every named band."""
    random = np.random.default_rng(_SEED + 1)
    return {
        band: [
            _asked(
                f"{band.replace(' ', '-')}-{index:03d}",
                replace(draw_recipe(random, withheld=True), parts=parts),
                seconds,
                random,
            )
            for index in range(each)
        ]
        for band, parts in BANDS.items()
    }


def draw_with(name: str, parts: Sequence[str], count: int, seconds: float) -> list[Asked]:
    """`count` requests that `parts` play."""
    random = np.random.default_rng((_SEED, *name.encode()))
    return [
        _asked(
            f"{name}-{index:03d}",
            replace(draw_recipe(random, withheld=True), parts=tuple(parts)),
            seconds,
            random,
        )
        for index in range(count)
    ]


def _asked(name: str, recipe: Recipe, seconds: float, random: np.random.Generator) -> Asked:
    seed = int(random.integers(2**31))
    caption = caption_of(recipe, random)
    asked = Asked(name, recipe, caption, "", seconds, seed)
    return replace(asked, lyrics=lyrics_of(asked.truth()))
