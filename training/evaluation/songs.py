"""Songs from words: tempo, key, length and cleanliness of all kinds, instruments of named bands."""

from __future__ import annotations

from collections.abc import Sequence

from training.evaluation.hearing import Heard, hear_file, hear_truth
from training.evaluation.judges import (
    in_key,
    in_relative_key,
    in_time,
    is_exact,
    judges_of,
    octave_apart,
)
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import Asked, draw_bands, draw_songs
from training.evaluation.rows import Row, by_style, judged, mean
from training.measures.cleanliness import Usual


def generate(asked: Asked, studio: Studio, *more: str) -> list[str]:
    """The command line that makes `asked`."""
    return [
        "generate", asked.caption, *asked.words(), "--duration", f"{asked.seconds:g}", "--no-lm",
        "-o", str(studio.path(asked.name)), *EXACT, *more,
    ]  # fmt: skip


def song_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Tempo, key, length and cleanliness of `count` songs."""
    asked = draw_songs(count, seconds)
    made, truth = _made_and_true(studio, asked)
    judges = judges_of(studio)
    tempo = (judges.tempos(made), judges.tempos(truth), asked)
    plain = ([one.librosa_tempo for one in made], [one.librosa_tempo for one in truth], asked)
    with_key = [index for index, own in enumerate(asked) if own.has_key]
    key = (
        [made[index].key for index in with_key],
        [truth[index].key for index in with_key],
        [asked[index] for index in with_key],
    )
    samples = ([one.samples for one in made], [one.samples for one in truth], asked)
    return [
        judged("tempo right", in_time, *tempo),
        judged("  an octave or three apart", octave_apart, *tempo),
        *by_style("tempo", in_time, *tempo),
        judged("tempo right, librosa alone", in_time, *plain),
        judged("  an octave or three apart", octave_apart, *plain),
        judged("key right", in_key, *key),
        judged("  the relative key", in_relative_key, *key),
        *by_style("key", in_key, *key),
        judged("duration exact", is_exact, *samples, shuffle=False),
        *_clean_rows(judges.usual, made, truth),
    ]


def instrument_rows(studio: Studio, each: int, seconds: float) -> list[Row]:
    """Whether each named band is heard where it was asked for."""
    bands = draw_bands(each, seconds)
    asked = [own for group in bands.values() for own in group]
    names = {own.name: band for band, group in bands.items() for own in group}
    made, truth = _made_and_true(studio, asked)
    judges = judges_of(studio)
    told, true = judges.bands(made), judges.bands(truth)

    def judge(band: str, own: Asked) -> bool:
        return band == names[own.name]

    rows = [judged("instruments right", judge, told, true, asked)]
    for place, band in enumerate(bands):
        own = slice(place * each, (place + 1) * each)
        row = judged(f"  {band}", judge, told[own], true[own], asked[own], shuffle=False)
        rows.append(row)
    return rows


def _made_and_true(studio: Studio, asked: Sequence[Asked]) -> tuple[list[Heard], list[Heard]]:
    studio.make([generate(own, studio) for own in asked])
    made = studio.spread(hear_file, [studio.path(own.name) for own in asked])
    return made, studio.spread(hear_truth, asked)


def _clean_rows(usual: Usual, made: Sequence[Heard], truth: Sequence[Heard]) -> list[Row]:
    def share(songs: Sequence[Heard], name: str | None) -> float | None:
        faults = [usual.faults(heard.cleanliness) for heard in songs]
        return mean(not found if name is None else name not in found for found in faults)

    rows = [Row("clean", share(made, None), None, share(truth, None), len(made))]
    for name in usual.ranges:
        rows.append(Row(f"  {name} usual", share(made, name), None, share(truth, name), len(made)))
    return rows
