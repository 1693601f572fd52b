"""`--no-wait`: a job that goes on when its command, and its terminal, are gone."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import soundfile

from tests.conftest import GOLDEN
from tests.process.programs import SECONDS, acestep, environment, run
from tests.process.test_answers import one_object
from tests.unit.run.edited import written

CHECKPOINTS = ("--checkpoints", str(GOLDEN / "checkpoints"))
SONG = ("--no-lm", "--duration", "10", "--seed", "7", *CHECKPOINTS)

# Runs its arguments as the first program of a new terminal, as a login shell does.
_LOGIN = """
import fcntl, os, subprocess, sys, termios
os.setsid()
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
sys.exit(subprocess.call(sys.argv[1:]))
"""


def record_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "acestep_output").glob("*.json")
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def test_the_terminal_may_close(tmp_path: Path) -> None:
    """Lyrics come by a pipe, the answer goes to a terminal, which is gone before the song is."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", _LOGIN, *acestep("generate", "x", "--no-wait", *SONG)]
    with subprocess.Popen(
        [*command, "--lyrics", "-"],
        cwd=tmp_path, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=theirs,
        stderr=theirs, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        process.communicate("[verse]\nsing along", timeout=SECONDS)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    record = record_of(tmp_path)
    assert process.returncode == 0, shown
    assert record["job_id"] in shown and "acestep status" in shown
    assert record["status"] in ("queued", "running")
    assert record["pid"] != process.pid and psutil.pid_exists(record["pid"])
    assert os.getsid(record["pid"]) == record["pid"]
    os.kill(record["pid"], signal.SIGHUP)
    done = run(acestep("jobs", "wait", "last"), tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip() == record_of(tmp_path)["audio_paths"][0]
    ended = record_of(tmp_path)
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert ended["request"]["lyrics"] == "[verse]\nsing along"
    assert ended["command"][1:3] == ["generate", "x"]
    names = sorted(path.name for path in (tmp_path / "acestep_output").iterdir())
    assert names == [f"{record['job_id']}.json", f"{record['job_id']}_1.mp3"], "no empty log"
    verified = run(acestep("replay", "last", "--verify", *CHECKPOINTS), tmp_path)
    assert verified.returncode == 0, verified.stderr


def test_sound_may_come_by_a_pipe(tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    source.write_bytes(source.read_bytes()[: 44 + 4 * 24_000])
    soundfile.write(source, soundfile.read(source, dtype="int16")[0], 48_000)
    with source.open("rb") as stdin:
        done = run(
            acestep("repaint", "-", "--from", "0.2", "--no-wait", "--json", *CHECKPOINTS),
            tmp_path, stdin=stdin,
        )  # fmt: skip
    values = one_object(done.stdout)
    assert values["ok"] and values["data"]["status"] in ("queued", "running")
    source.unlink()
    assert run(acestep("jobs", "wait", "last"), tmp_path).returncode == 0
    kept = soundfile.read(tmp_path / record_of(tmp_path)["audio_paths"][0], dtype="int16")[0]
    assert len(kept) == 24_000


def started(folder: Path) -> dict[str, Any]:
    """A job of many minutes."""
    long = ("--no-lm", "--duration", "600", "--steps", "20", "--seed", "7", *CHECKPOINTS)
    done = run(acestep("generate", "x", "--no-wait", *long), folder)
    record = record_of(folder)
    assert (done.returncode, done.stdout) == (0, f"{record['job_id']}\n")
    return record


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_stop_it_as_they_stop_any_job(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    record = started(tmp_path)
    os.kill(record["pid"], number)
    assert run(acestep("jobs", "wait", "last"), tmp_path).returncode == code
    assert (record_of(tmp_path)["status"], record_of(tmp_path)["exit_code"]) == ("cancelled", code)
    for _ in range(SECONDS * 10):
        if not list((tmp_path / "acestep_output").glob("*.log")):
            break
        time.sleep(0.1)
    assert [path.suffix for path in (tmp_path / "acestep_output").iterdir()] == [".json"]


def test_it_is_dead_when_it_was_killed_and_cancelled_when_that_was_asked(tmp_path: Path) -> None:
    record = started(tmp_path)
    done = run(acestep("jobs", "cancel", "last"), tmp_path)
    assert done.stdout == f"{record['job_id']} cancelled\n"
    for path in (tmp_path / "acestep_output").iterdir():
        path.unlink()
    record = started(tmp_path)
    os.kill(record["pid"], signal.SIGKILL)
    values = one_object(run(acestep("jobs", "wait", "last", "--json"), tmp_path).stdout)
    assert (values["exit_code"], values["error"]["code"]) == (5, "dead")
    assert values["data"][0]["state"] == "dead"


_LIGHT = """
import sys
from acestep_cli.cli import main
try:
    main(sys.argv[1:])
finally:
    assert "torch" not in sys.modules and "transformers" not in sys.modules
"""


def test_neither_asking_nor_looking_loads_torch(tmp_path: Path) -> None:
    def light(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = run([sys.executable, "-c", _LIGHT, *arguments], tmp_path)
        assert done.returncode == 0, done.stderr
        return done

    light("generate", "x", "--dry-run", *SONG)
    assert list(tmp_path.iterdir()) == [], "a dry run leaves nothing"
    light("generate", "x", "--no-wait", *SONG)
    job_id = light("replay", "last", "--no-wait", "--steps", "2").stdout.strip()
    light("status", "last")
    light("jobs", "cancel", job_id)


def test_mistakes_are_told_before_anything_starts(tmp_path: Path) -> None:
    wrong = run(acestep("generate", "x", "--no-wait", "--model", "nope", *CHECKPOINTS), tmp_path)
    assert wrong.returncode == 3 and "nope" in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_current_folder_is_no_place_for_programs(tmp_path: Path) -> None:
    """A file that is called like a part of Python is not run."""
    (tmp_path / "pickle.py").write_text("raise SystemExit('taken in')")
    (tmp_path / "acestep_cli.py").write_text("raise SystemExit('taken in')")
    program = "import sys; sys.path.remove('')\nfrom acestep_cli.cli import main; main()"
    command = [sys.executable, "-c", program, "generate", "x", "--no-wait", *SONG]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert run(acestep("jobs", "cancel", "last"), tmp_path, env=safe(tmp_path)).returncode == 0


def safe(folder: Path) -> dict[str, str]:
    """The usual environment, with the current folder left out where programs are looked for."""
    return environment(folder, PYTHONSAFEPATH="1")
