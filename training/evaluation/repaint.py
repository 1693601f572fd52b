"""Repainting the middle of a made song: nothing changes outside, something does inside, in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.band.captions import caption_of
from training.band.synth import render
from training.band.tuning import SAMPLE_RATE
from training.evaluation.hearing import hear, read_sound
from training.evaluation.judges import in_time, judges_of
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, judged, mean
from training.evaluation.songs import generate
from training.measures.likeness import region_difference
from training.measures.sound import Sound

# The part that is made anew, as shares of the song, and the seed that is added for it.
_FROM, _TO = 0.2, 0.8
_OTHER_SEED = 1
# Less than this share of the sound changed: the same song.
_CHANGED = 0.1


def repaint_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Rows of `count` songs with drums, each made, then repainted with more parts."""
    asked = draw_with("repaint", ("drums", "bass"), count, seconds)
    studio.make([generate(own, studio) for own in asked])
    studio.make([_repaint(own, studio) for own in asked])
    pairs = [(read_sound(studio.path(own.name)), read_sound(_target(own, studio))) for own in asked]
    start, end = _FROM * seconds, _TO * seconds
    outside = mean(_same_outside(*pair, start, end) for pair in pairs)
    inside = mean(region_difference(*pair, start, end) > _CHANGED for pair in pairs)
    made = studio.spread(hear, [_middle(after, start, end) for _, after in pairs])
    truth = studio.spread(hear, [_middle(render(own.truth()), start, end) for own in asked])
    tempos = judges_of(studio).tempos
    return [
        Row("repaint: outside identical", outside, count=count),
        Row("repaint: inside different", inside, count=count),
        judged("repaint: tempo inside right", in_time, tempos(made), tempos(truth), asked),
    ]


def _repaint(own: Asked, studio: Studio) -> list[str]:
    more = replace(own.recipe, parts=("drums", "bass", "keys"))
    caption = caption_of(more, np.random.default_rng(own.seed))
    words = replace(own, seed=own.seed + _OTHER_SEED).words()
    return [
        "repaint", str(studio.path(own.name)), caption, *words, "--no-lm",
        "--from", f"{_FROM * own.seconds:g}", "--to", f"{_TO * own.seconds:g}",
        "-o", str(_target(own, studio)), *EXACT,
    ]  # fmt: skip


def _target(own: Asked, studio: Studio) -> Path:
    return studio.path(f"{own.name}-anew")


def _middle(sound: Sound, start: float, end: float) -> Sound:
    return np.ascontiguousarray(sound[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])


def _same_outside(before: Sound, after: Sound, start: float, end: float) -> bool:
    first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
    return (
        before.shape == after.shape
        and np.array_equal(before[:, :first], after[:, :first])
        and np.array_equal(before[:, last:], after[:, last:])
    )
