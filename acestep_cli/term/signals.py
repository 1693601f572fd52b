"""Ctrl-C and SIGTERM: the first asks a running job to stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from acestep_cli.errors import Cancelled, ExitCode

_STATUS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_NOTICE = b"\nstopping after this step; again to leave at once\n"


class StopSignals:
    """What signals asked for: while a job polls, the first sets `requested`; all others raise.
    `notice` is said to whoever asks first."""

    def __init__(self, *, notice: bytes = _NOTICE) -> None:
        self._notice = notice
        self.requested: ExitCode | None = None
        self.at_once = False
        self._polled = False

    def cancelled(self) -> ExitCode | None:
        """The exit code to stop with (130 or 143), None while nobody asked to stop."""
        return self.requested

    @contextmanager
    def polled(self) -> Iterator[None]:
        """A block that polls `cancelled` and stops by itself."""
        self._polled = True
        try:
            yield
        finally:
            self._polled = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle both signals in this block, but for those that the parent process switched off."""
        previous: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in _STATUS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    previous[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        first = self.requested is None
        self.requested = _STATUS[signal.Signals(number)]
        if first and self._polled:
            # sys.stderr may be in the middle of a write here; the descriptor takes no locks.
            with suppress(OSError):
                os.write(2, self._notice)
            return
        self.at_once = not first
        # Should something swallow this, the next signal ends the process without asking Python.
        signal.signal(number, signal.SIG_DFL)
        raise Cancelled(self.requested)
