"""`acestep jobs` and `acestep status` on records that lie in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.process.programs import SECONDS, acestep, environment, run, stand_in
from tests.process.test_answers import one_object
from tests.unit.jobs.written import GONE, job_id, write_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four jobs: one that succeeded, one that failed, one that is dead, one that runs."""
    out = tmp_path / "acestep_output"
    song = out / f"{job_id(1)}_1.mp3"
    words = "[verse]\nrain on the roof tonight\n[chorus]\nlet it fall and fall"
    metas = {"caption": "warm lofi", "bpm": 84, "duration": 30.0, "lyrics": words}
    items = [{"seed": 7, "metas": metas}]
    write_record(out, 1, items=items, audio_paths=[f"acestep_output/{song.name}"])
    song.write_bytes(b"sound")
    error = {"code": "out_of_memory", "message": "there is not enough memory", "hint": "shorter"}
    write_record(out, 2, status="failed", exit_code=4, error=error)
    write_record(out, 3, status="running", exit_code=None, **GONE)
    running = {"status": "running", "exit_code": None, "stage": "compose", "progress": 0.5}
    write_record(out, 4, **running, created_at="2999-01-01T00:00:00Z")
    return tmp_path


def answer(folder: Path, *arguments: str) -> Any:
    done = run(acestep(*arguments, "--json"), folder)
    values = one_object(done.stdout)
    assert values["exit_code"] == done.returncode
    return values


def test_a_table_of_jobs(folder: Path) -> None:
    done = run(acestep("jobs"), folder)
    states = ["running", "dead", "failed", "succeeded"]
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [job_id(number), state] for number, state in zip((4, 3, 2, 1), states, strict=True)
    ]
    assert lines[3].split()[-5:] == ["30", "s", "generate", "warm", "lofi"]
    assert len({line.index("warm lofi") for line in lines}) == 1
    assert (done.returncode, done.stderr) == (0, "")


def test_filters(folder: Path) -> None:
    def ids(*arguments: str) -> list[str]:
        return [job["job_id"] for job in answer(folder, "jobs", *arguments)["data"]]

    assert ids("--state", "dead,failed") == [job_id(3), job_id(2)]
    assert ids("list", "--state", "dead", "--state", "succeeded") == [job_id(3), job_id(1)]
    assert ids("--limit", "1") == [job_id(4)]
    assert ids("--state", "queued") == []
    # What one record says of its time hides no other one.
    now = datetime.now(UTC)
    recent = f"{now:%Y%m%d-%H%M%S}-aaaa"
    write_record(folder / "acestep_output", job_id=recent, created_at=now.isoformat())
    write_record(folder / "acestep_output", job_id="29990101-000000-aaaa", created_at="once")
    assert ids("--since", "1h") == [recent]
    for odd in (["--state", "done"], ["--limit", "0"], ["--limit", "x"], ["--since", "soon"]):
        assert answer(folder, "jobs", *odd)["error"]["code"] == "usage"


def test_jobs_as_json(folder: Path) -> None:
    values = answer(folder, "jobs")["data"]
    assert values[3]["audio_paths"] == [f"acestep_output/{job_id(1)}_1.mp3"]
    assert values[2]["error"]["code"] == "out_of_memory"
    assert values[0]["stage"] == "compose" and values[0]["exit_code"] is None


def test_files_that_are_no_records_are_spoken_of(folder: Path) -> None:
    (folder / "acestep_output" / f"{job_id(9)}.json").write_text("{")
    done = run(acestep("jobs"), folder)
    assert len(done.stdout.splitlines()) == 4
    assert done.stderr == "note: 1 JSON file is no record in acestep_output\n"


