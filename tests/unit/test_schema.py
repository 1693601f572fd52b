"""The schemas say what is written, no more and no less; a key that they do not know fails here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, ValidationError

from acestep_cli import events
from acestep_cli.commands.schema import schemas
from acestep_cli.errors import (
    AceStepError,
    Cancelled,
    ExitCode,
    OutOfMemory,
    PartialFailure,
    UsageError,
)
from acestep_cli.events import (
    Adjusted,
    ItemFinished,
    JobFinished,
    JobStarted,
    Noted,
    Planned,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.jobs import JobRecord
from acestep_cli.jobs.schema import record_schema, request_schema
from acestep_cli.pipeline.plan import Wish
from acestep_cli.request import FIELDS, SongRequest
from acestep_cli.term.eventlog import as_line
from acestep_cli.term.output import Output, Result
from acestep_cli.term.schema import EXIT_CODES
from tests.process.programs import ROOT

SCHEMAS = schemas()
RECORD, RESULT, EVENTS = (
    Draft202012Validator(SCHEMAS[name]) for name in ("record", "result", "events")
)
REQUESTS: tuple[dict[str, Any], ...] = (
    {},
    {"caption": "x", "seed": "7,8", "duration": -1, "bpm": 120, "keyscale": "F#m"},
    {"timesignature": "3/4", "vocal_language": "zh-CN", "seed": -1, "instrumental": True},
    {"src_audio": "a.wav", "regions": "1-2,3-", "task": "repaint", "repaint_end": -1},
    {"audio_codes": ["<|audio_code_1|>", "2,3"], "timesteps": "1,0.5"},
    {"track_name": "drums,bass", "task": "extract", "src_audio": "x", "bit_depth": "32"},
    {"thinking": True, "mp3_bitrate": "320k", "retake_seed": 3, "loudness": -14, "shift": 2},
    {"cot_bpm": 90, "cot_duration": 12, "lm_backend": "vllm", "guidance_scale": 7},
)
EVENT_SAMPLES: tuple[events.Event, ...] = (
    JobStarted("20260102-030405-abcd", "a.json"),
    JobFinished("20260102-030405-abcd", "succeeded", 0, ("a.mp3",)),
    JobFinished("20260102-030405-abcd", "failed", 2, (), UsageError("x").as_dict()),
    StageStarted("compose", 8, "steps", 0),
    StageStarted("load"),
    StageProgress("compose", 0.5, None, 1),
    StageFinished("compose", 1.25),
    Noted("x"),
    Warned("a_code", "x"),
    Adjusted("dtype", "bfloat16", 2, "x"),
    ItemFinished(0, "a.mp3"),
    Planned(1, {"caption": "x"}, 0),
)


@pytest.mark.parametrize("name", SCHEMAS)
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def states(folder: Path) -> Iterator[dict[str, Any]]:
    """Records in all states."""
    item = {
        "index": 0, "seed": 1, "track": None, "lm_metadata": None, "audio_codes": None,
        "path": None, "level": None,
        "metas": dict.fromkeys(("bpm", "duration", "keyscale", "timesignature", "genres",
                                "language", "caption", "lyrics")),
    }  # fmt: skip
    for error in (None, PartialFailure("x", "y"), OutOfMemory("x"), Cancelled()):
        record = JobRecord.create(folder, ["acestep", "generate"], items=[item])
        yield record.as_dict()
        record.start()
        record.set(request=SongRequest().to_dict(), origins={"bpm": "plan"}, digest="x")
        record(StageStarted("compose", 8, "steps"))
        record(StageProgress("compose", 4))
        record(Warned("a", "b"))
        record(Adjusted("tile", 1, None, "memory"))
        yield record.as_dict()
        record(ItemFinished(0, "a.mp3"))
        record(StageFinished("compose", 1.0))
        if isinstance(error, Cancelled):
            record.cancel(error)
        elif error is not None:
            record.fail(error)
        else:
            record.succeed()
        yield record.as_dict()


def test_a_record_fits_in_every_state(tmp_path: Path) -> None:
    seen = set()
    for record in states(tmp_path):
        RECORD.validate(record)
        seen.add(record["status"])
        assert list(record) == list(SCHEMAS["record"]["properties"]), "in this order too"
    assert seen == {"queued", "running", "succeeded", "failed", "cancelled"}


@pytest.mark.parametrize("path", [(), ("request",), ("items", 0), ("items", 0, "metas")])
def test_a_key_more_or_less_does_not_fit(path: tuple[str | int, ...], tmp_path: Path) -> None:
    record = list(states(tmp_path))[2]
    part: Any = record
    for step in path:
        part = part[step]
    part["news"] = 1
    with pytest.raises(ValidationError, match="news"):
        RECORD.validate(record)
    del part["news"]
    RECORD.validate(record)
    missing = next(iter(part))
    del part[missing]
    with pytest.raises(ValidationError, match=missing):
        RECORD.validate(record)


@pytest.mark.parametrize("values", REQUESTS)
def test_requests_fit(values: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(SongRequest.from_values(values).to_dict()))
    Draft202012Validator(request_schema()).validate(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [("bpm", 29), ("shift", 0), ("task_type", "sing"), ("keyscale", "H major"), ("seed", 7),
     ("bit_depth", 20), ("thinking", "yes"), ("caption", None), ("track_name", ["kazoo"])],
)  # fmt: skip
def test_values_beyond_the_limits_do_not_fit(name: str, value: object) -> None:
    plain = {**SongRequest().to_dict(), name: value}
    assert not Draft202012Validator(request_schema()).is_valid(plain)


def test_every_parameter_is_told_of() -> None:
    properties = request_schema()["properties"]
    assert set(properties) == {field.name for field in FIELDS} == set(SongRequest().to_dict())
    assert all(schema["description"] for name, schema in properties.items() if name != "lm_backend")


def test_wishes_fit() -> None:
    wishes = record_schema()["properties"]["wishes"]["items"]
    assert set(wishes["properties"]) == {field.name for field in fields(Wish)}
    full = Wish("a", "b", "c", True, "en", 120, "C major", "4", 10.0, "pop", (), True)
    for wish in (Wish(), full):
        Draft202012Validator(wishes).validate({**wish.as_dict(), "audio_codes": ""})


def test_every_kind_of_event_fits() -> None:
    assert {type(event) for event in EVENT_SAMPLES} == set(get_args(events.Event))
    for event in EVENT_SAMPLES:
        EVENTS.validate(json.loads(as_line(event)))


@pytest.mark.parametrize("event", EVENT_SAMPLES[:4])
def test_an_event_with_other_keys_does_not_fit(event: events.Event) -> None:
    line = json.loads(as_line(event))
    assert not EVENTS.is_valid({**line, "news": 1})
    for key in line:
        assert not EVENTS.is_valid({name: line[name] for name in line if name != key})


class Answer:
    """Keeps what is written to stdout."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    "result",
    [
        Result(),
        Result(data={"a": 1}, warnings=(Warned("short", "x"),)),
        Result(data=[], error=PartialFailure("x", "y")),
        Result(error=AceStepError("x", code="another")),
        Result(error=Cancelled(ExitCode.TERMINATED)),
    ],
)
def test_results_fit(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer()
    Output(answer, json=True, verbs=("jobs", "show")).emit(result)  # type: ignore[arg-type]
    values = json.loads(answer.text)
    RESULT.validate(values)
    assert not RESULT.is_valid({**values, "news": 1})
    assert not RESULT.is_valid({**values, "ok": not values["ok"]})
    for key in values:
        assert not RESULT.is_valid({name: values[name] for name in values if name != key})


def test_every_exit_code_is_explained_as_in_the_readme() -> None:
    assert set(EXIT_CODES) == set(ExitCode)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in EXIT_CODES:
        assert f"| {code.value} |" in readme or code.value > 100, code
