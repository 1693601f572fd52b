"""A pseudo-terminal of a given width, and what a person sees on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from tests.process.programs import SECONDS, environment

ROWS = 40
_TOKEN = re.compile(
    r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|[\r\n]|[^\x1b]"
)


@dataclass
class Screen:
    """The rows of a terminal `width` columns wide, as the sequences that rich uses move on it.

    A character beyond the last column goes to the next row, which is kept in `wrapped`: what draws
    a live display must not let that happen.
    """

    width: int
    rows: list[list[str]] = field(default_factory=lambda: [[]])
    wrapped: list[int] = field(default_factory=list)
    _row: int = 0
    _column: int = 0

    def feed(self, text: str) -> None:
        """Show `text`. AssertionError for a sequence that nobody should need."""
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, repr(text[at : at + 20])
            at = found.end()
            if found[2]:
                self._command(found[1], found[2])
            elif not found[0].startswith("\x1b"):
                self._character(found[0])

    def lines(self) -> list[str]:
        """What stands on the screen in the end, without blanks at the ends of lines."""
        return ["".join(row).rstrip() for row in self.rows]

    def _command(self, numbers: str, letter: str) -> None:
        if letter == "A":
            self._row -= int(numbers or 1)
            assert self._row >= 0
        elif letter == "K":
            assert numbers == "2"
            self.rows[self._row] = []
        else:
            assert letter == "m" or numbers == "?25", (numbers, letter)

    def _character(self, char: str) -> None:
        if char == "\r":
            self._column = 0
            return
        if char == "\n":
            self._next()
            self._column = 0
            return
        assert char.isprintable(), repr(char)
        columns = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if self._column + columns > self.width:
            self._next()
            self._column = 0
            self.wrapped.append(self._row)
        row = self.rows[self._row]
        row.extend(" " * (self._column + columns - len(row)))
        row[self._column : self._column + columns] = [char, *[""] * (columns - 1)]
        self._column += columns

    def _next(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append([])


@dataclass(frozen=True)
class Seen:
    """What a program left on a terminal: its exit code, all it wrote, and the screen."""

    code: int
    written: str
    screen: Screen


def on_screen(command: list[str], folder: Path, width: int, **variables: str) -> Seen:
    """Run `command` in `folder` with both streams on a terminal of `width` columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, width, 0, 0))
    env = environment(folder, **variables)
    # The terminal alone says how wide it is.
    del env["COLUMNS"]
    with subprocess.Popen(
        command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
        code = process.wait(SECONDS)
    os.close(ours)
    screen = Screen(width)
    text = written.decode()
    screen.feed(text)
    return Seen(code, text, screen)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # Linux reports the closed other end of a terminal as an error.
        return b""
