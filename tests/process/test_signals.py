"""Ctrl-C and SIGTERM at every stage of a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from acestep_cli import cli
from acestep_cli.term.output import Output, Result
from tests.process.programs import SECONDS, environment, stand_in
from tests.process.standin import STEPS, STUBBORN_SECONDS

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def start(mode: str, folder: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        stand_in(mode, "generate", *arguments),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said")


def record_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "acestep_output").glob("*.json")
    values: dict[str, Any] = json.loads(path.read_text())
    return values


@pytest.mark.parametrize("number", CODES)
def test_the_first_signal_stops_within_a_step(number: signal.Signals, tmp_path: Path) -> None:
    with start("slow", tmp_path, "x", "--json") as process:
        wait_for(process, "compose")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == CODES[number]
    assert "stopping after this step" in stderr
    assert "error: cancelled" in stderr
    values = json.loads(stdout)
    assert (values["ok"], values["exit_code"]) == (False, CODES[number])
    assert values["error"]["code"] == values["data"]["error"]["code"] == "cancelled"
    assert record_of(tmp_path) == values["data"]
    assert record_of(tmp_path)["status"] == "cancelled"
    assert record_of(tmp_path)["progress"] <= 2 / STEPS, "a step may be under way at the signal"
    assert list((tmp_path / "acestep_output").glob("*.mp3")) == []


@pytest.mark.parametrize("number", CODES)
def test_the_second_signal_leaves_at_once(number: signal.Signals, tmp_path: Path) -> None:
    with start("stubborn", tmp_path, "x") as process:
        wait_for(process, "compose")
        process.send_signal(number)
        wait_for(process, "stopping after this step")
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=SECONDS)
    assert time.monotonic() - began < STUBBORN_SECONDS / 2
    assert process.returncode == CODES[number]
    assert record_of(tmp_path)["status"] == "cancelled"


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_reading_stdin(number: signal.Signals, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with start("reading", tmp_path, "--lyrics", "-", stdin=reader) as process:
        wait_for(process, "reading stdin")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=SECONDS)
    os.close(reader)
    os.close(writer)
    assert process.returncode == CODES[number]
    assert stderr == "error: cancelled\n"
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_a_record_that_says_how_far_it_came(tmp_path: Path) -> None:
    with start("slow", tmp_path, "x") as process:
        wait_for(process, "compose")
        process.kill()
        process.communicate(timeout=SECONDS)
    record = record_of(tmp_path)
    assert (record["status"], record["stage"]) == ("running", "compose")
    assert record["pid"] == process.pid


def test_a_signal_while_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(output: Output, result: Result) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Output, "emit", interrupted)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["nonsense"])
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signals_that_the_parent_switched_off_stay_off(tmp_path: Path) -> None:
    program = (
        "import signal\n"
        "from acestep_cli.term.signals import StopSignals\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with StopSignals().installed():\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
    )
    command = [*stand_in("quick")[:1], "-c", program]
    assert subprocess.run(command, env=environment(tmp_path), timeout=SECONDS).returncode == 0
