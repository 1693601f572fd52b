"""One writer at a time: a lock of the operating system on a file beside the one that is written.

It is gone with the process that holds it, however that ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acestep_cli.errors import OutputError

_LONGEST_WAIT = 10.0
_PAUSE = 0.01


@contextmanager
def only_writer(target: Path, *, longest_wait: float = _LONGEST_WAIT) -> Iterator[None]:
    """Hold `.NAME.lock` beside `target` for this block, waiting for others that do.

    The folder must exist. OSError where it takes no file; OutputError after `longest_wait` seconds.
    """
    lock = target.with_name(f".{target.name}.lock")
    until = time.monotonic() + longest_wait
    while (descriptor := _taken(lock)) is None:
        if time.monotonic() > until:
            raise OutputError(
                f"another acestep has been writing {target} for {longest_wait:g} s",
                "try again when it is done",
                code="busy",
            )
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        # Taken away while it is held, so nobody can hold it and think it still counts.
        with suppress(OSError):
            lock.unlink()
        os.close(descriptor)


def _taken(lock: Path) -> int | None:
    """A descriptor that holds `lock`; None where another one does."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if _locked(descriptor) and _is_still(lock, descriptor):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_still(lock: Path, descriptor: int) -> bool:
    """Whether `lock` is the file of `descriptor`: its last holder may have taken it away."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
