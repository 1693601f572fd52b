"""What the planner decides about a song in words: values, their text form, what is given to it.

Knows nothing about tokens; `metadata_parse` takes texts apart, `metadata_text` cleans them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from acestep_cli.pipeline.metadata_parse import Output, parse_output
from acestep_cli.request import BY_NAME
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.request.problems import BadValue
from acestep_cli.request.validate import check
from acestep_cli.request.values import read_value

__all__ = [
    "Entry",
    "Metadata",
    "Output",
    "Reading",
    "code_budget",
    "cot_text",
    "forced_fields",
    "parse_output",
    "read_metadata",
    "scalar_text",
]

# What the reasoning holds, in its order; genres are written by the model and never given back.
COT_FIELDS = ("bpm", "caption", "duration", "keyscale", "language", "timesignature")
NUMBERS = ("bpm", "duration", "keyscale", "timesignature")

Entry = Literal["generate", "expand", "rewrite", "draft"]

_NOT_GIVEN = ("", "n/a")
_FIELDS = {
    **{name: BY_NAME[name] for name in ("caption", "lyrics", *NUMBERS)},
    "genres": replace(BY_NAME["caption"], name="genres"),
    "language": BY_NAME["vocal_language"],
}
_FORCED: dict[Entry, tuple[str, ...]] = {
    "generate": (*NUMBERS, "language"),
    "expand": ("language",),
    "rewrite": (*NUMBERS, "language"),
    "draft": COT_FIELDS,
}
_SPARE_TOKENS = 10
# Python turns no longer text into a number.
_MOST_DIGITS = 4300


@dataclass(frozen=True, slots=True)
class Metadata:
    """One song in words and numbers, None where nobody said anything.

    bpm 30..300; duration 1..600 seconds; keyscale one of request.music.KEYSCALES; timesignature 2,
    3, 4 or 6; language one of the 51 codes, `unknown` among them.
    """

    bpm: int | None = None
    caption: str | None = None
    duration: int | float | None = None
    genres: str | None = None
    keyscale: str | None = None
    language: str | None = None
    timesignature: str | None = None
    lyrics: str | None = None

    @property
    def cot_fields(self) -> dict[str, int | str]:
        """What is known of the reasoning, in its order; seconds are cut to whole ones."""
        known = {name: getattr(self, name) for name in COT_FIELDS}
        if self.duration is not None:
            known["duration"] = int(self.duration)
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reading:
    """Values in their canonical form, and a sentence for each one that could not be read."""

    metadata: Metadata
    dropped: tuple[str, ...] = ()


def cot_text(metadata: Metadata | Mapping[str, Any]) -> str:
    """The reasoning that holds `metadata`, as training wrote it (planner facts 2.5).

    A mapping is written as it is: None and unknown names are left out, `3/4` becomes `3`. Text of
    digits alone is written as a number, so that a caption `007` reads `7`.
    """
    fields = metadata.cot_fields if isinstance(metadata, Metadata) else metadata
    given = {name: fields[name] for name in COT_FIELDS if fields.get(name) is not None}
    body = _dump(given).strip() if given else ""
    return f"<think>\n{body}\n</think>"


def scalar_text(name: str, value: int | str) -> str:
    """What `cot_text` writes behind `name: `; long text goes on in indented lines."""
    return _dump({name: value}).removeprefix(f"{name}: ").removesuffix("\n")


def read_metadata(fields: Mapping[str, object], *, upstream: bool = False) -> Reading:
    """The values of model output or of a plan file; what cannot be read is dropped, with a reason.

    `fields` may hold more than metadata; `vocal_language` counts as language. `upstream` takes
    texts as they are and any number, as the results of the original's functions do.
    """
    named = {"language": fields.get("vocal_language"), **fields}
    values: dict[str, Any] = {}
    dropped = []
    for name in _FIELDS:
        try:
            raw = named.get(name)
            values[name] = _as_written(name, raw) if upstream else _checked(name, raw)
        except BadValue as bad:
            dropped.append(bad.message)
    return Reading(Metadata(**values), tuple(dropped))


def forced_fields(entry: Entry, known: Metadata, *, upstream: bool = False) -> dict[str, int | str]:
    """The values of `known` that the planner has to write (planner facts 2.7).

    `generate`: the first phase of a song, `expand`: from a few words, `rewrite`: better caption and
    lyrics, `draft`: an edited plan. `upstream` leaves the language out of `generate`, where the
    original lets the planner choose one even if the person did.
    """
    names = NUMBERS if upstream and entry == "generate" else _FORCED[entry]
    return {name: value for name, value in known.cot_fields.items() if name in names}


def code_budget(duration: float) -> int:
    """Most tokens of the codes phase of `duration` seconds: 5 for each of them and a few to end in.
    Depends on nothing but the song."""
    return int(CODES_PER_SECOND * duration) + _SPARE_TOKENS


def _dump(fields: Mapping[str, Any]) -> str:
    written = {name: _written(name, value) for name, value in fields.items()}
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=True)


def _written(name: str, value: Any) -> Any:
    if name == "timesignature" and value.endswith("/4"):
        value = value.partition("/")[0]
    digits = isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS
    return int(value) if digits else value


def _checked(name: str, raw: object) -> object:
    """The canonical value of `raw`, None where it says nothing; BadValue."""
    if raw is None or (isinstance(raw, str) and raw.strip().lower() in _NOT_GIVEN):
        return None
    field = _FIELDS[name]
    value = read_value(field, raw)[field.name]
    if problem := next(check(field, value), None):
        raise BadValue(problem.message, problem.remedy)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_written(name: str, raw: object) -> object:
    if name in ("bpm", "duration"):
        return _original_number(int if name == "bpm" else float, raw)
    return None if raw == "N/A" and name in ("keyscale", "language", "timesignature") else raw


def _original_number(kind: Callable[[Any], float], raw: object) -> float | None:
    try:
        return kind(raw)
    except (TypeError, ValueError, OverflowError):
        return None
