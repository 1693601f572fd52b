"""Plans that are given back: the JSON of a record, or one written by hand.

A plan is an object with `items`, or is one item itself; an item holds `metas` and `audio_codes` as
a record does, or the values themselves. What it lacks, or holds as null, is left to the planner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acestep_cli.errors import InputError
from acestep_cli.request.fields import find, near_miss
from acestep_cli.request.problems import shown

_MOST_ITEMS = 8
# What a record's item says about what became of it.
_RESULTS = frozenset(("index", "path", "level", "lm_metadata"))
_PLANNED = (
    "caption", "lyrics", "bpm", "keyscale", "timesignature", "duration", "vocal_language",
    "instrumental", "audio_codes", "seed",
)  # fmt: skip
_REMEDY = "give a record of acestep, or what `acestep generate --plan-only` prints"


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One planned song: raw `values` under canonical names, and genres, which nobody asks for."""

    values: dict[str, Any]
    genres: str | None = None


def read_plan(text: str, source: str) -> tuple[PlanItem, ...]:
    """The 1 to 8 songs of a plan; InputError, naming `source`, for what is none."""
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source} is no plan: {_reason(error)}", _REMEDY) from error
    if not isinstance(plan, dict):
        raise InputError(f"{source} is no plan: it holds no JSON object", _REMEDY)
    items = plan.get("items", [plan])
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST_ITEMS:
        raise InputError(f"{source} is no plan: `items` are not 1 to {_MOST_ITEMS} songs", _REMEDY)
    return tuple(_item(item, f"song {number} of {source}") for number, item in enumerate(items, 1))


def _item(item: object, source: str) -> PlanItem:
    if not isinstance(item, Mapping):
        raise InputError(f"{source} is {shown(item)} and not an object", _REMEDY)
    metas = item.get("metas") or {}
    if not isinstance(metas, Mapping):
        raise InputError(f"the metas of {source} are {shown(metas)} and not an object", _REMEDY)
    flat = {name: raw for name, raw in item.items() if name != "metas" and name not in _RESULTS}
    genres: str | None = None
    values: dict[str, Any] = {}
    for name, raw in [*metas.items(), *flat.items()]:
        if raw is None or raw == "":
            continue
        if name == "genres":
            genres = str(raw)
            continue
        values[_canonical(name, source)] = raw
    if isinstance(codes := values.get("audio_codes"), list):
        # A list of numbers is one song; the parameter of the same name takes one list for each.
        values["audio_codes"] = [codes]
    return PlanItem(values, genres)


def _canonical(name: str, source: str) -> str:
    field = find(name)
    if field is not None and field.name in _PLANNED:
        return field.name
    close = near_miss(name, (*_PLANNED, "language", "genres"))
    remedy = f"did you mean {close}? " if close else ""
    raise InputError(
        f"{source} holds {shown(name)}, which is no part of a plan",
        f"{remedy}a plan holds {', '.join(_PLANNED)} and genres",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not JSON ({error.msg})"
    return "it is nested too deeply"
