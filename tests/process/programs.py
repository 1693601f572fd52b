"""Starting acestep as a process of its own, away from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 240


def environment(home: Path, **more: str) -> dict[str, str]:
    """A private home, no settings, no colour variables, 80 columns."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ACESTEP_", "_ACESTEP", "XDG_", "HF_"))
        and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    }
    return {
        **kept,
        "HOME": str(home),
        "COLUMNS": "80",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        **more,
    }


def stand_in(mode: str, *arguments: str) -> list[str]:
    """The command line of acestep with the stand-in for `run` (see standin.py)."""
    return [sys.executable, "-m", "tests.process.standin", mode, *arguments]


def acestep(*arguments: str) -> list[str]:
    """The command line of acestep."""
    return [sys.executable, "-m", "acestep_cli", *arguments]


def run(command: list[str], folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run `command` in `folder` to its end, with nothing on stdin unless given."""
    if "input" not in more:
        more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("env", environment(folder))
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command, cwd=folder, text=True, timeout=SECONDS, **more)
