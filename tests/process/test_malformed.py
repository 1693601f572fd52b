"""Two hundred malformed invocations: a sentence, a documented exit code, nothing left behind."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acestep_cli import cli
from acestep_cli.errors import ExitCode
from tests.process.malformed import Malformed, invocations
from tests.process.programs import acestep, environment, run

COUNT = 200


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from acestep_cli.demo.sizes import TINY
    from acestep_cli.demo.tiny import build_set

    return build_set(tmp_path_factory.mktemp("checkpoints") / "tiny", TINY, 0)


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Malformed, tuple[str, ...]], tuple[int, str, str]]:
    """Runs an invocation in this process; returns exit code, stdout and stderr."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)

    def caller(case: Malformed, switches: tuple[str, ...]) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in environment(home, **case.environ).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(case.stdin)))
            with pytest.raises(SystemExit) as stopped:
                cli.main(["generate", *switches, *case.arguments])
        captured = capfd.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return caller


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def faults(case: Malformed, code: int, stdout: str, stderr: str, *, as_json: bool) -> list[str]:
    """What is wrong with how the program took `case`."""
    found = []
    if code not in case.codes or code == ExitCode.INTERNAL:
        found.append(f"exit code {code}, not {sorted(case.codes)}")
    if "Traceback" in stderr or stderr.count("error: ") != 1:
        found.append("not one error")
    if as_json:
        values = json.loads(stdout)
        answer = (values["ok"], values["exit_code"], values["command"], stdout.count("\n"))
        if answer != (False, code, ["generate"], 1) or not values["error"]["message"]:
            found.append(f"answer {stdout}")
    elif stdout:
        found.append(f"answer {stdout}")
    return [f"{case.name}: {fault}; {stderr}" for fault in found]


def test_malformed_invocations(
    tmp_path: Path, tiny: Path, call: Callable[[Malformed, tuple[str, ...]], tuple[int, str, str]]
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    cases = list(invocations(files, tiny, count=COUNT))
    assert len(cases) == COUNT
    before = everything(tmp_path)
    found = []
    for number, case in enumerate(cases):
        as_json = number % 3 == 0
        code, stdout, stderr = call(case, ("--json",) if as_json else ())
        found += faults(case, code, stdout, stderr, as_json=as_json)
        left = everything(tmp_path) ^ before
        before |= left
        found += [f"{case.name}: left {left}"] * bool(left)
    assert not found, "\n".join(found)
    assert (files / "song.mp3").read_bytes() == b"somebody's song"


def test_some_of_them_as_processes(tmp_path: Path, tiny: Path) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    home.mkdir()
    for case in list(invocations(files, tiny, count=COUNT))[::29]:
        done = run(
            acestep("generate", *case.arguments),
            home,
            env=environment(home, **case.environ),
            input=case.stdin.decode("latin-1"),
        )
        assert not faults(case, done.returncode, done.stdout, done.stderr, as_json=False)
    assert everything(home) == set()
