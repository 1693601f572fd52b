"""What the planner makes of words about speed, mood, meter and key, and whether songs of its plans
and of its codes have the tempo that it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.band.styles import STYLES
from training.evaluation.hearing import hear_file, hear_truth
from training.evaluation.judges import in_time, judges_of
from training.evaluation.making import EXACT, Studio
from training.evaluation.requests import draw_with
from training.evaluation.rows import Row, judged, mean

Metas = Mapping[str, Any]

# Words that training has with tempos from 125 and up to 90; between them is where they part.
_SPEEDS = {"fast": "fast", "energetic": "fast", "slow": "slow", "calm": "slow"}
_PARTING_BPM = 107
_MOODS = {"happy": "major", "bright": "major", "sad": "minor", "dark": "minor"}
_METERS = {"in 3/4": "3", "waltz": "3", "in 4/4": "4", "in 6/8": "6"}
_KEYS = {f"in {key}": key for key in ("D minor", "A minor", "C major", "F# minor", "G# major")}
_OPTIONS = ("--plan-only", "--no-thinking", "--no-cot-caption", "--no-config", "--quiet")
# Songs of the plans' own tempo, for each request that is asked for.
_PLAYED = 0.25


@dataclass(frozen=True, slots=True)
class _Wish:
    """A caption with a word whose meaning is to show in the metadata."""

    caption: str
    wanted: str


def planner_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Whether metadata follow the caption's words, each kind asked for `count` / 2 times, and
    whether songs, without its codes and from them, have the tempo that the planner wrote."""
    rows = []
    for measure, words, told in (
        ("tempo", _SPEEDS, _speed),
        ("mood", _MOODS, _mode),
        ("meter", _METERS, _meter),
        ("key", _KEYS, _key),
    ):
        rows.append(_heeded(measure, words, told, studio, count))
    songs = max(round(count * _PLAYED), 1)
    return [
        *rows,
        _played_row("songs", studio, songs, seconds),
        _played_row("codes", studio, songs, seconds, "--thinking"),
    ]


def _heeded(
    measure: str,
    words: Mapping[str, str],
    told: Callable[[Metas], str],
    studio: Studio,
    count: int,
) -> Row:
    wishes = _wishes(words, max(count // 2 // len(words), 1))
    found = [told(metas) for metas in _plans(studio, measure, wishes)]
    right = mean(said == wish.wanted for said, wish in zip(found, wishes, strict=True))
    chance = mean(
        said == other.wanted
        for place, said in enumerate(found)
        for index, other in enumerate(wishes)
        if index != place
    )
    return Row(f"planner: {measure} words heeded", right, chance, 1.0, len(wishes))


def _wishes(words: Mapping[str, str], each: int) -> list[_Wish]:
    """Each word before or behind the name of a style that can have it."""
    wishes = []
    for word, wanted in words.items():
        able = sorted(
            name
            for name, style in STYLES.items()
            if words is not _METERS or int(wanted) in style.bars
        )
        for number in range(each):
            style = STYLES[able[number % len(able)]].words[0]
            behind = word.startswith("in ") or word == "waltz"
            wishes.append(_Wish(f"{style}, {word}" if behind else f"{word} {style}", wanted))
    return wishes


def _plans(studio: Studio, kind: str, wishes: list[_Wish]) -> list[Metas]:
    folders = [studio.folder / "plans" / f"{kind}-{number}" for number in range(len(wishes))]
    studio.make(
        [
            "generate", wish.caption, "--lyrics", "[Instrumental]", "--duration", "10",
            "--seed", str(number), "--output-dir", str(folder), *_OPTIONS,
        ]
        for number, (wish, folder) in enumerate(zip(wishes, folders, strict=True))
    )  # fmt: skip
    return [_item(folder)["metas"] for folder in folders]


def _played_row(kind: str, studio: Studio, count: int, seconds: float, *more: str) -> Row:
    """Songs of bass and drums, in which the planner chooses tempo and all else; `kind` says what
    they are made from with the options `more`."""
    asked = draw_with("planned", ("drums", "bass"), count, seconds)
    folders = [studio.folder / f"planned-{kind}" / own.name for own in asked]
    studio.make(
        [
            "generate", own.caption, "--lyrics", "[Instrumental]", "--duration", f"{seconds:g}",
            "--seed", str(own.seed), "--output-dir", str(folder), "--audio-format", "wav",
            *EXACT, *more,
        ]
        for own, folder in zip(asked, folders, strict=True)
    )  # fmt: skip
    items = [_item(folder) for folder in folders]
    planned = [
        replace(own, recipe=replace(own.recipe, bpm=round(item["metas"]["bpm"])))
        for own, item in zip(asked, items, strict=True)
    ]
    made = studio.spread(hear_file, [Path(item["path"]) for item in items])
    truth = studio.spread(hear_truth, planned)
    tempos = judges_of(studio).tempos
    measure = f"planner: {kind} in its tempo"
    return judged(measure, in_time, tempos(made), tempos(truth), planned)


def _item(folder: Path) -> Mapping[str, Any]:
    """The song of the latest job in `folder`, as its record has it."""
    record = max(folder.glob("*.json"))  # the latest, by its name
    item: Mapping[str, Any] = json.loads(record.read_text("utf-8"))["items"][0]
    return item


def _speed(metas: Metas) -> str:
    return "fast" if float(metas["bpm"] or 0) > _PARTING_BPM else "slow"


def _mode(metas: Metas) -> str:
    return str(metas["keyscale"]).rpartition(" ")[2]


def _meter(metas: Metas) -> str:
    return str(metas["timesignature"])


def _key(metas: Metas) -> str:
    return str(metas["keyscale"])
