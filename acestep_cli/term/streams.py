"""The standard streams as file descriptors: who may write to stdout, and what a terminal can show.

Knows nothing about what is written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

_STDOUT, _STDERR = 1, 2


@contextmanager
def guarded_stdout(*, restore: bool) -> Iterator[TextIO]:
    """Yield the only stream that still reaches stdout; descriptor 1 points at stderr meanwhile.

    So nothing that libraries or child processes print can mix with the answer. Without `restore`
    descriptor 1 stays at stderr: C libraries empty their buffers only when the process ends.
    """
    _open_missing()
    sys.stdout.flush()
    saved = os.dup(_STDOUT)
    encoding = sys.stdout.encoding or "utf-8"
    # File names that are not text must come out as the bytes they are; only UTF-8 can do that.
    errors = "surrogateescape" if encoding.lower().startswith("utf") else "backslashreplace"
    answer = os.fdopen(saved, "w", encoding=encoding, errors=errors, closefd=restore)
    os.dup2(_STDERR, _STDOUT)
    try:
        yield answer
        answer.flush()
    except OSError:
        _discard(saved)
        raise
    finally:
        sys.stdout.flush()
        if restore:
            os.dup2(saved, _STDOUT)
        answer.close()


def write_talk(text: str) -> None:
    """Write `text` to stderr; a lost reader or a full log ends the talk, not the work."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(_STDERR)


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` gets colour: NO_COLOR beats FORCE_COLOR beats being a capable terminal."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return wants_animation(stream, environ)


def wants_animation(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal whose cursor can move; no variable can make a pipe one."""
    return stream.isatty() and environ.get("TERM") != "dumb"


def _discard(descriptor: int) -> None:
    """Send what is still buffered for `descriptor` nowhere: closing it must not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_missing() -> None:
    """Open closed standard streams on nothing, so that no file opened later takes their number."""
    for descriptor in (0, _STDOUT, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    if sys.stdout is None:
        sys.stdout = os.fdopen(_STDOUT, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(_STDERR, "w", closefd=False)
