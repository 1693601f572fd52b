"""Rows of the table: what was made, beside chance, truth and target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.evaluation.requests import Asked

Told = TypeVar("Told")

# What each row should reach, in its unit; a row that is not here is told for information.
TARGETS = {
    "tempo right": 0.8,
    "key right": 0.7,
    "instruments right": 0.8,
    "duration exact": 1.0,
    "clean": 0.9,
    "repaint: outside identical": 1.0,
    "repaint: inside different": 1.0,
    "repaint: tempo inside right": 0.7,
    "extract: drums, over the mix": 5.0,
    "extract: bass, over the mix": 5.0,
    "extract: keys, over the mix": 5.0,
    "cover: harmony at strength 1": 0.6,
    "cover: harmony that strength 0 gives up": 0.2,
    "lego: tempo right": 0.7,
    "lego: key right": 0.6,
    "complete: tempo right": 0.7,
    "complete: key right": 0.6,
    "reference: nearer to its timbre": 0.8,
    "voice: its vowel sung": 0.6,
    "voice: the vowel of each beat": 0.6,
    "planner: tempo words heeded": 0.9,
    "planner: mood words heeded": 0.9,
    "planner: meter words heeded": 0.9,
    "planner: key words heeded": 0.9,
    "planner: songs in its tempo": 0.8,
    "planner: codes in its tempo": 0.8,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line. made: the demonstration; shuffled: the same sounds held against other requests;
    band: what the band itself plays for the requests. None where there is no such number. Shares
    from 0 to 1 unless `unit` names another; count: how many songs were heard."""

    measure: str
    made: float | None
    shuffled: float | None = None
    band: float | None = None
    count: int = 0
    unit: str = ""

    @property
    def target(self) -> float | None:
        """What should be reached."""
        return TARGETS.get(self.measure)

    def as_dict(self) -> dict[str, str | float | int | None]:
        """All of it for JSON, where an infinite number is null."""
        numbers = {
            "made": self.made,
            "shuffled": self.shuffled,
            "band": self.band,
            "target": self.target,
        }
        finite = {
            name: value if value is None or math.isfinite(value) else None
            for name, value in numbers.items()
        }
        return {"measure": self.measure, **finite, "count": self.count, "unit": self.unit}


def judged(
    measure: str,
    judge: Callable[[Told, Asked], bool],
    made: Sequence[Told],
    truth: Sequence[Told] | None,
    asked: Sequence[Asked],
    *,
    shuffle: bool = True,
) -> Row:
    """The share of songs for which `judge` says yes to what was told of their sound; the shuffled
    one is the mean over every sound and every request but its own. `truth` None: the band is not
    what was told of."""
    return Row(
        measure,
        mean(judge(told, own) for told, own in zip(made, asked, strict=True)),
        mean(
            judge(told, other)
            for place, told in enumerate(made)
            for index, other in enumerate(asked)
            if index != place
        )
        if shuffle
        else None,
        None if truth is None else mean(judge(*pair) for pair in zip(truth, asked, strict=True)),
        len(asked),
    )


def by_style(
    measure: str,
    judge: Callable[[Told, Asked], bool],
    made: Sequence[Told],
    truth: Sequence[Told],
    asked: Sequence[Asked],
) -> list[Row]:
    """The row of each style alone."""
    rows = []
    for style in sorted({own.recipe.style for own in asked}):
        kept = [index for index, own in enumerate(asked) if own.recipe.style == style]
        chosen_made, chosen_truth, own = (
            [made[index] for index in kept],
            [truth[index] for index in kept],
            [asked[index] for index in kept],
        )
        rows.append(judged(f"  {measure}, {style}", judge, chosen_made, chosen_truth, own))
    return rows


def mean(values: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    told = list(values)
    return float(np.mean(told)) if told else None


def table_of(rows: Sequence[Row]) -> str:
    """The rows as text, one a line under their headings."""
    head = ("measure", "demo", "shuffled", "the band", "target", "songs")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (row.made, row.shuffled, row.band, row.target)
    return (row.measure, *(_number(value, row.unit) for value in numbers), str(row.count or ""))


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} {unit}" if unit else f"{value:.2f}"
