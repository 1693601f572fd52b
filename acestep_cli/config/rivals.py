"""Parameters that say the same thing in two ways: the stronger source has its way, as with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from acestep_cli.request.values import INSTRUMENTAL

Meant = Callable[[Any], bool]


def displaced(new: Mapping[str, Any], below: Mapping[str, Any]) -> list[str]:
    """Which values of weaker sources, `below`, the `new` ones of a stronger source replace though
    their names differ: together they contradict each other, or one has no effect."""
    names = {
        name
        for cause, meant, rivals in _RIVALS
        if cause in new and meant(new[cause])
        for name in rivals
    }
    if new.get("audio_format") == "flac" and below.get("bit_depth") == 32:
        names.add("bit_depth")
    return [name for name in below if name in names and name not in new]


def _given(value: Any) -> bool:
    return value is not None


def _off(value: Any) -> bool:
    return not value


def _sung(lyrics: str) -> bool:
    return lyrics.strip() not in ("", INSTRUMENTAL)


# A parameter, the values of it that say something, and what says the same or the opposite.
_RIVALS: tuple[tuple[str, Meant, tuple[str, ...]], ...] = (
    ("regions", bool, ("repainting_start", "repainting_end")),
    ("repainting_start", _given, ("regions",)),
    ("repainting_end", _given, ("regions",)),
    ("lyrics", _sung, ("instrumental",)),
    ("instrumental", bool, ("lyrics",)),
    ("loudness", _given, ("enable_normalization",)),
    ("enable_normalization", _off, ("loudness",)),
    ("timesteps", bool, ("inference_steps", "shift")),
    ("inference_steps", _given, ("timesteps",)),
    ("shift", _given, ("timesteps",)),
)
