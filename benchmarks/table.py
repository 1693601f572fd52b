"""Rows as text."""

from __future__ import annotations

from collections.abc import Collection

from benchmarks.results import TARGETS, Report, Row, Target

_WIDTHS = (36, 11, 11, 6, 8, 7, 11, 4, 8)
_HEADS = (
    "stage", "ours", "diffusers", "ratio", "target", "", "of ceiling", "runs", "differs",
)  # fmt: skip
_NOTHING = "-"
LEGEND = (
    "ratio: ours over diffusers, the best run of each. of ceiling: ours / diffusers, of the rate\n"
    "of large matrix products in this run. differs: relative root mean square of both results.\n"
    "Ours keeps the timbre token of silence from the first song on; diffusers works it out in each."
)


def header() -> str:
    """The names of the columns."""
    line = _line(_HEADS)
    return f"{line}\n{'-' * len(line)}"


def whole(report: Report) -> list[str]:
    """All rows below their header."""
    return [header(), *(row_line(row, report.ceiling(row.device)) for row in report.rows)]


def row_line(row: Row, ceiling: float | None) -> str:
    """One row."""
    ours, theirs = row.best
    verdict = {None: "", True: "met", False: "missed"}[row.is_met]
    runs = max(len(row.ours), len(row.theirs))
    return _line(
        (
            row.name if row.device == "cpu" else f"{row.device}: {row.name}",
            amount(ours, row.unit),
            amount(theirs, row.unit),
            _NOTHING if row.ratio is None else f"{row.ratio:.2f}",
            _NOTHING if row.target is None else _limit(row.target),
            verdict,
            _shares(*row.shares(ceiling)),
            str(runs),
            _NOTHING if row.difference is None else f"{row.difference:.1e}",
        )
    )


def ceilings(report: Report) -> list[str]:
    """The measured rates, a line for each device."""
    lines = []
    for device in dict.fromkeys(device for device, _ in report.rates):
        said = [
            f"{max(values) / 1e9:.0f} in {dtype}"
            for (other, dtype), values in report.rates.items()
            if other == device
        ]
        lines.append(f"ceiling of {device}: GFLOP/s of a large F.linear: {', '.join(said)}")
    return lines


def unquiet(report: Report, tolerated: float = 0.1) -> list[str]:
    """A warning for each rate that was not the same at both ends of the run."""
    return [
        f"warning: {dtype} products on {device} ran at {min(rates) / 1e9:.0f} to "
        f"{max(rates) / 1e9:.0f} GFLOP/s: the machine was not quiet, the ratios are less sure"
        for (device, dtype), rates in report.rates.items()
        if min(rates) < (1 - tolerated) * max(rates)
    ]


def summary(report: Report, wanted: Collection[str]) -> list[str]:
    """Targets met and missed, and what of the `wanted` ones was not seen."""
    judged = {row.key: row for row in report.rows if row.is_met is not None}
    missed = [row for row in judged.values() if not row.is_met]
    unseen = [key for key in TARGETS if key in wanted and key not in judged]
    lines = [
        f"targets: {len(judged) - len(missed)} met, {len(missed)} missed, {len(unseen)} not seen"
    ]
    lines += [f"  missed: {row.name}: {_against(row)}" for row in missed]
    lines += [f"  not seen: {key} ({_limit(TARGETS[key])})" for key in unseen]
    lines += [f"failed: {failure}" for failure in report.failures]
    return lines


def amount(value: float | None, unit: str) -> str:
    """A value with its unit."""
    if value is None:
        return _NOTHING
    if unit == "B":
        return f"{value / 1e9:.2f} GB"
    digits = 3 if value < 1 else 2
    return f"{value:.{digits}f} {unit}"


def _limit(target: Target) -> str:
    if target.kind == "ratio":
        return f"<= {target.limit:g}"
    return f"<= {target.limit / 1e9:g} GB"


def _against(row: Row) -> str:
    assert row.target is not None
    if row.target.kind == "ratio":
        return f"{row.ratio:.2f} of diffusers' where {row.target.limit:g} was hoped for"
    return f"{amount(row.best[0], row.unit)} where {_limit(row.target)} was hoped for"


def _shares(ours: float | None, theirs: float | None) -> str:
    if ours is None and theirs is None:
        return _NOTHING
    return " / ".join(_NOTHING if share is None else f"{share:.0%}" for share in (ours, theirs))


def _line(cells: Collection[str]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    text = [first[0].ljust(first[1])] + [cell.rjust(width) for cell, width in rest]
    return "  ".join(text).rstrip()
