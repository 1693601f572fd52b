"""`--events`: what a program that starts acestep hears of a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acestep_cli.commands.schema import schemas
from tests.process.programs import acestep, environment, run, stand_in

EVENTS = Draft202012Validator(schemas()["events"])


def events_in(text: str) -> list[dict[str, Any]]:
    """The lines of a log, each of which fits the schema."""
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        EVENTS.validate(line)
    return found


def test_a_real_run_from_beginning_to_end(tmp_path: Path, checkpoints: Path) -> None:
    arguments = ["generate", "x", "--no-lm", "--duration", "10", "--batch", "2", "--json"]
    done = run(acestep(*arguments, "--events", "log", "--checkpoints", str(checkpoints)), tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["data"]
    found = events_in((tmp_path / "log").read_text())
    names = [line["event"] for line in found]
    assert (names[0], names[-1]) == ("job_started", "job_finished")
    assert found[0]["job_id"] == found[-1]["job_id"] == record["job_id"]
    assert (tmp_path / found[0]["path"]).is_file()
    assert found[-1]["audio_paths"] == record["audio_paths"]
    assert (found[-1]["status"], found[-1]["exit_code"]) == ("succeeded", 0)
    finished = [line["path"] for line in found if line["event"] == "item_finished"]
    assert finished == record["audio_paths"]
    started = [(line["stage"], line["item"]) for line in found if line["event"] == "stage_started"]
    ended = [(line["stage"], line["item"]) for line in found if line["event"] == "stage_finished"]
    assert sorted(map(str, started)) == sorted(map(str, ended))
    assert {stage for stage, _ in started} >= {"load", "words", "compose", "render", "write"}
    assert [line["time"] for line in found] == sorted(line["time"] for line in found)


def test_a_job_that_is_stopped_says_so_last(tmp_path: Path, checkpoints: Path) -> None:
    arguments = ["generate", "x", "--no-lm", "--duration", "10", "--events", "2", "-q"]
    with subprocess.Popen(
        acestep(*arguments, "--checkpoints", str(checkpoints)),
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            if line.startswith("{"):
                lines.append(line)
            if [one for one in lines if '"stage_started"' in one] == [line]:
                process.send_signal(signal.SIGTERM)
    last = events_in("".join(lines))[-1]
    assert (last["event"], last["status"]) == ("job_finished", "cancelled")
    assert last["exit_code"] == process.returncode == 143
    assert last["error"]["code"] == "cancelled"


def test_a_descriptor_of_the_shell(tmp_path: Path) -> None:
    command = subprocess.list2cmdline(stand_in("quick", "generate", "x", "--events", "5"))
    done = run(["sh", "-c", f"exec {command} 5> log"], tmp_path)
    assert done.returncode == 0
    assert [line["event"] for line in events_in((tmp_path / "log").read_text())] == [
        "noted", "stage_started", "stage_progress", "stage_progress", "stage_finished",
        "item_finished",
    ]  # fmt: skip
    assert len(done.stdout.splitlines()) == 1


def test_a_pipe_of_the_parent(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as events:
        with subprocess.Popen(
            stand_in("visible", "generate", "x", "-q", "--events", str(writer)),
            cwd=tmp_path, env=environment(tmp_path), pass_fds=(writer,), stdout=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            os.close(writer)
            found = events_in(events.read())
        assert process.returncode == 0
    steps = [line["done"] for line in found if line["event"] == "stage_progress"]
    assert steps == sorted(steps)
    assert steps[-1] == 8


def test_stderr_may_carry_them(tmp_path: Path) -> None:
    done = run(stand_in("quick", "generate", "x", "-q", "--events", "2"), tmp_path)
    assert len(events_in(done.stderr)) == 6


def test_a_reader_that_leaves_does_not_stop_the_song(tmp_path: Path) -> None:
    command = subprocess.list2cmdline(stand_in("visible", "generate", "x", "--events", "5"))
    script = f"{{ {command} 5>&1 >&3 | head -n 1 > first; }} 3>&1"
    done = run(["sh", "-c", script], tmp_path)
    assert len(events_in((tmp_path / "first").read_text())) == 1
    assert done.stdout.endswith("_1.mp3\n")
    assert done.stderr.count("are not complete") == 1


@pytest.mark.parametrize(
    ("target", "code"),
    [("0", 2), ("1", 2), ("3", 2), ("77", 2), ("-", 2), ("", 2), (".", 6), ("no/such/log", 6)],
)
def test_what_is_no_place_for_them_stops_the_job_before(
    target: str, code: int, tmp_path: Path
) -> None:
    done = run(stand_in("quick", "generate", "x", "--json", "--events", target), tmp_path)
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["error"]["hint"]
    assert not (tmp_path / "acestep_output").exists()


def test_a_song_is_not_taken_for_a_log(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    done = run(stand_in("quick", "generate", "x", "--events", "song.wav"), tmp_path)
    assert done.returncode == 6
    assert "holds no events" in done.stderr
    assert (tmp_path / "song.wav").read_bytes() == b"RIFF"
