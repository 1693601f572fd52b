"""Who may write to stdout, and what a terminal may be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO

import pytest

from acestep_cli.term.streams import guarded_stdout, wants_animation, wants_colour


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colour", "animation"),
    [
        (Terminal(), {}, True, True),
        (Terminal(), {"TERM": "dumb"}, False, False),
        (Terminal(), {"NO_COLOR": "1"}, False, True),
        (Terminal(), {"NO_COLOR": ""}, True, True),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, True),
        (StringIO(), {}, False, False),
        (StringIO(), {"FORCE_COLOR": "1"}, True, False),
        (Terminal(), {"FORCE_COLOR": "1", "TERM": "dumb"}, True, False),
    ],
)
def test_colour_and_animation(
    stream: StringIO, environ: dict[str, str], colour: bool, animation: bool
) -> None:
    assert wants_colour(stream, environ) is colour
    assert wants_animation(stream, environ) is animation


def test_only_the_answer_reaches_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with guarded_stdout(restore=True) as answer:
        os.write(1, b"from C\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        answer.write("the answer\n")
    os.write(1, b"after\n")
    captured = capfd.readouterr()
    assert captured.out == "the answer\nafter\n"
    assert captured.err == "from C\nfrom a child\n"


def test_a_guard_that_stays_outlives_the_block() -> None:
    program = (
        "import ctypes\n"
        "from acestep_cli.term.streams import guarded_stdout\n"
        "libc = ctypes.CDLL(None)\n"
        "with guarded_stdout(restore=False) as answer:\n"
        "    libc.puts(b'kept back by C until the end')\n"
        "    answer.write('the answer\\n')\n"
        "print('late')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == "the answer\n"
    assert "kept back by C until the end" in done.stderr
    assert "late" in done.stderr


def test_file_names_come_out_as_the_bytes_they_are(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with guarded_stdout(restore=True) as answer:
        answer.write("caf\udce9.mp3\n")
    assert capfdbinary.readouterr().out == b"caf\xe9.mp3\n"
