"""The planner asked wrongly: a sentence and its remedy, a documented exit code, nothing left
behind, and all of that before torch is loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.conftest import GOLDEN
from tests.process.programs import run

LEAST = 100


def test_malformed_planning(tmp_path: Path) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    home.mkdir()
    program = [sys.executable, "-m", "tests.process.planning_answers"]
    done = run([*program, str(files), str(GOLDEN / "checkpoints")], home)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) >= LEAST
    found = [fault for answer in answers for fault in faults(*answer)]
    assert not found, "\n".join(found)
    assert list(home.iterdir()) == []


def faults(name: str, right: list[int], code: int, stdout: str, stderr: str) -> list[str]:
    """What is wrong with an answer."""
    found = []
    if code not in right:
        found.append(f"exit code {code}, not {right}")
    lines = stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in stderr or len(errors) != 1 or not lines[-1].startswith("hint: "):
        found.append("not one sentence with its remedy")
    values = json.loads(stdout)
    if (values["ok"], values["exit_code"], values["data"]) != (False, code, None):
        found.append(f"answer {stdout}")
    return [f"{name}: {fault}; {stderr}" for fault in found]
