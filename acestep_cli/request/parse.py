"""One raw value (from a flag, TOML, the environment or JSON) to the typed value of its field.

Raises BadValue; checks ranges only where a value has no other meaning (codes, choices).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from acestep_cli.request import codes, languages, music, regions
from acestep_cli.request.field import Field, squeeze
from acestep_cli.request.fields import near_miss
from acestep_cli.request.problems import BadValue, shown

_TRUE = frozenset(("true", "1", "yes", "on", "y", True))
_FALSE = frozenset(("false", "0", "no", "off", "n", False))
_NOT_GIVEN = frozenset(("", "n/a"))
_CHOICE_ALIASES = {
    "repainting": "repaint", "inpaint": "repaint", "covernofsq": "cover-nofsq",
    "extend": "continuation", "outpaint": "continuation", "txt2music": "text2music",
    "continue": "continuation", "m4a": "aac", "vorbis": "ogg", "ogg/vorbis": "ogg", "wave": "wav",
}  # fmt: skip
_SECONDS = re.compile(
    r"(?:(\d{1,4}(?:\.\d*)?)\s*(?:m|mins?|minutes?|['′])\s*(?:and\s+)?)?"
    r"(?:(\d{1,6}(?:\.\d*)?)\s*(?:s|secs?|seconds?|[\"″])?)?",
    re.ASCII,
)
_CLOCK = re.compile(r"(-?)(\d{1,3}):([0-5]?\d(?:\.\d*)?)", re.ASCII)
_BITRATE = re.compile(r"(\d{1,9})\s*(?:k|kb|kbit|kbps|kb/s|kbit/s)?", re.ASCII)
_MAX_LIST = 1_000


def parse(field: Field, raw: object) -> Any:
    """The typed value of `raw` for `field`; its default where `raw` says "not given"."""
    if isinstance(raw, str):
        word = raw.strip().lower()
        if word in _NOT_GIVEN and (field.kind != "text" or (not word and field.default is None)):
            return field.default
        if word == "auto" and field.default is None and field.kind not in ("text", "path"):
            return None
        raw = raw if field.kind in ("text", "path") else raw.strip()
    return _PARSERS[field.kind](field, raw)


def _text(field: Field, raw: object) -> str:
    if isinstance(raw, str):
        return raw
    raise BadValue(f"{field.name} is {shown(raw)}, not text", f"write {field.name} as text")


def _path(field: Field, raw: object) -> str:
    import os

    return _text(field, os.fspath(raw) if isinstance(raw, os.PathLike) else raw)


def _bool(field: Field, raw: object) -> bool:
    word = raw.lower() if isinstance(raw, str) else raw
    if isinstance(word, (str, int)) and word in _TRUE:
        return True
    if isinstance(word, (str, int)) and word in _FALSE:
        return False
    raise BadValue(
        f"{field.name} is {shown(raw)}, neither true nor false",
        f"set {field.name} to true or false",
    )


def _float(field: Field, raw: object) -> float:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _finite(field, raw)
    if isinstance(raw, str) and raw.isascii() and "_" not in raw:
        try:
            return _finite(field, float(raw))
        except ValueError:
            pass
    raise _not_a(field, raw, "number")


def _finite(field: Field, number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise _not_a(field, number, "finite number")
    return value


def _int(field: Field, raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and re.fullmatch(r"[+-]?[0-9]{1,40}", raw):
        return int(raw)
    try:
        number = _float(field, raw)
    except BadValue:
        raise _not_a(field, raw, "whole number") from None
    if number.is_integer():
        return int(number)
    raise _not_a(field, raw, "whole number")


def _bpm(field: Field, raw: object) -> int:
    return _int(field, music.strip_bpm(raw) if isinstance(raw, str) else raw)


def _seconds(field: Field, raw: object) -> float | None:
    if isinstance(raw, str):
        value = _clock_seconds(raw)
        if value is None and ":" in raw:
            raise BadValue(
                f"{field.name} is {shown(raw)}, not minutes and seconds",
                f"give {field.name} in seconds or as m:ss, with less than 60 seconds",
            )
        value = _float(field, raw) if value is None else value
    else:
        value = _float(field, raw)
    means_auto = (-1.0, 0.0) if field.name == "duration" else (-1.0,)
    return None if field.default is None and value in means_auto else value


def _clock_seconds(text: str) -> float | None:
    """`2:30`, `90s`, `2m30s`, `1.5 min`, `2'30"` in seconds; None for anything else."""
    if clock := _CLOCK.fullmatch(text):
        seconds = int(clock[2]) * 60 + float(clock[3])
        return -seconds if clock[1] else seconds
    parts = _SECONDS.fullmatch(text.lower())
    if parts and any(parts.groups()):
        return float(parts[1] or 0) * 60 + float(parts[2] or 0)
    return None


def _choice(field: Field, raw: object) -> str:
    text = _text(field, raw)
    key = squeeze(text)
    spelled = {squeeze(str(choice)): str(choice) for choice in field.choices}
    found = spelled.get(key) or spelled.get(squeeze(_CHOICE_ALIASES.get(key, "")))
    if found is not None:
        return found
    close = near_miss(text, tuple(spelled.values()))
    guess = f"did you mean {close}? " if close else ""
    raise BadValue(
        f"{field.name} {shown(text)} is not one of {field.range}",
        f"{guess}choose one of {field.range}",
    )


def _keyscale(field: Field, raw: object) -> str:
    return music.parse_keyscale(_text(field, raw))


def _timesignature(field: Field, raw: object) -> str:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        raw = shown(raw)
    return music.parse_timesignature(_text(field, raw))


def _language(field: Field, raw: object) -> str:
    return languages.parse_language(_text(field, raw))


def _seeds(field: Field, raw: object) -> tuple[int, ...]:
    entries = _list(field, raw)
    seeds = tuple(
        -1 if entry is None or entry in ("", "random") else _int(field, entry) for entry in entries
    )
    return () if all(seed == -1 for seed in seeds) else seeds


def _timesteps(field: Field, raw: object) -> tuple[float, ...]:
    return tuple(_float(field, entry) for entry in _list(field, raw))


def _tracks(field: Field, raw: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_choice(field, entry) for entry in _entries(field, raw)))


def _regions(field: Field, raw: object) -> tuple[regions.Region, ...]:
    def seconds(text: str) -> float:
        clock = _clock_seconds(text)
        return _float(field, text) if clock is None else clock

    return regions.ordered(
        [
            regions.parse_region(_text(field, entry), seconds)
            if not isinstance(entry, (list, tuple))
            else _pair(field, entry)
            for entry in _entries(field, raw)
        ]
    )


def _pair(field: Field, raw: Sequence[object]) -> regions.Region:
    """`[10, 20]` or `[45.5, null]`."""
    if len(raw) != 2 or raw[0] is None:
        raise BadValue(f"{shown(list(raw))} is not a region", f"write it as {field.name} 10-20")
    return _float(field, raw[0]), None if raw[1] is None else _float(field, raw[1])


def _entries(field: Field, raw: object) -> list[object]:
    """The entries of `_list`, those of texts in a list among them."""
    found = []
    for entry in _list(field, raw):
        found += _list(field, entry) if isinstance(entry, str) else [entry]
    return found


def _list(field: Field, raw: object) -> list[object]:
    """The entries of a list, of bracketed text, or of text with commas, semicolons or bars."""
    if isinstance(raw, str):
        body = raw.removeprefix("[").removesuffix("]")
        raw = [piece.strip().strip("\"'") for piece in re.split(r"[,;|]", body)] if body else []
    entries = list(raw) if isinstance(raw, (list, tuple)) else [raw]
    if len(entries) > _MAX_LIST:
        raise BadValue(
            f"{field.name} has {len(entries)} entries, more than {_MAX_LIST}",
            f"give at most {_MAX_LIST} entries",
        )
    return entries


def _codes(field: Field, raw: object) -> tuple[tuple[int, ...], ...]:
    if isinstance(raw, str):
        return tuple(codes.parse_codes(line) for line in raw.splitlines() if line.strip())
    if isinstance(raw, (list, tuple)):
        if raw and all(type(entry) is int for entry in raw):
            return (codes.check_codes(raw),)
        return tuple(_codes_of_item(field, entry) for entry in raw)
    raise _not_a(field, raw, "text or list of codes")


def _codes_of_item(field: Field, raw: object) -> tuple[int, ...]:
    if isinstance(raw, str):
        return codes.parse_codes(raw)
    if isinstance(raw, (list, tuple)) and all(type(entry) is int for entry in raw):
        return codes.check_codes(raw)
    raise BadValue(
        f"{shown(raw)} holds no audio codes", "give text or a list of numbers", content=True
    )


def _bitrate(field: Field, raw: object) -> int:
    if isinstance(raw, str):
        match = _BITRATE.fullmatch(raw.lower())
        raw = match[1] if match else raw
    return _int(field, raw)


def _not_a(field: Field, raw: object, what: str) -> BadValue:
    limits = f" ({field.range})" if field.range else ""
    return BadValue(
        f"{field.name} is {shown(raw)}, not a {what}", f"give {field.name} as a {what}{limits}"
    )


_PARSERS: dict[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "path": _path,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "seconds": _seconds,
    "choice": _choice,
    "bpm": _bpm,
    "keyscale": _keyscale,
    "timesignature": _timesignature,
    "language": _language,
    "seeds": _seeds,
    "timesteps": _timesteps,
    "codes": _codes,
    "bitrate": _bitrate,
    "tracks": _tracks,
    "regions": _regions,
}
