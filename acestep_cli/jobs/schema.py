"""The JSON Schema (draft 2020-12) of a job's record; that of its request is derived from the table
of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acestep_cli.errors import ExitCode
from acestep_cli.jobs.record import SCHEMA
from acestep_cli.request import FIELDS, Field
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import KEYSCALES, TIME_SIGNATURES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ORIGINS = ("default", "file", "preset", "env", "plan", "source", "flag")

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBER_OR_NULL = {"type": ["number", "null"]}
_CODES = {"type": "string", "pattern": r"^(<\|audio_code_\d+\|>)*$"}
_MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_JOB_ID = {"type": "string", "pattern": r"^\d{8}-\d{6}-[a-z2-7]{4}$"}
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NUMBER_KINDS = {"int": "integer", "bpm": "integer", "bitrate": "integer", "float": "number",
                 "seconds": "number"}  # fmt: skip


def record_schema() -> dict[str, Any]:
    """The schema of `<job_id>.json` in every state of a job."""
    return {
        "$schema": DIALECT,
        "title": f"{SCHEMA}: the record of a job, whole at every moment",
        **_closed({**_state(), **_asked(), **_found(), **_told()}),
    }


def request_schema() -> dict[str, Any]:
    """The schema of a record's `request`: every parameter, resolved."""
    return _closed({field.name: _parameter(field) for field in FIELDS})


def _state() -> dict[str, Any]:
    """How far the job came."""
    return {
        "schema": {"const": SCHEMA},
        "job_id": _JOB_ID,
        "status": {"enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
        "stage": {**_TEXT_OR_NULL, "description": "load, listen, plan, hints, words, compose, "
                  "render or write; null before the first"},
        "progress": {"type": "number", "minimum": 0, "maximum": 1,
                     "description": "the share of the stage that is done"},
        "created_at": _MOMENT,
        "started_at": _or_null(_MOMENT),
        "finished_at": _or_null(_MOMENT),
        "exit_code": _or_null({"enum": [code.value for code in ExitCode]}),
        "pid": {"type": "integer", "minimum": 1},
        "host": _TEXT,
        "process_started_at": _MOMENT,
    }  # fmt: skip


def _asked() -> dict[str, Any]:
    """What the job was asked to do."""
    return {
        "command": _list(_TEXT),
        "request": _or_null(request_schema()),
        "origins": {"type": "object", "additionalProperties": {"enum": list(ORIGINS)},
                    "description": "where each value of the request and the settings came from"},
        "wishes": {**_list(_wish()), "description": "what was given for each song, where that is "
                   "not the request alone"},
        "sources": {"type": "object", "additionalProperties": _closed(
            {"path": {**_TEXT_OR_NULL, "description": "null for stdin"}, "sha256": _SHA256})},
        "digest": {**_TEXT_OR_NULL, "description": "equal digests mean equal songs"},
    }  # fmt: skip


def _found() -> dict[str, Any]:
    """What came of it."""
    return {
        "items": _list(_item()),
        "audio_paths": {**_list(_TEXT), "description": "the songs that are complete"},
        "checkpoints": _list(_closed({
            "name": _TEXT,
            "kind": {"enum": ["dit", "vae", "text_encoder", "planner"]},
            "path": _TEXT,
            "fingerprint": _TEXT,
            "revision": _TEXT_OR_NULL,
        })),
        "hardware": _or_null(_hardware()),
        "time_costs": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0},
                       "description": "seconds by stage, and in total"},
    }  # fmt: skip


def _told() -> dict[str, Any]:
    """What somebody may want to know of it."""
    code = {"type": "string", "description": "a word that stays the same"}
    return {
        "adjustments": _list(_closed({"what": _TEXT, "before": {}, "after": {}, "reason": _TEXT})),
        "warnings": _list(_closed({"code": code, "message": _TEXT})),
        "ignored": {**_list(_TEXT), "description": "given parameters without effect"},
        "error": _or_null(_closed({"code": code, "message": _TEXT, "hint": _TEXT_OR_NULL})),
        "versions": {
            "type": "object",
            "properties": {"acestep": _TEXT, "python": _TEXT},
            "required": ["acestep", "python"],
            "additionalProperties": _TEXT_OR_NULL,
        },
    }


