"""Plans that are given back: the JSON of a record, or one written by hand.

A plan is an object with `items`, or is one item itself; an item holds `metas` and `audio_codes` as
a record does, or the values themselves. What it lacks, or holds as null, is left to the planner.
What `--json` prints is read as what it tells of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from acestep_cli.errors import InputError
from acestep_cli.request.fields import BY_NAME, find, near_miss
from acestep_cli.request.problems import BadValue, Problem, error_of, shown
from acestep_cli.request.validate import check
from acestep_cli.request.values import read_value

_MOST_ITEMS = 8
# What a record's item says about what became of it.
_RESULTS = frozenset(("index", "track", "path", "level", "lm_metadata"))
_PLANNED = (
    "caption", "lyrics", "bpm", "keyscale", "timesignature", "duration", "vocal_language",
    "instrumental", "audio_codes", "seed",
)  # fmt: skip
_FIELDS = {
    **{name: BY_NAME[name] for name in _PLANNED},
    "genres": replace(BY_NAME["caption"], name="genres"),
}
_REMEDY = "give a record of acestep, or what `acestep generate --plan-only` prints"


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One planned song: raw `values` under canonical names, and genres, which nobody asks for;
    `source` says for people which song it is."""

    values: dict[str, Any]
    genres: str | None = None
    source: str = field(default="the plan", compare=False)


class _Twice(ValueError):
    """One name that an object of the plan gives two values."""


def read_plan(text: str, source: str) -> tuple[PlanItem, ...]:
    """The 1 to 8 songs of a plan.

    InputError, naming `source`, for what is none; UsageError or InputError for the values of a song
    that cannot be.
    """
    try:
        plan = json.loads(text, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} is no plan: {_reason(error)}", _REMEDY) from error
    if isinstance(plan, dict) and isinstance(plan.get("data"), dict):
        plan = plan["data"]
    if not isinstance(plan, dict):
        raise InputError(f"{source} is no plan: it holds no JSON object", _REMEDY)
    items = plan.get("items", [plan])
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST_ITEMS:
        raise InputError(f"{source} is no plan: `items` are not 1 to {_MOST_ITEMS} songs", _REMEDY)
    if "items" in plan and (stray := next((name for name in plan if _canonical(name)), None)):
        raise InputError(
            f"{source} holds {shown(stray)} beside its songs, where nothing reads it",
            "write it into each of the `items`",
        )
    return tuple(_item(item, f"song {number} of {source}") for number, item in enumerate(items, 1))


def _item(item: object, source: str) -> PlanItem:
    if not isinstance(item, Mapping):
        raise InputError(f"{source} is {shown(item)} and not an object", _REMEDY)
    metas = item.get("metas")
    if not isinstance(metas, Mapping | None):
        raise InputError(f"the metas of {source} are {shown(metas)} and not an object", _REMEDY)
    flat = {name: raw for name, raw in item.items() if name != "metas" and name not in _RESULTS}
    values: dict[str, Any] = {}
    for spelling, raw in [*(metas or {}).items(), *flat.items()]:
        name = _canonical(spelling)
        if name is None:
            raise _no_part(spelling, source)
        if raw is None or raw == "":
            continue
        if name in values and values[name] != raw:
            raise InputError(
                f"{source} gives {name} twice, as {shown(values[name])} and {shown(raw)}",
                "leave one of them out",
            )
        values[name] = raw
    if problems := list(_problems(values, source)):
        raise error_of(problems)
    genres = values.pop("genres", None)
    return PlanItem(values, genres, source)


def _problems(values: dict[str, Any], source: str) -> Iterator[Problem]:
    """What is wrong with single values; a song's list of codes is put into the form of the
    parameter, which holds one list for each song."""
    if isinstance(codes := values.get("audio_codes"), list) and not _is_nested(codes):
        values["audio_codes"] = [codes]
    for name, raw in values.items():
        row = _FIELDS[name]
        try:
            value = read_value(row, raw)[name]
            found = list(check(row, value))
        except BadValue as bad:
            value, found = None, [Problem(name, bad.message, bad.remedy, bad.content)]
        if name in ("audio_codes", "seed") and value is not None and len(value) > 1:
            what = "lists of audio codes" if name == "audio_codes" else "seeds"
            found.append(Problem(name, f"{len(value)} {what} are given", "give one for each song"))
        for problem in found:
            yield replace(problem, message=f"{source}: {problem.message}")


def _is_nested(codes: list[Any]) -> bool:
    return any(isinstance(entry, (str, list)) for entry in codes)


def _canonical(name: str) -> str | None:
    """What the plan calls `name`; None for what is no part of a plan."""
    row = find(name)
    if row is not None and row.name in _PLANNED:
        return row.name
    return name if name == "genres" else None


def _no_part(name: str, source: str) -> InputError:
    close = near_miss(name, (*_PLANNED, "language", "genres"))
    remedy = f"did you mean {close}? " if close else ""
    return InputError(
        f"{source} holds {shown(name)}, which is no part of a plan",
        f"{remedy}a plan holds {', '.join(_PLANNED)} and genres",
    )


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`; of two values for one name JSON would keep the last."""
    made: dict[str, Any] = {}
    for name, raw in pairs:
        if name in made and made[name] != raw:
            raise _Twice(f"it gives {shown(name)} twice, as {shown(made[name])} and {shown(raw)}")
        made[name] = raw
    return made


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not JSON ({error.msg})"
    if isinstance(error, _Twice):
        return str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it holds a number with too many digits"
