"""Covers: how much of the source's harmony stays at each strength."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.band.captions import caption_of
from training.band.synth import render
from training.evaluation.hearing import read_sound, write_sound
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, mean
from training.evaluation.tracks import levelled
from training.measures.likeness import chroma_correlation

# The first steps decide the harmony: of 32, 0.2 leaves six to the source, 0.1 three.
_STRENGTHS = (1.0, 0.5, 0.2, 0.1, 0.0)
_PARTS = ("drums", "bass", "keys")
_OTHERS = ("drums", "bass", "guitar", "pad")


def cover_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Chroma correlation of source and cover; `shuffled` with another source, `band` the source
    itself with the new parts; and how much of it goes from the first strength to the last."""
    asked = draw_with("cover", _PARTS, count, seconds)
    sources = [levelled(render(own.truth())) for own in asked]
    for own, source in zip(asked, sources, strict=True):
        write_sound(studio.path(own.name), source)
    ideal = mean(
        chroma_correlation(source, render(_other(own).truth()))
        for own, source in zip(asked, sources, strict=True)
    )
    rows = []
    for strength in _STRENGTHS:
        studio.make([_cover(own, strength, studio) for own in asked])
        made = [read_sound(studio.path(_name(own, strength))) for own in asked]
        rows.append(
            Row(
                f"cover: harmony at strength {strength:g}",
                mean(chroma_correlation(*pair) for pair in zip(sources, made, strict=True)),
                mean(
                    chroma_correlation(source, made[(place + 1) % count])
                    for place, source in enumerate(sources)
                    if count > 1
                ),
                ideal,
                count,
            )
        )
    first, last = rows[0].made, rows[-1].made
    assert first is not None and last is not None  # of at least one song
    return [*rows, Row("cover: harmony that strength 0 gives up", first - last, count=count)]


def _cover(own: Asked, strength: float, studio: Studio) -> list[str]:
    other = _other(own)
    caption = caption_of(other.recipe, np.random.default_rng(own.seed))
    return [
        "cover", str(studio.path(own.name)), caption, *other.words(), "--no-lm",
        "--strength", f"{strength:g}", "-o", str(studio.path(_name(own, strength))), *EXACT,
    ]  # fmt: skip


def _other(own: Asked) -> Asked:
    return replace(own, recipe=replace(own.recipe, parts=_OTHERS))


def _name(own: Asked, strength: float) -> str:
    return f"{own.name}-at-{strength:g}"
