"""The record: its keys, its states, what is written when, and what a full disk does to it."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.errors import Cancelled, ExitCode, InputError, OutputError
from acestep_cli.events import (
    Adjusted,
    ItemFinished,
    Noted,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.jobs import SCHEMA, JobRecord, is_job_id
from acestep_cli.jobs.plain import as_json, plain

KEYS = [
    "schema", "job_id", "status", "stage", "progress", "created_at", "started_at", "finished_at",
    "exit_code", "pid", "host", "process_started_at", "command", "request", "origins", "wishes",
    "sources", "digest", "items", "audio_paths", "checkpoints", "hardware", "time_costs",
    "adjustments", "warnings", "ignored", "error", "versions",
]  # fmt: skip


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def on_disk(record: JobRecord) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(record.path.read_bytes())
    return values


def full_disk(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_first_record_is_whole(tmp_path: Path) -> None:
    record = JobRecord.create(tmp_path, ["acestep", "generate", "x"], request={"caption": "x"})
    values = on_disk(record)
    assert list(values) == KEYS
    assert values["schema"] == SCHEMA
    assert record.path == tmp_path / f"{record.job_id}.json"
    assert is_job_id(record.job_id)
    assert values["status"] == "queued"
    assert values["request"] == {"caption": "x"}
    assert values["command"] == ["acestep", "generate", "x"]
    assert values["pid"] == os.getpid()
    assert values["created_at"].endswith("Z")
    assert values["versions"]["python"]
    assert [entry.name for entry in tmp_path.iterdir()] == [record.path.name]


def test_a_taken_id_is_not_touched(tmp_path: Path) -> None:
    taken, free = "20260203-010203-aaaa", "20260203-010203-bbbb"
    (tmp_path / f"{taken}.json").write_text("somebody else's")
    ids = iter([taken, taken, free])
    record = JobRecord.create(tmp_path, [], new_id=lambda: next(ids))
    assert record.job_id == free
    assert (tmp_path / f"{taken}.json").read_text() == "somebody else's"


def test_no_free_id_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "20260203-010203-aaaa.json").touch()
    with pytest.raises(OutputError, match="no free job id"):
        JobRecord.create(tmp_path, [], new_id=lambda: "20260203-010203-aaaa")


def test_a_folder_that_takes_nothing_fails_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        JobRecord.create(tmp_path / "a file", [])


def test_the_life_of_a_job(tmp_path: Path) -> None:
    clock = Clock()
    record = JobRecord.create(tmp_path, [], clock)
    record.start()
    assert on_disk(record)["status"] == "running"
    record.set(items=[{"index": 0, "seed": 7, "path": None}], digest="abc", ignored=["lm_backend"])
    record(StageStarted("compose", total=8, unit="steps", item=0))
    assert on_disk(record)["stage"] == "compose"
    record(StageFinished("compose", 1.5, item=0))
    record(StageFinished("compose", 2.0, item=1))
    record(Warned("short_duration", "too short"))
    record(Adjusted("dtype", object, 2, "no room"))
    record(ItemFinished(0, str(tmp_path / "a_1.mp3")))
    clock.now += 4
    record.succeed()
    values = on_disk(record)
    assert (values["status"], values["exit_code"]) == ("succeeded", 0)
    assert values["progress"] == 1.0
    assert values["time_costs"] == {"compose": 3.5, "total": 4.0}
    assert values["warnings"] == [{"code": "short_duration", "message": "too short"}]
    assert values["adjustments"] == [
        {"what": "dtype", "before": "<class 'object'>", "after": 2, "reason": "no room"}
    ]
    assert values["audio_paths"] == [values["items"][0]["path"]] == [str(tmp_path / "a_1.mp3")]
    assert values["created_at"] <= values["started_at"] <= values["finished_at"]
    assert list(values) == KEYS
    assert record.as_dict() == values


def test_failure_and_cancelling_keep_their_reason(tmp_path: Path) -> None:
    failed = JobRecord.create(tmp_path, [])
    failed.fail(InputError("no such file", "check the name"))
    assert (on_disk(failed)["status"], on_disk(failed)["exit_code"]) == ("failed", 5)
    assert on_disk(failed)["error"] == {
        "code": "bad_input",
        "message": "no such file",
        "hint": "check the name",
    }
    cancelled = JobRecord.create(tmp_path, [])
    cancelled.cancel(Cancelled(ExitCode.TERMINATED))
    assert (on_disk(cancelled)["status"], on_disk(cancelled)["exit_code"]) == ("cancelled", 143)
    assert on_disk(cancelled)["error"]["code"] == "cancelled"


def test_files_elsewhere_are_told_by_their_whole_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    record = JobRecord.create(Path("out"), [])
    assert record.told(Path("out/a_1.mp3")) == "out/a_1.mp3"
    assert record.told(tmp_path / "out" / "a_1.mp3") == str(tmp_path / "out" / "a_1.mp3")
    for elsewhere in ("a.mp3", "out/more/a.mp3"):
        assert record.told(Path(elsewhere)) == str(tmp_path / elsewhere)


def test_a_song_that_is_lost_at_the_end_is_not_listed(tmp_path: Path) -> None:
    record = JobRecord.create(tmp_path, [], items=[{"index": 0, "path": "-"}])
    record(ItemFinished(0, "-"))
    record.succeed()
    again = JobRecord.resume(record.path, record.as_dict())
    again.lose(OutputError("cannot write the song to stdout: disk full", "make it again"))
    values = on_disk(again)
    assert (values["status"], values["exit_code"]) == ("failed", 6)
    assert values["audio_paths"] == [] and values["items"] == [{"index": 0, "path": None}]
    assert values["error"]["code"] == "cannot_write"


def test_progress_is_written_twice_a_second_and_stages_at_once(tmp_path: Path) -> None:
    clock = Clock()
    record = JobRecord.create(tmp_path, [], clock)
    record(StageStarted("compose", total=100))
    seen = []
    for step in range(1, 41):
        clock.now += 0.1
        record(StageProgress("compose", step))
        seen.append(on_disk(record)["progress"])
    assert record.as_dict()["progress"] == 0.4
    assert 7 <= len(set(seen)) <= 9
    record(StageStarted("render"))
    assert on_disk(record)["stage"] == "render"
    assert on_disk(record)["progress"] == 0.0


def test_notes_change_nothing(tmp_path: Path) -> None:
    record = JobRecord.create(tmp_path, [])
    before = record.path.stat().st_mtime_ns, record.path.stat().st_ino
    record(Noted("seed 7"))
    assert (record.path.stat().st_mtime_ns, record.path.stat().st_ino) == before


def test_a_full_disk_does_not_stop_the_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = JobRecord.create(tmp_path, [])
    record.start()
    before = on_disk(record)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        record(StageStarted("render"))
        record(ItemFinished(0, "a_1.mp3"))
        assert record.unwritten is not None
        assert on_disk(record) == before
        with pytest.raises(OutputError, match="full"):
            record.succeed()
    assert on_disk(record) == before
    assert record.as_dict()["audio_paths"] == ["a_1.mp3"]
    # As soon as there is room again, the record catches up.
    record(StageStarted("write"))
    assert record.unwritten is None
    assert on_disk(record)["audio_paths"] == ["a_1.mp3"]


def test_a_failure_is_not_hidden_by_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = JobRecord.create(tmp_path, [])
    monkeypatch.setattr(os, "fsync", full_disk)
    record.fail(InputError("no such file"))
    assert record.unwritten is not None
    assert record.as_dict()["status"] == "failed"


def test_values_that_json_does_not_have() -> None:
    values = {"a": float("nan"), "b": (1, Path("x")), "c": ExitCode.USAGE, "d": {"e": {3}}}
    assert plain(values) == {"a": None, "b": [1, "x"], "c": 2, "d": {"e": [3]}}
    assert type(plain(ExitCode.USAGE)) is int
    with pytest.raises(TypeError, match="bytes"):
        plain(b"raw")


def test_texts_that_are_no_unicode_stay_what_they_are() -> None:
    values = {"command": ["caf\udce9", "日本", 'quote " and \\ slash']}
    data = as_json(values)
    assert json.loads(data.decode("utf-8")) == values
    assert "日本".encode() in data


_WRITER = """
import sys
from pathlib import Path
from acestep_cli.events import StageProgress, StageStarted
from acestep_cli.jobs import JobRecord
ticks = iter(range(10**9))
record = JobRecord.create(Path(sys.argv[1]), ["x" * 5000], clock=lambda: float(next(ticks)))
record.start()
print(record.job_id, flush=True)
record(StageStarted("compose", total=1e9))
for step in range(10**9):
    record(StageProgress("compose", step))
"""


def test_a_kill_at_any_moment_leaves_a_valid_record(tmp_path: Path) -> None:
    drawn = random.Random(3)
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            job_id = writer.stdout.readline().strip()
            time.sleep(drawn.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        values = json.loads((tmp_path / f"{job_id}.json").read_bytes())
        assert list(values) == KEYS
        assert values["status"] == "running"
    allowed = chain(tmp_path.glob("*.json"), tmp_path.glob(".*.part"))
    assert set(tmp_path.iterdir()) == set(allowed)
