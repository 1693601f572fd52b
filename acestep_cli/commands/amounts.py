"""Numbers and spans of time that are options of commands and no parameters of a song."""

from __future__ import annotations

import re
from datetime import timedelta

from acestep_cli.errors import UsageError

_LONGEST_SECONDS = 30 * 86_400
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) *([a-z]*)", re.ASCII)


def whole_number(option: str, text: str | None, most: int) -> int | None:
    """The number from 1 to `most` that `text` writes, None for None; UsageError for anything
    else."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most):
        raise UsageError(f"{option} is {text!r} and must be a number from 1 to {most}")
    return int(text[:12])


def span(option: str, text: str) -> timedelta:
    """The span of time from 0 s to 30 d that `text` writes: `90` or `90s`, `15min`, `2h`, `3d`.
    UsageError for anything else."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is not None and match[2] in _UNITS:
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds <= _LONGEST_SECONDS:
            return timedelta(seconds=seconds)
    raise UsageError(
        f"{option} is {text!r} and must be a span of time from 0 s to 30 d",
        "write it like 90, 15min, 2h or 3d",
    )


def seconds_of(option: str, text: str | None) -> float | None:
    """`span` in seconds, None for None."""
    return None if text is None else span(option, text).total_seconds()
