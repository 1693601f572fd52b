"""JSON Schemas (draft 2020-12) of what the program writes for programs: the `--json` object and the
lines of `--events`, the latter derived from the events themselves."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from acestep_cli import events
from acestep_cli.errors import ExitCode
from acestep_cli.term import eventlog, output

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.INTERNAL: "internal error",
    ExitCode.USAGE: "usage or settings",
    ExitCode.CHECKPOINT: "checkpoint missing or unusable",
    ExitCode.DEVICE: "memory or device",
    ExitCode.INPUT: "bad input: audio, lyrics, codes; a job that is dead, or not ended in time",
    ExitCode.OUTPUT: "cannot write",
    ExitCode.NETWORK: "network",
    ExitCode.PARTIAL: "some songs of a batch failed",
    ExitCode.UNUSABLE: "the result was unusable, or not the same again",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    ExitCode.PIPE: "the reader of stdout went away",
    ExitCode.TERMINATED: "stopped by SIGTERM",
}
MOMENT = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    "description": "UTC, to the millisecond",
}

_PLAIN: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def result_schema() -> dict[str, Any]:
    """The schema of the one object that `--json` writes to stdout."""
    succeeded = {"properties": {"ok": {"const": True}}}
    return {
        "$schema": DIALECT,
        "title": f"{output.SCHEMA}: what --json writes to stdout, on success and on failure",
        **closed(
            {
                "schema": {"const": output.SCHEMA},
                "command": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "the names of the command, empty where none was understood",
                },
                "ok": {"type": "boolean", "description": "whether exit_code is 0"},
                "exit_code": exit_code_schema(),
                "data": {
                    "type": ["object", "array", "null"],
                    "description": "what the command found; the record for those that make a job; "
                    "null where it failed before there was one",
                },
                "warnings": {"type": "array", "items": warning_schema()},
                "error": {"anyOf": [error_schema(), {"type": "null"}]},
            }
        ),
        "if": succeeded,
        "then": {"properties": {"exit_code": {"const": 0}, "error": {"type": "null"}}},
        "else": {"properties": {"exit_code": {"not": {"const": 0}}}},
    }


def events_schema() -> dict[str, Any]:
    """The schema of one line of `--events`, by the kind of event."""
    return {
        "$schema": DIALECT,
        "title": f"{eventlog.SCHEMA}: one line of what --events writes",
        "oneOf": [_event_schema(kind) for kind in get_args(events.Event)],
    }


def error_schema() -> dict[str, Any]:
    """The `error` object of results, records and events."""
    return closed(
        {
            "code": {
                "type": "string",
                "pattern": "^[a-z][a-z0-9_]*$",
                "description": "a word that stays the same when the sentence changes",
            },
            "message": {"type": "string"},
            "hint": {"type": ["string", "null"], "description": "what to do about it"},
        }
    )


def warning_schema() -> dict[str, Any]:
    """One of the `warnings` of results and records."""
    code, message = {"type": "string"}, {"type": "string"}
    return closed({"code": code, "message": message})


def exit_code_schema() -> dict[str, Any]:
    """An exit code, with what each one means."""
    meanings = "; ".join(f"{code.value} {words}" for code, words in EXIT_CODES.items())
    return {"enum": [code.value for code in EXIT_CODES], "description": meanings}


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that has all of `properties` and nothing else."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _event_schema(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    own = {field.name: _type_schema(hints[field.name]) for field in fields(kind)}
    head = {
        "schema": {"const": eventlog.SCHEMA},
        "event": {"const": eventlog.event_name(kind)},
        "time": MOMENT,
    }
    if kind is events.JobFinished:
        own |= {
            "status": {"enum": ["succeeded", "failed", "cancelled"]},
            "exit_code": exit_code_schema(),
            "error": {"anyOf": [error_schema(), {"type": "null"}]},
        }
    return {"description": " ".join(str(kind.__doc__).split()), **closed({**head, **own})}


def _type_schema(hint: Any) -> dict[str, Any]:
    """The schema of values of the type `hint`, as far as events use types."""
    if hint is Any:
        return {}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        several = [{"type": "null"} if part is types.NoneType else _type_schema(part)
                   for part in parts]  # fmt: skip
        return {"anyOf": several}
    if origin is tuple:
        return {"type": "array", "items": _type_schema(parts[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object"}
    raise TypeError(f"there is no schema for {hint}")
