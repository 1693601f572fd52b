"""The real command on tiny checkpoints: songs, records, kills, and what else can go wrong."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run

CHECKPOINTS = str(GOLDEN / "checkpoints")
WORDS = "upbeat indie rock, bright guitars"
FAST = ["--no-lm", "--duration", "2", "--steps", "2", "--checkpoints", CHECKPOINTS]
FAST += ["--device", "cpu", "--dtype", "float32"]


def generate(*more: str) -> list[str]:
    return acestep("generate", WORDS, *FAST, *more)


def record_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "acestep_output").glob("*.json")
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in (folder / "acestep_output").iterdir() if path.name[0] == "."]


def test_a_song_and_its_record(tmp_path: Path) -> None:
    done = run(generate("--seed", "7"), tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    record = record_of(tmp_path)
    assert line == f"acestep_output/{record['job_id']}_1.mp3"
    assert (tmp_path / line).stat().st_size > 10_000
    assert record["status"] == "succeeded" and record["error"] is None
    assert record["audio_paths"] == [line]
    (item,) = record["items"]
    assert item["seed"] == 7 and item["path"] == line
    assert item["level"]["peak"] == pytest.approx(-1.0, abs=0.05)
    assert item["metas"]["duration"] == 2.0
    assert [part["name"] for part in record["checkpoints"]] == [
        "Qwen3-Embedding-0.6B",
        "acestep-v15-turbo",
        "vae",
    ]
    assert all(len(part["fingerprint"]) == 64 for part in record["checkpoints"])
    assert {"load", "words", "compose", "render", "write"} <= set(record["time_costs"])
    assert leftovers(tmp_path) == []


def test_json_is_one_object_with_the_record(tmp_path: Path) -> None:
    done = run(generate("--seed", "7", "--json", "--quiet"), tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["ok"] is True and answer["data"] == record_of(tmp_path)


def test_neither_diffusers_nor_transformers_is_needed(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    for name in ("diffusers", "transformers"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('not importable')\n")
    env = environment(tmp_path)
    env["PYTHONPATH"] = f"{blocked}{os.pathsep}{env['PYTHONPATH']}"
    done = run(generate("--seed", "7"), tmp_path, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_cancel_within_a_step(tmp_path: Path, number: int, status: int) -> None:
    slow = [*acestep("generate", WORDS, "--no-lm", "--duration", "240", "--steps", "200")]
    slow += ["--model", "acestep-v15-base", "--checkpoints", CHECKPOINTS, "--dtype", "float32"]
    with start(slow, tmp_path) as process:
        wait_for(process, b"compose")
        process.send_signal(number)
        sent = time.monotonic()
        assert process.wait(30) == status
        assert time.monotonic() - sent < 10
    record = record_of(tmp_path)
    assert record["status"] == "cancelled" and record["error"]["code"] == "cancelled"
    assert record["audio_paths"] == [] and leftovers(tmp_path) == []


def test_a_kill_at_any_moment_leaves_a_valid_record_and_no_half_song(tmp_path: Path) -> None:
    chance = random.Random(5)
    for attempt in range(6):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        with start(generate("--seed", "1", "--audio-format", "wav"), folder) as process:
            time.sleep(chance.uniform(0.3, 4.0))
            process.send_signal(signal.SIGKILL)
        output = folder / "acestep_output"
        for path in output.glob("*.json") if output.is_dir() else ():
            record = json.loads(path.read_text("utf-8"))
            assert record["status"] in ("queued", "running", "succeeded")
            assert record["job_id"] == path.stem
        for song in output.glob("[!.]*.wav") if output.is_dir() else ():
            assert song.stat().st_size > 2 * 48_000 * 6


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(process: subprocess.Popen[bytes], word: bytes) -> None:
    assert process.stderr is not None
    while line := process.stderr.readline():
        if word in line:
            return
    raise AssertionError(f"{sys.executable} ended before it said {word!r}")
