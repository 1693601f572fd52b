"""Raw values under any spelling to typed values under canonical names, and back to plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acestep_cli.request.codes import format_codes
from acestep_cli.request.edits import TRACK_TASKS
from acestep_cli.request.field import Field
from acestep_cli.request.fields import BY_NAME, find, near_miss
from acestep_cli.request.parse import parse
from acestep_cli.request.problems import BadValue, Problem, error_of, shown
from acestep_cli.request.regions import format_region

INSTRUMENTAL = "[Instrumental]"

# In the order of `regions`, start, end; what says nothing of a region.
_REGION = ("regions", "repainting_start", "repainting_end")
_WHOLE = (None, (), 0.0)

_INSTRUMENTAL_SPELLINGS = frozenset(("[instrumental]", "[inst]"))


@dataclass(frozen=True, slots=True)
class Completed:
    """Typed values with what follows from them; `implied` maps each added name to its cause."""

    values: dict[str, Any]
    implied: dict[str, str]


def read_values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical names to typed values for all of `raw` but None; every problem in one error."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for spelling, given in raw.items():
        if given is None:
            continue
        field = find(spelling, given)
        if field is None:
            problems.append(unknown_name(spelling))
            continue
        try:
            merge(values, read_value(field, given), spelling)
        except BadValue as bad:
            problems.append(Problem(field.name, bad.message, bad.remedy, bad.content))
    if problems:
        raise error_of(problems)
    return values


def read_value(field: Field, raw: object) -> dict[str, Any]:
    """The typed value of one field, with what its spelling says beside (`wav32`: 32-bit wav)."""
    if field.name == "audio_format" and isinstance(raw, str) and raw.strip().lower() == "wav32":
        return {"audio_format": "wav", "bit_depth": 32}
    value = parse(field, raw)
    if field.name == "lyrics" and value.strip().lower() in _INSTRUMENTAL_SPELLINGS:
        value = INSTRUMENTAL
    return {field.name: value}


def merge(values: dict[str, Any], new: Mapping[str, Any], spelling: str) -> None:
    """Add `new` to `values`; BadValue when another spelling already said something else."""
    for name, value in new.items():
        if name in values and values[name] != value:
            raise BadValue(
                f"{name} is given twice, as {shown(values[name])} and (by {spelling}) as "
                f"{shown(value)}",
                f"give {name} once",
            )
        values[name] = value


def complete(values: Mapping[str, Any]) -> Completed:
    """Add what follows from the given values and nothing else.

    A source without a task means repaint if a region is named and cover if not (a morph keeps
    text2music), and one region is a start and an end; tracks are the ones to add or to complete
    with, as the task takes them; `instrumental` without lyrics gives the lyrics `[Instrumental]`,
    and these lyrics mean `instrumental`; several seeds or lists of codes without a batch size make
    as many songs.
    """
    added: dict[str, tuple[Any, str]] = {}
    lyrics = values.get("lyrics", "").strip()
    if lyrics == INSTRUMENTAL:
        added["instrumental"] = True, "lyrics"
    elif values.get("instrumental") and not lyrics:
        added["lyrics"] = INSTRUMENTAL, "instrumental"
    added |= _edit(values)
    items, cause = max((len(values.get(name, ())), name) for name in ("seed", "audio_codes"))
    if "batch_size" not in values and items > 1:
        added["batch_size"] = items, cause
    return Completed(
        {**values, **{name: value for name, (value, _) in added.items()}},
        {name: cause for name, (_, cause) in added.items()},
    )


def _edit(values: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """What follows from the values that tell of a source."""
    added: dict[str, tuple[Any, str]] = {}
    asked = [name for name in _REGION if values.get(name) not in _WHOLE]
    if asked == ["regions"] and len(values["regions"]) == 1:
        (one,) = values["regions"]
        added |= {name: (value, "regions") for name, value in zip(_REGION, ((), *one), strict=True)}
    task = values.get("task_type")
    if task is None and values.get("src_audio") and not values.get("flow_edit_morph"):
        task = "repaint" if asked else "cover"
        added["task_type"] = task, [*asked, "src_audio"][0]
    given, meant = (
        ("track_name", "track_classes") if task == "complete" else ("track_classes", "track_name")
    )
    if task in TRACK_TASKS and values.get(given) and not values.get(meant):
        added |= {given: ((), given), meant: (values[given], given)}
    return added


def as_plain(name: str, value: Any) -> Any:
    """`value` of field `name` as JSON and TOML write it: lists for tuples, text for codes."""
    if BY_NAME[name].kind == "codes":
        return [format_codes(item) for item in value]
    if BY_NAME[name].kind == "regions":
        return [format_region(region) for region in value]
    return list(value) if isinstance(value, tuple) else value


def as_text(name: str, value: Any) -> str:
    """`value` of field `name` as a flag or an environment variable spells it; empty for None."""
    plain = as_plain(name, value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, list):
        separator = "\n" if BY_NAME[name].kind == "codes" else ","
        return separator.join(str(entry) for entry in plain)
    return str(plain)


def unknown_name(spelling: str) -> Problem:
    """The problem that no parameter is called `spelling`, with the nearest name."""
    close = near_miss(spelling)
    remedy = (
        f"did you mean {close}?" if close else "see the parameters in `acestep generate --help`"
    )
    return Problem(spelling, f"there is no parameter {shown(spelling)}", remedy)
