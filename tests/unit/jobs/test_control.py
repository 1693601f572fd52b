"""Stopping processes of jobs: the right one, by asking first, with a record that tells of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acestep_cli.errors import UsageError
from acestep_cli.jobs.control import belongings, cancel, closed
from acestep_cli.jobs.history import read_job
from tests.unit.jobs.written import GONE, job_id, write_record

_JOB = """
import signal, sys, time
from pathlib import Path
from acestep_cli.errors import Cancelled, ExitCode
from acestep_cli.jobs import JobRecord
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
record = JobRecord.create(Path(sys.argv[1]), ["x"])
record.start()
print(record.path, flush=True)
while not stop or sys.argv[2] == "stubborn":
    time.sleep(0.02)
if sys.argv[2] == "obedient":
    record.cancel(Cancelled(ExitCode.TERMINATED))
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[object]:
    running: list[subprocess.Popen[str]] = []

    def start(manner: str) -> Path:
        process = subprocess.Popen(
            [sys.executable, "-c", _JOB, str(tmp_path), manner], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        return Path(process.stdout.readline().strip())

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("manner", ["obedient", "wordless", "stubborn"])
def test_a_job_is_asked_and_then_made_to_stop(started: object, manner: str) -> None:
    assert callable(started)
    path = started(manner)
    job = read_job(path)
    assert job.state == "running"
    half = path.with_name(f".{job.job_id}_1.mp3.abcd.part")
    half.touch()
    ended = cancel(job, 0.5 if manner == "stubborn" else 20)
    assert ended.state == "cancelled" and ended.record["exit_code"] == 143
    assert ended.record["error"]["code"] == "cancelled"
    assert json.loads(path.read_text()) == ended.record
    assert ended.record["time_costs"]["total"] >= 0
    assert half.exists() is (manner != "stubborn"), "half a file of a killed job helps nobody"
    with pytest.raises(UsageError, match="not running: it is cancelled"):
        cancel(ended, 1)


def test_nobody_else_is_stopped(tmp_path: Path) -> None:
    dead = read_job(write_record(tmp_path, 1, status="running", **GONE))
    with pytest.raises(UsageError, match="it is dead"):
        cancel(dead, 1)
    far = read_job(write_record(tmp_path, 2, status="running", host="far away"))
    with pytest.raises(UsageError, match="runs on the machine far away"):
        cancel(far, 1)
    # This process has the number, and began before the record did.
    late = {"status": "running", "created_at": "2999-01-01T00:00:00Z"}
    for began in ({}, {"process_started_at": "long ago"}):
        unnamed = read_job(write_record(tmp_path, 3, **late, **began))
        assert unnamed.state == "running"
        with pytest.raises(UsageError, match="may be another one"):
            cancel(unnamed, 1)


def test_a_record_that_told_its_end_is_not_closed_again(tmp_path: Path) -> None:
    path = write_record(tmp_path, 1)
    before = path.read_text()
    assert closed(read_job(path)).state == "succeeded"
    assert path.read_text() == before


def test_what_lies_beside_a_record(tmp_path: Path) -> None:
    job = read_job(write_record(tmp_path, 1))
    own = [
        f"{job.job_id}_1.latents.safetensors", f"{job.job_id}.log",
        f".{job.job_id}_1.mp3.abcd.part", f".{job.job_id}.json.abcd.part",
    ]  # fmt: skip
    other = [f"{job_id(2)}.log", "song.mp3", f"{job.job_id}_notes.txt", f"{job.job_id}0.log"]
    for name in (*own, *other):
        (tmp_path / name).touch()
    (tmp_path / f"{job.job_id}_2.latents.safetensors").symlink_to(tmp_path / "song.mp3")
    assert sorted(path.name for path in belongings(job)) == sorted(own)
