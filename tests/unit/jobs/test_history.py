"""Which jobs a folder holds, in which state they are, and which one a name means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from acestep_cli.errors import AceStepError, InputError, UsageError
from acestep_cli.jobs import JobRecord, process
from acestep_cli.jobs.history import MOST_BYTES, History, read_job
from tests.unit.jobs.written import ALIVE, GONE, job_id, write_record


def test_jobs_come_newest_first(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        write_record(tmp_path, number)
    early, late = "20261121-093020-zzzz", "20261121-093020-aaaa"
    for name, second in ((early, "20.100Z"), (late, "20.900Z")):
        write_record(tmp_path, job_id=name, created_at=f"2026-11-21T09:30:{second}")
    found = [job.job_id for job in History(tmp_path)]
    assert found == [late, early, job_id(3), job_id(2), job_id(1)]
    assert History(tmp_path).last().job_id == late


def test_what_is_no_record_is_passed_over_and_counted(tmp_path: Path) -> None:
    write_record(tmp_path, 1)
    for number, text in enumerate(("", "[]", "{", "[" * 100_000, '{"schema": 3}', "\xff"), 2):
        (tmp_path / f"{job_id(number)}.json").write_text(text, encoding="latin-1")
    write_record(tmp_path, 11, status="ended")
    write_record(tmp_path, 12, status=["queued"])
    write_record(tmp_path, 13).write_text(json.dumps({"schema": "acestep.record/1", "job_id": "x"}))
    (tmp_path / f"{job_id(14)}.json").mkdir()
    os.mkfifo(tmp_path / f"{job_id(15)}.json")
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "song.mp3").touch()
    (tmp_path / f".{job_id(1)}.json.abcd.part").touch()
    history = History(tmp_path)
    assert [job.job_id for job in history] == [job_id(1)]
    assert history.passed_over == 12
    with pytest.raises(InputError, match="it is no JSON"):
        history.find(job_id(4))
    assert list(History(tmp_path / "nowhere")) == []


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list(History(tmp_path))
    monkeypatch.undo()
    (tmp_path / "file").touch()
    assert list(History(tmp_path / "file")) == []


def test_a_record_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = write_record(tmp_path)
    with path.open("ab") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(InputError, match="more than 16 MiB"):
        History(tmp_path).find(path.stem)


def test_numbers_that_json_does_not_have_are_none(tmp_path: Path) -> None:
    path = write_record(tmp_path)
    path.write_text(path.read_text().replace('"progress": 1.0', '"progress": NaN'))
    assert read_job(path).record["progress"] is None
    path.write_text(path.read_text().replace('"progress": NaN', '"progress": 1e999'))
    assert read_job(path).record["progress"] is None


def test_a_job_has_many_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write_record(tmp_path, 1), write_record(tmp_path, 2)
    history = History(tmp_path)
    for name in (job_id(1), job_id(1)[:-1], f"{job_id(1)}.json", str(one)):
        assert history.find(name).job_id == job_id(1)
    assert history.find("last").job_id == job_id(2)
    # A record may lie anywhere and have any name.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = two.rename(elsewhere / "mine.json")
    monkeypatch.chdir(elsewhere)
    assert history.find("mine.json").job_id == job_id(2)
    assert history.find(str(moved)).folder == elsewhere
    # A record that is not where it is said to be is not the one of that name here.
    for name in (str(elsewhere / one.name), f"elsewhere/{job_id(1)}"):
        assert told(history, name).code == "unknown_job", name


def told(history: History, name: str) -> AceStepError:
    with pytest.raises(UsageError) as found:
        history.find(name)
    assert found.value.hint
    return found.value


def test_names_that_mean_no_job(tmp_path: Path) -> None:
    assert told(History(tmp_path), "last").code == "unknown_job"
    assert told(History(tmp_path), job_id(1)).code == "unknown_job"
    write_record(tmp_path, 1)
    write_record(tmp_path, 2)
    history = History(tmp_path)
    ambiguous = told(history, "2026")
    assert ambiguous.code == "ambiguous_job"
    assert job_id(1) in ambiguous.message and job_id(2) in ambiguous.message
    near = told(history, job_id(1)[:-1] + "z")
    assert near.code == "unknown_job" and job_id(1) in near.hint
    for name in ("", "..", "nonsense", "../2026", "x" * 5000, "20261121\n", "*"):
        assert told(history, name).code == "unknown_job", name


def test_only_a_digest_tells_another_song(tmp_path: Path) -> None:
    job = read_job(write_record(tmp_path, digest="abcdefgh"))
    found = [job.is_song(digest) for digest in ("abcdefgh", "ijklmnop", "", None)]
    assert found == [True, False, None, None]
    assert read_job(write_record(tmp_path, digest=None)).is_song("ijklmnop") is None


def test_a_job_whose_process_is_gone_is_dead(tmp_path: Path) -> None:
    for status in ("queued", "running"):
        before = write_record(tmp_path, 1, status=status, **GONE)
        text = before.read_text()
        assert read_job(before).state == "dead"
        assert before.read_text() == text, "what a reader finds out is not written"
        alive = write_record(tmp_path, 2, status=status, created_at="2999-01-01T00:00:00Z")
        assert read_job(alive).state == status and read_job(alive).is_open
    for status in ("succeeded", "failed", "cancelled"):
        assert read_job(write_record(tmp_path, 3, status=status, **GONE)).state == status


@pytest.mark.parametrize("pid", [None, "7", 0, -1, True, 1 << 40, 3.5])
def test_what_is_no_process_is_gone(tmp_path: Path, pid: object) -> None:
    assert read_job(write_record(tmp_path, status="running", pid=pid)).state == "dead"


def test_a_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    began = psutil.Process().create_time()

    def moment(seconds: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + seconds))

    def state(**changes: Any) -> str:
        return read_job(write_record(tmp_path, status="running", **changes)).state

    assert state(process_started_at=moment(0)) == "running"
    assert state(process_started_at=moment(-60)) == "dead"
    assert state(process_started_at=moment(60)) == "dead"
    # Without that a job cannot have begun before its process.
    assert state(created_at=moment(5)) == "running"
    assert state(created_at=moment(-5)) == "dead"


def test_a_process_that_ended_and_was_not_waited_for_is_gone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    for _ in range(1000):
        if psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.01)
    path = write_record(
        tmp_path, status="running", pid=child.pid, created_at="2999-01-01T00:00:00Z"
    )
    assert read_job(path).state == "dead"
    child.wait()


def test_of_another_machine_only_silence_is_seen(tmp_path: Path) -> None:
    path = write_record(tmp_path, status="running", **{**GONE, "host": "another machine"})
    assert read_job(path).state == "running"
    hours_ago = time.time() - 2 * 3600
    os.utime(path, (hours_ago, hours_ago))
    assert read_job(path).state == "dead"


def test_a_record_tells_of_this_process(tmp_path: Path) -> None:
    record = JobRecord.create(tmp_path, [])
    values = json.loads(record.path.read_text())
    assert {name: values[name] for name in ALIVE} == ALIVE
    assert process.running(values) == psutil.Process()
    assert read_job(record.path).state == "queued"


def test_hundreds_of_records_are_listed_at_once(tmp_path: Path) -> None:
    codes = "<|audio_code_12345|>" * 600
    for number in range(300):
        write_record(tmp_path, number, items=[{"audio_codes": codes}])
    began = time.process_time()
    assert len(list(History(tmp_path))) == 300
    assert time.process_time() - began < 2
    began = time.process_time()
    assert History(tmp_path).last().job_id == job_id(299)
    assert time.process_time() - began < 0.2
