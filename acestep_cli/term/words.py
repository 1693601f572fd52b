"""Words that all voices share: durations, counts, names of stages, complaints."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from acestep_cli.errors import AceStepError

RED, YELLOW, CYAN = "\x1b[31m", "\x1b[33m", "\x1b[36m"
_OFF = "\x1b[0m"
_CONTROL = "\N{REPLACEMENT CHARACTER}"
_UNKNOWN = "unknown"
# What people like to know the rate of; of steps and seconds they see the time that is left.
_RATED = ("tokens", "codes")


def clock(seconds: float) -> str:
    """`seconds` as people read them: `0.4 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count(done: float, total: float | None, unit: str) -> str:
    """`3/8 steps`, or `3 steps` where the total is unknown; empty where nothing is counted."""
    if not unit and total is None:
        return ""
    share = f"{done:.0f}/{total:.0f}" if total is not None else f"{done:.0f}"
    return f"{share} {unit}".rstrip()


def stage_name(stage: str, item: int | None, *, numbered: bool) -> str:
    """`compose`, or `compose 2` for the second item where items are numbered."""
    return f"{stage} {item + 1}" if numbered and item is not None else stage


def rate(done: float, seconds: float, unit: str) -> str:
    """`14.2 tokens/s`; empty before anything is known and for what is not counted in tokens."""
    if unit not in _RATED or done <= 0 or seconds <= 0:
        return ""
    return f"{done / seconds:.1f} {unit}/s"


def song_lines(metas: Mapping[str, Any], codes: int) -> Iterator[str]:
    """A planned or described song for people: caption, then what else is known, then lyrics.

    Lines have no control characters: the texts may be anybody's, and a terminal obeys them.
    """
    yield from _lines(metas.get("caption"))
    duration, bpm, meter = (metas.get(name) for name in ("duration", "bpm", "timesignature"))
    facts = [
        f"{bpm} bpm" if bpm else "",
        str(metas.get("keyscale") or ""),
        {"6": "6/8"}.get(str(meter), f"{meter}/4") if meter else "",
        " ".join(_lines(metas.get("genres"))),
        "" if metas.get("language") == _UNKNOWN else str(metas.get("language") or ""),
        clock(float(duration)) if duration else "",
        f"{codes} codes" if codes else "",
    ]
    if any(facts):
        yield " · ".join(fact for fact in facts if fact)
    yield from _lines(metas.get("lyrics"))


def _lines(text: object) -> Iterator[str]:
    for line in str(text or "").strip().splitlines():
        yield "".join(
            char if char == "\t" or unicodedata.category(char) != "Cc" else _CONTROL
            for char in line
        )


def complaint(error: AceStepError, *, colour: bool) -> str:
    """The lines that tell a person of `error`: what is wrong, then what to do about it."""
    lines = f"{paint('error:', RED, colour)} {on_one_line(error.message)}\n"
    if error.hint:
        lines += f"{paint('hint:', CYAN, colour)} {on_one_line(error.hint)}\n"
    return lines


def on_one_line(text: str) -> str:
    """`text` with what moves the cursor escaped: names of files may hold anything."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def paint(text: str, code: str, colour: bool) -> str:
    """`text` in the colour `code`, or as it is."""
    return f"{code}{text}{_OFF}" if colour else text
