"""Whether `understand` tells key, meter and tempo of songs that the band plays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training.band.synth import render
from training.evaluation.hearing import write_sound
from training.evaluation.judges import in_key, in_time
from training.evaluation.making import Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, judged
from training.evaluation.tracks import levelled

Told = Mapping[str, Any]

_PARTS = ("drums", "bass", "keys")
_OPTIONS = ("--json", "--no-config", "--quiet")


def understand_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """The share of songs of drums, bass and keys of which it is told right."""
    asked = draw_with("understand", _PARTS, count, seconds)
    for own in asked:
        write_sound(studio.path(own.name), levelled(render(own.truth())))
    said = studio.make(
        ["understand", str(studio.path(own.name)), "--seed", str(own.seed), *_OPTIONS]
        for own in asked
    )
    told = [json.loads(text)["data"] for text in said]
    return [
        _row("key", _has_key, told, asked),
        _row("meter", _has_meter, told, asked),
        _row("tempo", _has_tempo, told, asked),
    ]


def _row(
    measure: str, judge: Callable[[Told, Asked], bool], told: Sequence[Told], asked: Sequence[Asked]
) -> Row:
    return judged(f"understand: {measure} right", judge, told, None, asked)


def _has_key(told: Told, own: Asked) -> bool:
    return in_key(str(told["keyscale"]), own)


def _has_meter(told: Told, own: Asked) -> bool:
    return str(told["timesignature"]) == str(own.recipe.meter)


def _has_tempo(told: Told, own: Asked) -> bool:
    return in_time(float(told["bpm"] or 0), own)
