"""On a real pseudo-terminal: a display that moves, and one that does not when it should not."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.process.programs import SECONDS, environment, stand_in


def on_terminal(folder: Path, mode: str, *arguments: str, **variables: str) -> tuple[str, str]:
    """What a stand-in run writes to a terminal as stderr and to a pipe as stdout."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        stand_in(mode, "generate", *arguments),
        cwd=folder,
        env=environment(folder, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
        stdout, _ = process.communicate(timeout=SECONDS)
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n"), stdout


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # Linux reports the closed other end of a terminal as an error.
        return b""


def test_the_display_moves_and_leaves_lines(tmp_path: Path) -> None:
    shown, stdout = on_terminal(tmp_path, "visible", "x")
    assert shown.startswith("acestep ")
    assert "\x1b[?25l" in shown, "the cursor is hidden while drawing"
    assert "/8 steps" in shown
    assert "0:00:0" in shown, "elapsed and remaining time"
    assert "\x1b[36mnote:\x1b[0m no planner is used" in shown
    assert "compose done in" in shown
    assert shown.rstrip().endswith("\x1b[?25h"), "the cursor is back"
    assert stdout.count("\n") == 1
    assert "\x1b" not in stdout


def test_no_colour_still_moves(tmp_path: Path) -> None:
    shown, _ = on_terminal(tmp_path, "visible", "x", NO_COLOR="1")
    assert "\x1b[?25l" in shown
    assert "\x1b[3" not in shown


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["x"], {"TERM": "dumb"}), (["x", "--quiet"], {})]
)
def test_plain_terminals(arguments: list[str], variables: dict[str, str], tmp_path: Path) -> None:
    shown, stdout = on_terminal(tmp_path, "quick", *arguments, **variables)
    assert "\x1b" not in shown
    assert stdout.count("\n") == 1
    assert ("compose done" in shown) == ("--quiet" not in arguments)


def test_forced_colour_in_a_pipe_does_not_move(tmp_path: Path) -> None:
    done = subprocess.run(
        stand_in("visible", "generate", "x"),
        cwd=tmp_path,
        env=environment(tmp_path, FORCE_COLOR="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert "\x1b[36mnote:\x1b[0m" in done.stderr
    assert "\x1b[?25l" not in done.stderr
    assert "\r" not in done.stderr