def _item() -> dict[str, Any]:
    return _closed(
        {
            "index": {"type": "integer", "minimum": 0},
            "seed": {"type": "integer", "minimum": 0},
            "track": {**_TEXT_OR_NULL, "description": "the track that is extracted"},
            "metas": _closed(
                {
                    **_music(),
                    "genres": _TEXT_OR_NULL,
                    "language": {"enum": [*LANGUAGES, None]},
                    "caption": _TEXT_OR_NULL,
                    "lyrics": _TEXT_OR_NULL,
                }
            ),
            "lm_metadata": {
                "type": ["object", "null"],
                "description": "the planner's own words; null without one",
            },
            "audio_codes": _or_null(_CODES),
            "path": {**_TEXT_OR_NULL, "description": "- for stdout; null until it is written"},
            "level": _or_null(_closed({"peak": _NUMBER_OR_NULL, "loudness": _NUMBER_OR_NULL})),
        }
    )


def _wish() -> dict[str, Any]:
    return _closed(
        {
            "caption": _TEXT,
            "lyrics": _TEXT,
            "query": {**_TEXT_OR_NULL, "description": "what the song is invented from"},
            "instrumental": {"type": "boolean"},
            "language": {"enum": [*LANGUAGES, None]},
            **_music(),
            "genres": _TEXT_OR_NULL,
            "audio_codes": _CODES,
            "final_caption": {"type": "boolean"},
        }
    )


def _music() -> dict[str, Any]:
    return {
        "bpm": {"type": ["integer", "null"], "minimum": 30, "maximum": 300},
        "duration": {"type": ["number", "null"], "minimum": 0, "description": "seconds"},
        "keyscale": {"enum": [*KEYSCALES, None]},
        "timesignature": {"enum": [*TIME_SIGNATURES, None], "description": "beats in a bar"},
    }


def _hardware() -> dict[str, Any]:
    words = ("device", "name", "dtype", "text_dtype", "vae_dtype", "lm_quantization", "residency")
    numbers = ("threads", "tile_frames", "tile_overlap")
    return _closed(
        {
            **dict.fromkeys(words, _TEXT),
            **{name: {"type": "integer", "minimum": 0} for name in numbers},
            "kernels": {"type": "object", "additionalProperties": _TEXT},
        }
    )


def _parameter(field: Field) -> dict[str, Any]:
    """The schema of a parameter's value as a record holds it; null where it is not given."""
    told = {"description": f"{field.help}; {field.ignored}" if field.ignored else field.help}
    schema = _value(field)
    return {**(_or_null(schema) if field.default is None else schema), **told}


def _value(field: Field) -> dict[str, Any]:
    kind = field.kind
    if kind in ("tracks", "choice") or (field.choices and kind in _NUMBER_KINDS):
        one = {"enum": list(field.choices)}
        return _list(one) if kind == "tracks" else one
    if kind in _NUMBER_KINDS:
        return {"type": _NUMBER_KINDS[kind], **_range(field)}
    if kind == "bool":
        return {"type": "boolean"}
    if kind == "seeds":
        return _list({"type": "integer", "minimum": -1, "maximum": field.maximum})
    if kind == "timesteps":
        return _list({"type": "number", **_range(field)})
    if kind == "codes":
        return _list(_CODES)
    if kind == "regions":
        return _list(_TEXT)
    named = {"keyscale": KEYSCALES, "timesignature": TIME_SIGNATURES, "language": LANGUAGES}
    if kind in named:
        return {"enum": [*dict.fromkeys((str(field.default or ""), *named[kind]))]}
    return _TEXT


def _range(field: Field) -> dict[str, Any]:
    low = "exclusiveMinimum" if field.above_minimum else "minimum"
    limits = {low: field.minimum, "maximum": field.maximum}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _list(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(item)}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
