"""What the planner makes of words about speed and mood."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.band.styles import STYLES
from training.evaluation.making import Studio
from training.evaluation.rows import Row, mean

# Words that training has with tempos from 125 and up to 90; between them is where they part.
_TEMPO_WORDS = {"fast": True, "energetic": True, "slow": False, "calm": False}
_PARTING_BPM = 107
_MOOD_WORDS = {"happy": True, "bright": True, "sad": False, "dark": False}
_OPTIONS = ("--plan-only", "--no-thinking", "--no-cot-caption", "--no-config", "--quiet")


@dataclass(frozen=True, slots=True)
class _Plan:
    words: str
    wanted: bool
    metas: dict[str, Any]


def planner_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """Whether tempo and mode follow the caption's words; `shuffled` is when they say the opposite
    of them. Each word is asked for in `count` / 8 captions."""
    each = max(count // 8, 1)
    rows = []
    for measure, words, judge in (
        ("planner: tempo words heeded", _TEMPO_WORDS, _is_fast),
        ("planner: mood words heeded", _MOOD_WORDS, _is_major),
    ):
        plans = _plans(studio, words, each, seconds)
        told = [(judge(plan.metas), plan.wanted) for plan in plans]
        right = mean(found is wanted for found, wanted in told)
        opposite = mean(found is (not wanted) for found, wanted in told)
        rows.append(Row(measure, right, opposite, 1.0, len(told)))
    return rows


def _plans(studio: Studio, words: dict[str, bool], each: int, seconds: float) -> list[_Plan]:
    styles = sorted(STYLES)
    asked = [
        (f"{word} {STYLES[styles[number % len(styles)]].words[0]}", wanted, number)
        for word, wanted in words.items()
        for number in range(each)
    ]
    folders = [
        studio.folder / "plans" / f"{caption.replace(' ', '-')}-{number}"
        for caption, _, number in asked
    ]
    studio.make(
        [
            "generate", caption, "--lyrics", "[Instrumental]", "--duration", f"{seconds:g}",
            "--seed", str(number), "--output-dir", str(folder), *_OPTIONS,
        ]
        for (caption, _, number), folder in zip(asked, folders, strict=True)
    )  # fmt: skip
    return [
        _Plan(caption, wanted, _metas(folder))
        for (caption, wanted, _), folder in zip(asked, folders, strict=True)
    ]


def _metas(folder: Path) -> dict[str, Any]:
    record = max(folder.glob("*.json"))  # the latest, by its name
    metas: dict[str, Any] = json.loads(record.read_text("utf-8"))["items"][0]["metas"]
    return metas


def _is_fast(metas: dict[str, Any]) -> bool | None:
    return None if metas["bpm"] is None else float(metas["bpm"]) > _PARTING_BPM


def _is_major(metas: dict[str, Any]) -> bool | None:
    return None if not metas["keyscale"] else str(metas["keyscale"]).endswith("major")
