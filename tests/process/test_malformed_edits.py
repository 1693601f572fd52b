"""A hundred malformed edits: one sentence, a documented exit code, nothing left behind."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acestep_cli import cli
from acestep_cli.errors import AceStepError, ExitCode
from tests.conftest import GOLDEN
from tests.process.malformed import Malformed
from tests.process.malformed_edits import Place, invocations
from tests.process.programs import acestep, environment, run

LEAST = 100
Call = Callable[[Malformed, tuple[str, ...]], tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    files = tmp_path / "files"
    files.mkdir()
    return Place(files, GOLDEN / "checkpoints")


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """Runs an invocation in this process; returns exit code, stdout and stderr."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in list(os.environ):
        if name.startswith("ACESTEP_"):
            monkeypatch.delenv(name)
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)

    def make(*_: object) -> None:
        raise AceStepError("it was taken for a good one")

    # What is not refused at once would cost a song.
    monkeypatch.setattr("acestep_cli.run.job.make", make)

    def caller(case: Malformed, switches: tuple[str, ...]) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(case.stdin)))
            with pytest.raises(SystemExit) as stopped:
                cli.main([*case.arguments, *switches])
        captured = capfd.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return caller


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Everything in `folder`, with what regular files hold."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def faults(case: Malformed, code: int, stdout: str, stderr: str, *, as_json: bool) -> list[str]:
    """What is wrong with how the program took `case`."""
    found = []
    if code not in case.codes or code == ExitCode.INTERNAL:
        found.append(f"exit code {code}, not {sorted(case.codes)}")
    sentences = [line for line in stderr.splitlines() if line.startswith("error: ")]
    if "Traceback" in stderr or len(sentences) != 1:
        found.append("not one error")
    if as_json:
        values = json.loads(stdout)
        answer = (values["ok"], values["exit_code"], stdout.count("\n"))
        if answer != (False, code, 1) or not values["error"]["message"]:
            found.append(f"answer {stdout}")
    elif stdout:
        found.append(f"answer {stdout}")
    return [f"{case.name}: {fault}; {stderr}" for fault in found]


def test_malformed_edits(tmp_path: Path, place: Place, call: Call) -> None:
    cases = invocations(place)
    assert len(cases) >= LEAST
    loaded = "torch" in sys.modules
    before = contents(tmp_path)
    found = []
    for number, case in enumerate(cases):
        as_json = number % 3 == 0
        code, stdout, stderr = call(case, ("--json",) if as_json else ())
        found += faults(case, code, stdout, stderr, as_json=as_json)
        if contents(tmp_path) != before:
            found.append(f"{case.name}: left {contents(tmp_path).keys() ^ before.keys()}")
            before = contents(tmp_path)
        if not loaded and "torch" in sys.modules:
            found.append(f"{case.name}: torch was loaded for it")
            loaded = True
    assert not found, "\n".join(found)


def test_some_of_them_as_processes(tmp_path: Path, place: Place) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for case in invocations(place)[::31]:
        done = run(
            acestep(*case.arguments),
            home,
            env=environment(home),
            input=case.stdin.decode("latin-1"),
        )
        assert not faults(case, done.returncode, done.stdout, done.stderr, as_json=False)
    assert contents(home) == {}