def test_a_folder_without_jobs(tmp_path: Path) -> None:
    done = run(acestep("jobs"), tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no jobs in acestep_output\n"
    assert answer(tmp_path, "status", "last")["error"]["code"] == "unknown_job"
    assert list(tmp_path.iterdir()) == []


def test_the_state_of_each_job(folder: Path) -> None:
    good = run(acestep("status", job_id(1)), folder).stdout
    assert good.splitlines() == [
        f"job: {job_id(1)}",
        "state: succeeded",
        good.splitlines()[2],
        "song: seed 7 · 84 bpm · 30 s",
        "caption: warm lofi",
        "sections (estimated): verse 0:00 · chorus 0:15",
        f"file: acestep_output/{job_id(1)}_1.mp3",
    ]
    failed = run(acestep("status", job_id(2)), folder)
    assert failed.returncode == 0
    assert "error: there is not enough memory\nhint: shorter\n" in failed.stdout
    assert "state: dead\n" in run(acestep("status", job_id(3)), folder).stdout
    assert "state: running, compose 50%\n" in run(acestep("status", "last"), folder).stdout
    (folder / "acestep_output" / f"{job_id(1)}_1.mp3").unlink()
    assert "(is not there now)" in run(acestep("status", job_id(1)), folder).stdout


def test_status_as_json_is_the_record_and_the_state(folder: Path) -> None:
    path = folder / "acestep_output" / f"{job_id(3)}.json"
    before = path.read_text()
    assert answer(folder, "status", job_id(3))["data"] == {**json.loads(before), "state": "dead"}
    assert path.read_text() == before
    shown = run(acestep("jobs", "show", job_id(3)[:-1]), folder).stdout
    assert json.loads(shown) == {**json.loads(before), "state": "dead"}


def test_a_job_has_to_be_named(folder: Path) -> None:
    for command in (["status"], ["jobs", "show"], ["jobs", "wait"], ["jobs", "cancel"], ["replay"]):
        done = run(acestep(*command), folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no job is named" in done.stderr and job_id(4) in done.stderr


def test_records_cannot_command_a_terminal(folder: Path) -> None:
    evil = "\x1b]0;title\x07 \x9b2J \u202e\ud800"
    metas = {
        "caption": evil,
        "bpm": [evil],
        "duration": 10**400,
        "lyrics": "[verse]\nla",
        "keyscale": evil,
        "genres": evil,
    }
    error = {"code": evil, "message": evil, "hint": [evil]}
    changes = {"items": [{"seed": evil, "metas": metas, "track": evil}], "audio_paths": [evil, 3]}
    write_record(folder / "acestep_output", 9, status="failed", error=error, **changes)
    write_record(folder / "acestep_output", 8, items=3, request=3, audio_paths={}, created_at=evil)
    for command in (["status", job_id(9)], ["jobs"], ["jobs", "show", job_id(9)],
                    ["jobs", "wait", job_id(9)], ["status", job_id(8)]):  # fmt: skip
        done = run(acestep(*command), folder)
        assert done.returncode in (0, 1), command
        assert all(char.isprintable() or char == "\n" for char in done.stdout + done.stderr)
        assert "Traceback" not in done.stderr and "unexpected" not in done.stderr
    assert run(acestep("jobs", "--json"), folder).returncode == 0


def test_removing_takes_what_is_the_jobs_own(folder: Path) -> None:
    out = folder / "acestep_output"
    mine = folder / "mine.mp3"
    mine.write_bytes(b"somebody's music")
    link = out / f"{job_id(5)}_2.mp3"
    link.symlink_to(mine)
    song = out / f"{job_id(5)}_1.mp3"
    song.write_bytes(b"sound")
    (out / f"{job_id(5)}.log").touch()
    listed = [str(song), str(mine), str(link), "/etc/hostname"]
    write_record(out, 5, audio_paths=listed)
    unasked = run(acestep("jobs", "remove", job_id(5)), folder)
    assert unasked.returncode == 2 and "--yes" in unasked.stderr and song.exists()
    done = run(acestep("jobs", "remove", job_id(5), "--yes"), folder)
    assert (done.returncode, done.stdout) == (0, f"{job_id(5)}\n")
    assert f"note: {mine} stays: it is another song by now" in done.stderr
    assert mine.exists() and link.is_symlink()
    left = sorted(path.name for path in out.iterdir() if path.name.startswith(job_id(5)))
    assert left == [link.name]
    running = run(acestep("jobs", "remove", job_id(4), "--yes"), folder)
    assert running.returncode == 2 and "jobs cancel" in running.stderr
    dead = answer(folder, "jobs", "remove", job_id(3), job_id(2), "--yes")
    assert dead["data"]["job_ids"] == [job_id(3), job_id(2)]


def test_waiting_ends_with_the_code_of_the_job(folder: Path) -> None:
    good = run(acestep("jobs", "wait", job_id(1)), folder)
    assert (good.returncode, good.stdout) == (0, f"acestep_output/{job_id(1)}_1.mp3\n")
    failed = answer(folder, "jobs", "wait", job_id(1), job_id(2))
    assert (failed["exit_code"], failed["error"]["code"]) == (4, "out_of_memory")
    assert [job["state"] for job in failed["data"]] == ["succeeded", "failed"]
    dead = answer(folder, "jobs", "wait", job_id(3))
    assert (dead["exit_code"], dead["error"]["code"]) == (5, "dead")
    late = answer(folder, "jobs", "wait", "last", "--timeout", "0")
    assert (late["exit_code"], late["error"]["code"]) == (5, "timeout")
    shown = " ".join(run(acestep("jobs", "wait", "--help"), folder).stdout.split())
    assert "It is 5 for a job whose process is gone" in shown


def started(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=folder, env=environment(folder), stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_record(folder: Path) -> Path:
    for _ in range(SECONDS * 20):
        if paths := list((folder / "acestep_output").glob("*.json")):
            return paths[0]
        time.sleep(0.05)
    raise AssertionError("no record")


def test_a_job_in_another_window(tmp_path: Path) -> None:
    """It is followed, Ctrl-C ends the waiting alone, and cancelling it ends it."""
    with started(tmp_path, *stand_in("slow", "generate", "x")) as job:
        wait_for_record(tmp_path)
        with started(tmp_path, *acestep("jobs", "wait", "last")) as waiting:
            assert waiting.stderr is not None
            assert "compose" in waiting.stderr.readline()
            waiting.send_signal(signal.SIGINT)
            waiting.communicate(timeout=SECONDS)
        assert waiting.returncode == 130 and job.poll() is None
        with started(tmp_path, *acestep("status", "last", "--follow")) as following:
            assert following.stderr is not None
            following.stderr.readline()
            done = run(acestep("jobs", "cancel", "last"), tmp_path)
            assert done.stdout.split()[1:] == ["cancelled"] and done.returncode == 0
            shown, _ = following.communicate(timeout=SECONDS)
        assert following.returncode == 0 and "state: cancelled" in shown
        job.communicate(timeout=SECONDS)
    assert job.returncode == 143
    values = answer(tmp_path, "jobs", "wait", "last")
    assert (values["exit_code"], values["error"]["code"]) == (143, "cancelled")
    assert values["error"]["message"].endswith("was cancelled") and values["error"]["hint"]
    again = run(acestep("jobs", "cancel", "last"), tmp_path)
    assert again.returncode == 2 and "it is cancelled" in again.stderr


def test_a_killed_job_is_dead(tmp_path: Path) -> None:
    with started(tmp_path, *stand_in("slow", "generate", "x")) as job:
        wait_for_record(tmp_path)
        os.kill(job.pid, signal.SIGKILL)
        job.communicate()
    assert answer(tmp_path, "status", "last")["data"]["state"] == "dead"
    assert answer(tmp_path, "jobs", "--state", "dead")["data"][0]["state"] == "dead"
    assert answer(tmp_path, "jobs", "cancel", "last")["error"]["code"] == "not_running"
