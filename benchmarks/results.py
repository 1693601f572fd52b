"""What was measured, beside what was hoped for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Unit = Literal["s", "s/s", "B"]
Dtype = Literal["bfloat16", "float32"]


@dataclass(frozen=True, slots=True)
class Target:
    """The most that a row may be: its ratio to diffusers, or its own value in its unit."""

    kind: Literal["ratio", "value"]
    limit: float


# The house's goals on a CPU in bfloat16. A planner's rates are 1.7, 2.1 and 3.3 times theirs.
TARGETS: dict[str, Target] = {
    "words-256": Target("ratio", 0.5),
    "words-1016": Target("ratio", 0.5),
    "dit-30": Target("ratio", 0.84),
    "dit-240": Target("ratio", 0.78),
    "vae-10": Target("ratio", 0.45),
    "vae-30": Target("ratio", 0.36),
    "vae-memory": Target("value", 3e9),
    "song-first-step": Target("ratio", 0.45),
    "song": Target("ratio", 0.48),
    "song-memory": Target("ratio", 0.75),
    "planner-0.6B": Target("ratio", 0.588),
    "planner-0.6B-int8": Target("ratio", 0.476),
    "planner-0.6B-int4": Target("ratio", 0.303),
    "planner-1.7B": Target("ratio", 0.588),
    "planner-1.7B-int8": Target("ratio", 0.476),
    "planner-1.7B-int4": Target("ratio", 0.303),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing; every run of both sides, of which the best counts.

    unit: seconds, seconds for a second of audio, or bytes; work: floating-point operations in the
    unit of time for ours and theirs, where they are counted; difference: of the two results,
    relative root mean square.
    """

    key: str
    name: str
    unit: Unit
    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    work: tuple[float, float] | None = None
    difference: float | None = None
    device: str = "cpu"

    @property
    def best(self) -> tuple[float | None, float | None]:
        """The best of ours and of theirs; None for what could not be measured."""
        return min(self.ours, default=None), min(self.theirs, default=None)

    @property
    def ratio(self) -> float | None:
        """Ours over theirs: below 1 is better."""
        ours, theirs = self.best
        return ours / theirs if ours is not None and theirs else None

    @property
    def target(self) -> Target | None:
        """What the row should reach."""
        return TARGETS.get(self.key)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None without one, or where it could not be seen."""
        if self.target is None:
            return None
        value = self.ratio if self.target.kind == "ratio" else self.best[0]
        return None if value is None else value <= self.target.limit

    def shares(self, ceiling: float | None) -> tuple[float | None, float | None]:
        """The fraction of `ceiling` (operations a second) that ours and theirs reach."""
        if self.work is None or not ceiling:
            return None, None
        ours, theirs = (
            None if not seconds else work / seconds / ceiling
            for work, seconds in zip(self.work, self.best, strict=True)
        )
        return ours, theirs

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        target = self.target
        return {
            "key": self.key,
            "name": self.name,
            "unit": self.unit,
            "device": self.device,
            "ours": list(self.ours),
            "diffusers": list(self.theirs),
            "ratio": self.ratio,
            "target": None if target is None else {"kind": target.kind, "at_most": target.limit},
            "met": self.is_met,
            "operations": None if self.work is None else list(self.work),
            "difference": self.difference,
        }


@dataclass(slots=True)
class Report:
    """All of a run, in order. `listener` hears of every row and remark as it comes."""

    machine: dict[str, Any]
    listener: Callable[[Row | str], None]
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    rates: dict[tuple[str, Dtype], list[float]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Take a row that holds anything."""
        if row.ours or row.theirs:
            self.rows.append(row)
            self.listener(row)

    def fail(self, what: str, why: object) -> None:
        """Name what could not be measured."""
        self.failures.append(f"{what}: {why}")
        self.listener(f"failed: {what}: {why}")

    def remark(self, text: str) -> None:
        """Keep a sentence for the end, and say it now."""
        self.remarks.append(text)
        self.listener(text)

    def rate(self, device: str, dtype: Dtype, rate: float) -> None:
        """Keep a measured rate of matrix products."""
        self.rates.setdefault((device, dtype), []).append(rate)

    def ceiling(self, device: str, dtype: Dtype = "bfloat16") -> float | None:
        """The best rate seen."""
        return max(self.rates.get((device, dtype), ()), default=None)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        shares = {row.key: row.shares(self.ceiling(row.device)) for row in self.rows}
        return {
            "schema": "acestep.benchmark/1",
            "machine": self.machine,
            "ceilings": [
                {"device": device, "dtype": dtype, "operations_per_second": rates}
                for (device, dtype), rates in self.rates.items()
            ],
            "rows": [{**row.as_dict(), "of_ceiling": list(shares[row.key])} for row in self.rows],
            "failures": self.failures,
            "remarks": self.remarks,
        }
