"""Single tracks: taken out of a mix, added to one, a band around one; all from the band's sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.band.captions import caption_of
from training.band.score import PARTS
from training.band.synth import stems
from training.evaluation.hearing import Heard, hear, hear_file, read_sound, write_sound
from training.evaluation.judges import in_key, in_time, judges_of
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, judged, mean
from training.measures.likeness import si_sdr
from training.measures.sound import Sound
from training.renderer.tasks import TRACKS

_EXTRACTED = ("drums", "bass", "keys")
_PEAK = 0.89  # as loud as a file usually is


def extract_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """SI-SDR of tracks from mixes of drums, bass and keys, and how much that is over what the mix
    itself has, which stands under `shuffled`."""
    asked = draw_with("extract", _EXTRACTED, count, seconds)
    parts = [stems(own.truth()) for own in asked]
    mixes = [sum_of(part, _EXTRACTED) for part in parts]
    for own, mix in zip(asked, mixes, strict=True):
        write_sound(studio.path(own.name), levelled(mix))
    studio.make([_extract(own, studio) for own in asked])
    rows = []
    for part in _EXTRACTED:
        made = [read_sound(studio.path(f"{own.name}-{TRACKS[part]}")) for own in asked]
        taken = [si_sdr(one, true[part]) for one, true in zip(made, parts, strict=True)]
        mixed = [si_sdr(mix, true[part]) for mix, true in zip(mixes, parts, strict=True)]
        gained = mean(one - other for one, other in zip(taken, mixed, strict=True))
        rows.append(Row(f"extract: {part}, SI-SDR", mean(taken), mean(mixed), None, count, "dB"))
        rows.append(Row(f"extract: {part}, over the mix", gained, count=count, unit="dB"))
    return rows


def lego_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """A new track alone: drums for their tempo, keys for their key, to a bass and a guitar."""
    rows = []
    for part, measure in (("drums", "tempo"), ("keys", "key")):
        asked = draw_with(f"lego-{part}", _sorted("bass", "guitar", part), count, seconds)
        truth = _prepared(studio, asked, ("bass", "guitar"), (part,))
        studio.make([_add("lego", own, (part,), studio) for own in asked])
        rows.append(_judged("lego", measure, studio, asked, truth))
    return rows


def complete_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Drums, bass and guitar to a piano; tempo and key of the whole, and of that piano, which is
    part of it."""
    asked = draw_with("complete", _sorted("drums", "bass", "keys", "guitar"), count, seconds)
    truth = _prepared(studio, asked, ("keys",), ("drums", "bass", "keys", "guitar"))
    studio.make([_add("complete", own, ("drums", "bass", "guitar"), studio) for own in asked])
    rows = [_judged("complete", measure, studio, asked, truth) for measure in ("tempo", "key")]
    given = studio.spread(hear_file, [studio.path(own.name) for own in asked])
    for measure in ("tempo", "key"):
        name = f"complete: {measure} of what is given"
        judge, told = _verdict(measure, studio)
        rows.append(judged(name, judge, told(given), None, asked))
    return rows


def sum_of(parts: dict[str, Sound], names: Sequence[str]) -> Sound:
    """The mix of the named parts."""
    mix = parts[names[0]].copy()
    for name in names[1:]:
        mix += parts[name]
    return mix


def levelled(sound: Sound) -> Sound:
    """The sound with a peak just below full scale."""
    peak = abs(sound).max()
    return sound * (_PEAK / peak) if peak > 0 else sound


def _prepared(
    studio: Studio, asked: Sequence[Asked], given: Sequence[str], wanted: Sequence[str]
) -> list[Heard]:
    """Write the mixes of the `given` parts; what is heard of the `wanted` parts."""
    sounds = []
    for own in asked:
        parts = stems(own.truth())
        write_sound(studio.path(own.name), levelled(sum_of(parts, given)))
        sounds.append(sum_of(parts, wanted))
    return studio.spread(hear, sounds)


def _judged(
    task: str, measure: str, studio: Studio, asked: Sequence[Asked], truth: Sequence[Heard]
) -> Row:
    made = studio.spread(hear_file, [studio.path(f"{own.name}-made") for own in asked])
    judge, told = _verdict(measure, studio)
    return judged(f"{task}: {measure} right", judge, told(made), told(truth), asked)


def _verdict(
    measure: str, studio: Studio
) -> tuple[Callable[[Any, Asked], bool], Callable[[Sequence[Heard]], Sequence[Any]]]:
    """Whether what is told of a song is right, and what is told of songs."""
    if measure == "key":
        return in_key, lambda songs: [song.key for song in songs]
    return in_time, judges_of(studio).tempos


def _extract(own: Asked, studio: Studio) -> list[str]:
    names = [TRACKS[part] for part in _EXTRACTED]
    target = studio.path(f"{own.name}-{{track}}")
    seed = ["--seed", str(own.seed), "--no-lm"]
    return ["extract", str(studio.path(own.name)), *names, *seed, "-o", str(target), *EXACT]


def _add(verb: str, own: Asked, parts: Sequence[str], studio: Studio) -> list[str]:
    tracks = [word for part in parts for word in ("--track", TRACKS[part])]
    caption = own.caption
    if verb == "lego":  # its words say what the new track sounds like
        alone = replace(own.recipe, parts=tuple(parts))
        caption = caption_of(alone, np.random.default_rng(own.seed))
    return [
        verb, str(studio.path(own.name)), caption, *own.words(), *tracks, "--no-lm",
        "-o", str(studio.path(f"{own.name}-made")), *EXACT,
    ]  # fmt: skip


def _sorted(*parts: str) -> tuple[str, ...]:
    return tuple(part for part in PARTS if part in parts)
