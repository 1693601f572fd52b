"""References: whether a song sounds more like the one it was given than it did without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.band.captions import caption_of
from training.band.synth import render
from training.evaluation.hearing import read_sound, write_sound
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, mean
from training.evaluation.tracks import levelled
from training.measures.likeness import timbre_distance
from training.measures.sound import Sound

_PARTS = (("drums",), ("bass", "pad"), ("keys",), ("drums", "bass", "guitar"))
_OTHER_SEED = 1
_OTHER_BPM, _MIDDLE_BPM = 45, 120


def reference_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """The share of songs that a reference draws towards its timbre; their words name no
    instruments, reference and song share no key and no tempo. Half would be nearer by chance.
    `shuffled` takes the reference of another song, played by another band, so that less than half
    are nearer to it where references have an effect; `band` what it plays itself with the parts of
    the reference."""
    asked = [
        draw_with(f"reference-{index}", _PARTS[index % len(_PARTS)], 1, seconds)[0]
        for index in range(count)
    ]
    references = [levelled(render(_reference(own).truth())) for own in asked]
    for own, reference in zip(asked, references, strict=True):
        write_sound(studio.path(f"{own.name}-heard"), reference)
    studio.make(
        [_command(own, studio, with_reference=told) for own in asked for told in (False, True)]
    )
    alone = [read_sound(studio.path(f"{own.name}-alone")) for own in asked]
    drawn = [read_sound(studio.path(f"{own.name}-drawn")) for own in asked]
    true = [render(own.truth()) for own in asked]
    others = [references[(index + 1) % count] for index in range(count)]
    return [
        Row(
            "reference: nearer to its timbre",
            _nearer(references, drawn, alone),
            _nearer(others, drawn, alone) if count > 1 else None,
            _nearer(references, true, alone),
            count,
        )
    ]


def _nearer(
    references: Sequence[Sound], drawn: Sequence[Sound], alone: Sequence[Sound]
) -> float | None:
    return mean(
        timbre_distance(one, reference) < timbre_distance(other, reference)
        for reference, one, other in zip(references, drawn, alone, strict=True)
    )


def _reference(own: Asked) -> Asked:
    """Another song of the same style and parts."""
    bpm = own.recipe.bpm + (_OTHER_BPM if own.recipe.bpm < _MIDDLE_BPM else -_OTHER_BPM)
    recipe = replace(own.recipe, root=(own.recipe.root + 5) % 12, bpm=bpm)
    return replace(own, recipe=recipe, seed=own.seed + _OTHER_SEED)


def _command(own: Asked, studio: Studio, *, with_reference: bool) -> list[str]:
    caption = caption_of(own.recipe, np.random.default_rng(own.seed), named=False)
    name, told = f"{own.name}-alone", list[str]()
    if with_reference:
        name, told = f"{own.name}-drawn", ["--reference", str(studio.path(f"{own.name}-heard"))]
    return [
        "generate", caption, *own.words(), "--duration", f"{own.seconds:g}", "--no-lm", *told,
        "-o", str(studio.path(name)), *EXACT,
    ]  # fmt: skip
