"""The answer in its three forms."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from acestep_cli.errors import ExitCode, InputError, PartialFailure
from acestep_cli.events import Noted, Warned, silent
from acestep_cli.term.lines import LineVoice
from acestep_cli.term.output import SCHEMA, Output, Result

FAILED = Result(
    data={"status": "failed"},
    lines=("a_1.mp3",),
    warnings=(Warned("short", "too short"),),
    error=InputError("no such file", "check the name"),
)


def emitted(result: Result, *, as_json: bool = False, debug: bool = False) -> str:
    output = Output(StringIO(), json=as_json, debug=debug, verbs=("generate",))
    output.emit(result)
    assert isinstance(output.answer, StringIO)
    return output.answer.getvalue()


def test_paths_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(Result(lines=("a_1.mp3", "a_2.mp3"))) == "a_1.mp3\na_2.mp3\n"
    assert capsys.readouterr().err == ""


def test_finished_songs_are_told_beside_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert emitted(FAILED) == "a_1.mp3\n"
    assert capsys.readouterr().err == "error: no such file\nhint: check the name\n"


def test_one_object() -> None:
    text = emitted(FAILED, as_json=True)
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "schema": SCHEMA,
        "command": ["generate"],
        "ok": False,
        "exit_code": 5,
        "data": {"status": "failed"},
        "warnings": [{"code": "short", "message": "too short"}],
        "error": {"code": "bad_input", "message": "no such file", "hint": "check the name"},
    }


def test_success_as_an_object() -> None:
    values = json.loads(emitted(Result(data={"a": "é"}, lines=("x",)), as_json=True))
    assert values["ok"] is True
    assert values["exit_code"] == 0
    assert values["error"] is None
    assert values["data"] == {"a": "é"}


def test_the_status_follows_the_error_unless_given() -> None:
    assert Result().status() is ExitCode.OK
    assert FAILED.status() is ExitCode.INPUT
    partial = Result(error=PartialFailure("1 of 2 failed"), exit_code=ExitCode.PARTIAL)
    assert partial.status() is ExitCode.PARTIAL


def test_debug_shows_the_way_of_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise InputError("no such file")
    except InputError as error:
        emitted(Result(error=error), debug=True)
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("error: no such file\n")


def test_a_trace_cannot_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "no such file \x1b[31mred\r\x07"
    try:
        raise InputError(hostile)
    except InputError as error:
        emitted(Result(error=error), debug=True)
    told = capsys.readouterr().err
    assert told.count(r"\x1b[31mred\r\x07") == 2, "in the trace and in the sentence"
    assert not {"\x1b", "\r", "\x07"} & set(told)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(StringIO(), quiet=True)
    output.say("hello")
    with output.voice() as observer:
        assert observer is silent
        observer(Noted("hello"))
    assert capsys.readouterr().err == ""


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(StringIO())
    with output.voice() as observer:
        assert isinstance(observer, LineVoice)
        observer(Noted("hello"))
    assert capsys.readouterr().err == "note: hello\n"
