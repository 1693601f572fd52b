"""The log of events: whole lines for programs, and never in the way of the run."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from acestep_cli import events
from acestep_cli.errors import OutputError, UsageError
from acestep_cli.events import (
    Adjusted,
    Noted,
    Planned,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.term.eventlog import SCHEMA, EventLog, as_line, event_name, open_events

HEAD = ["schema", "event", "time"]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose writing end looks as if it came from the shell."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError as error:
            assert error.errno == errno.EBADF


class Log:
    """A log in a file on a clock that is moved by hand."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self._path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.log = EventLog(self.descriptor, clock=lambda: self.now)

    def done(self) -> list[float]:
        """How far each written step of progress was."""
        return [line["done"] for line in lines_of(self._path) if line["event"] == "stage_progress"]

    def names(self) -> list[str]:
        return [line["event"] for line in lines_of(self._path)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "events")
    yield made
    os.close(made.descriptor)


def test_names_follow_the_classes() -> None:
    names = [event_name(kind) for kind in get_args(events.Event)]
    assert names[:3] == ["job_started", "job_finished", "stage_started"]
    assert len(set(names)) == len(names)


def test_a_line_holds_the_head_and_the_fields() -> None:
    line = as_line(StageStarted("compose", total=8, unit="steps", item=1))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    values = json.loads(line)
    assert list(values) == [*HEAD, "stage", "total", "unit", "item"]
    assert values["schema"] == SCHEMA
    assert values["event"] == "stage_started"
    assert values["time"].endswith("Z")
    datetime.fromisoformat(values["time"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (1.5, 1.5),
        (("a", 2), ["a", 2]),
        (Path("x"), "x"),
    ],
)
def test_values_become_json(value: object, expected: object) -> None:
    assert json.loads(as_line(Adjusted("tile", value, 1, "memory")))["before"] == expected


def test_a_line_stays_one_line_and_ascii() -> None:
    text = "春\nöf \udcff \x1b[2J"
    line = as_line(Planned(0, {"caption": text, "bpm": 120}, 150))
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["metas"] == {"caption": text, "bpm": 120}


def test_progress_is_thinned_and_its_end_is_told(log: Log) -> None:
    log.log(StageStarted("compose", total=100, unit="steps"))
    for step in range(1, 101):
        log.log(StageProgress("compose", step))
        log.now += 0.01
    log.log(StageFinished("compose", 1.0))
    assert len(log.done()) <= 12
    assert log.done()[0] == 1
    assert log.done()[-1] == 100
    assert log.names()[-2:] == ["stage_progress", "stage_finished"]


def test_stages_are_thinned_each_for_itself(log: Log) -> None:
    for step in (1, 2):
        log.log(StageProgress("load", step))
        log.log(StageProgress("compose", step, item=0))
        log.log(StageProgress("compose", step, item=1))
    assert log.done() == [1, 1, 1]
    log.log(StageFinished("compose", 1.0, item=1))
    assert log.done() == [1, 1, 1, 2]


def test_nothing_that_was_kept_back_is_written_after_what_came_later(log: Log) -> None:
    log.log(StageProgress("compose", 1))
    log.log(StageProgress("compose", 2))
    log.now += 1
    log.log(StageProgress("compose", 3))
    log.log.close()
    assert log.done() == [1, 3]


def test_closing_tells_how_far_a_stage_came(log: Log) -> None:
    log.log(StageProgress("compose", 1))
    log.log(StageProgress("compose", 2))
    log.log.close()
    assert log.done() == [1, 2]


def test_a_file_is_made_and_an_earlier_log_replaced(tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    for message in ("first and long", "second"):
        with open_events(str(target)) as log:
            log(Noted(message))
    assert [line["message"] for line in lines_of(target)] == ["second"]


@pytest.mark.parametrize("content", [b"RIFF....", b"{}", b"\n"])
def test_a_file_of_something_else_is_kept(content: bytes, tmp_path: Path) -> None:
    target = tmp_path / "song.wav"
    target.write_bytes(content)
    with pytest.raises(OutputError, match="holds no events") as caught, open_events(str(target)):
        pass
    assert caught.value.code == "exists"
    assert target.read_bytes() == content


def test_a_descriptor_stays_open(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with open_events(str(writer)) as log:
        log(Noted("hello"))
    assert json.loads(os.read(reader, 1000))["message"] == "hello"
    os.write(writer, b"mine")
    assert os.read(reader, 1000) == b"mine"


def test_a_lost_reader_ends_the_log_and_is_told_once(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    said: list[str] = []
    with open_events(str(writer), said.append) as log:
        os.close(reader)
        for _ in range(3):
            log(Warned("x", "still working"))
    assert said == [f"note: the events in {writer} are not complete: Broken pipe"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_ends_the_log() -> None:
    said: list[str] = []
    with open_events("/dev/full", said.append) as log:
        log(Noted("x"))
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_slow_reader_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    got = bytearray()

    def read() -> None:
        while not got.endswith(b'"last"}\n'):
            got.extend(os.read(reader, 65536))

    thread = threading.Thread(target=read)
    with open_events(str(writer)) as log:
        log(Noted("x" * 60_000))
        thread.start()
        for message in ("y" * 300_000, "last"):
            log(Noted(message))
    thread.join(timeout=30)
    assert [len(json.loads(line)["message"]) for line in got.splitlines()] == [60_000, 300_000, 4]


def test_a_named_pipe_loses_its_reader(tmp_path: Path) -> None:
    fifo, said = tmp_path / "fifo", list[str]()
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with open_events(str(fifo), said.append) as log:
        log(Noted("read"))
        os.close(reader)
        log(Noted("unread"))
    assert len(said) == 1


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("0", "stdin is only read"),
        ("1", "stdout carries the answer"),
        ("987", "no descriptor 987 is open"),
        ("-3", "no descriptor -3 is open"),
        ("9" * 30, "is open for writing"),
        ("9" * 5000, "is open for writing"),
        ("-", "names no file"),
        ("", "names no file"),
    ],
)
def test_what_is_no_place_for_a_log(target: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught, open_events(target):
        pass
    assert sentence in caught.value.message
    assert caught.value.hint
    assert "-3>" not in caught.value.hint, "no shell can redirect that"


@pytest.mark.parametrize("target", [".", "none/events", "a\0b"])
def test_what_cannot_be_written(target: str) -> None:
    with pytest.raises(OutputError, match="cannot write the events"), open_events(target):
        pass


def test_a_descriptor_of_our_own_is_not_taken(tmp_path: Path) -> None:
    with (
        (tmp_path / "ours").open("wb") as ours,
        pytest.raises(UsageError, match="open for writing"),
        open_events(str(ours.fileno())),
    ):
        pass


def test_a_descriptor_for_reading_is_not_taken(pipe: tuple[int, int]) -> None:
    reader, _ = pipe
    os.set_inheritable(reader, True)
    with pytest.raises(UsageError, match="open for writing"), open_events(str(reader)):
        pass
