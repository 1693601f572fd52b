"""The log of a run for programs: every event as one line of JSON, to a descriptor or a file.

Knows nothing about what the events mean. A log that cannot be written ends; the run goes on.
"""

from __future__ import annotations

import json
import math
import os
import re
import select
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acestep_cli.errors import OutputError, UsageError
from acestep_cli.events import Event, StageFinished, StageProgress
from acestep_cli.term.streams import write_talk

SCHEMA = "acestep.events/1"

_SECONDS_BETWEEN_PROGRESS = 0.1
_LOWEST_DESCRIPTOR = 2
_TAKEN = ("stdin is only read", "stdout carries the answer")
_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
# How every log of ours begins: such a file may be written anew, others hold somebody's work.
_BEGINNING = b'{"schema": "acestep.events/'
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")

_Key = tuple[str, int | None]


class EventLog:
    """An observer that writes one line for each event to `descriptor`, each in one piece.

    Progress of one stage is written at most ten times a second, its last state always, before the
    end of its stage. `lost` says why a log ended early; it is empty as long as all was written.
    """

    def __init__(self, descriptor: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.lost = ""
        self._descriptor = descriptor
        self._clock = clock
        self._told: dict[_Key, float] = {}
        self._waiting: dict[_Key, StageProgress] = {}
        # Checkpoints are read beside the stage before them.
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write `event`, or keep it back where it is one of many steps."""
        with self._lock:
            if isinstance(event, StageProgress):
                self._progress(event)
                return
            if isinstance(event, StageFinished):
                self._flush((event.stage, event.item))
                self._told.pop((event.stage, event.item), None)
            self._write(event)

    def close(self) -> None:
        """Write what was kept back; the descriptor stays open."""
        with self._lock:
            for key in list(self._waiting):
                self._flush(key)

    def _progress(self, event: StageProgress) -> None:
        key, now = (event.stage, event.item), self._clock()
        if now - self._told.get(key, -math.inf) < _SECONDS_BETWEEN_PROGRESS:
            self._waiting[key] = event
            return
        self._waiting.pop(key, None)
        self._told[key] = now
        self._write(event)

    def _flush(self, key: _Key) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._write(waiting)

    def _write(self, event: Event) -> None:
        if self.lost:
            return
        try:
            _write_all(self._descriptor, as_line(event))
        except OSError as error:
            self.lost = error.strerror or type(error).__name__


@contextmanager
def open_events(target: str, say: Callable[[str], None] | None = None) -> Iterator[EventLog]:
    """The log that `target` asks for: the number of a descriptor that this process was given, or
    a file, which is made or, where it holds an earlier log, written anew.

    UsageError for what is neither, OutputError for a file that cannot be written or holds anything
    else. When the log ended early, `say` (stderr by default) is told once, at the end.
    """
    number = _NUMBER.fullmatch(target.strip())
    descriptor = _inherited(target.strip()) if number else _opened(target)
    log = EventLog(descriptor)
    try:
        yield log
    finally:
        log.close()
        os.close(descriptor)
        if log.lost:
            line = f"note: the events in {target} are not complete: {log.lost}"
            (say or _say)(line)


def as_line(event: Event) -> bytes:
    """`event` as a line of JSON in ASCII: schema, name, time of writing, then its own fields."""
    values = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"schema": SCHEMA, "event": event_name(type(event)), "time": moment, **values}
    return json.dumps(line, allow_nan=False).encode("ascii") + b"\n"


def event_name(kind: type[Event]) -> str:
    """The name of a kind of event in the log: `stage_started` for StageStarted."""
    return _CAPITAL.sub("_", kind.__name__).lower()


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite are null, other things their
    names."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str(value)


def _inherited(text: str) -> int:
    """A copy of the descriptor `text`; UsageError unless it was given to us for writing."""
    try:
        number = int(text)
        if 0 <= number < _LOWEST_DESCRIPTOR:
            raise UsageError(
                f"--events {number} is taken: {_TAKEN[number]}",
                "give 2 for stderr, another descriptor, or a file",
            )
        # What we opened ourselves is not inherited: a number nobody gave us may be one of those.
        if not os.get_inheritable(number) or not _is_writable(number):
            raise OSError
        return os.dup(number)
    except (OSError, OverflowError, ValueError) as error:
        raise UsageError(
            f"--events {text}: no descriptor {text} is open for writing",
            "open one from 3 upwards as in `--events 3 3> events.jsonl`, or name a file",
        ) from error


def _is_writable(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # there is no such question on Windows
        return True
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def _opened(target: str) -> int:
    if target in ("", "-"):
        raise UsageError(
            f"--events {target!r} names no file", "give a file, or 2 to write to stderr"
        )
    try:
        # A pipe that is opened for reading too has no lost readers and waits for ever.
        way = os.O_WRONLY if _is_special(Path(target)) else os.O_RDWR | os.O_CREAT
        descriptor = os.open(target, way, 0o666)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"cannot write the events to {target!r}: {reason}", "name another file with --events"
        ) from error
    try:
        _make_empty(descriptor, target)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_special(path: Path) -> bool:
    """Whether `path` is a pipe, a device or the like, and no file to keep."""
    return path.exists() and not path.is_file()


def _make_empty(descriptor: int, target: str) -> None:
    """Truncate a file that is ours; a pipe or a device is taken as it is."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return
    beginning = os.read(descriptor, len(_BEGINNING))
    if beginning not in (b"", _BEGINNING):
        raise OutputError(
            f"{target!r} already exists and holds no events",
            "choose another name, or delete it",
            code="exists",
        )
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)


def _write_all(descriptor: int, line: bytes) -> None:
    """Write all of `line`, waiting for a reader that is slow."""
    rest = memoryview(line)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            room = select.poll()
            room.register(descriptor, select.POLLOUT)
            room.poll()


def _say(line: str) -> None:
    write_talk(line + "\n")
