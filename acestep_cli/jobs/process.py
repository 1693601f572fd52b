"""The process of a job: which one it is, whether it still lives, and how it is asked to stop.

A number alone does not name a process, because numbers are used again: its host and the moment at
which it began belong to it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

# Two readings of one beginning differ by what the clock was set right in between.
_SAME_SECONDS = 2.0
# A running job writes its record at least so often; of another machine nothing else can be seen.
_SILENT_SECONDS = 3600.0


def identity() -> dict[str, Any]:
    """What a record keeps of the process that runs its job: `pid`, `host`, `process_started_at`."""
    import psutil

    process = psutil.Process()
    began = datetime.fromtimestamp(process.create_time(), UTC)
    return {
        "pid": process.pid,
        "host": platform.node(),
        "process_started_at": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def is_here(record: Mapping[str, Any]) -> bool:
    """Whether the job of `record` runs, or ran, on this machine."""
    return record.get("host") in (None, platform.node())


def is_gone(record: Mapping[str, Any], path: Path) -> bool:
    """Whether the process that `record`, read from `path`, names is not there any more.

    A process of another machine cannot be seen: it counts as gone once its record was not written
    for an hour.
    """
    if not is_here(record):
        return _is_silent(path)
    return running(record) is None


def running(record: Mapping[str, Any]) -> psutil.Process | None:
    """The process that `record` names, None where it is gone or its number is another's now."""
    import psutil

    pid = record.get("pid")
    if isinstance(pid, bool) or not isinstance(pid, int) or not 0 < pid < 1 << 31:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not _is_same(process, record):
            return None
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        # It is somebody else's and its beginning a secret, but it is there.
        return process
    return process


def is_named(record: Mapping[str, Any]) -> bool:
    """Whether `record` tells when its process began, as every record of ours does: only then is it
    known well enough to be stopped."""
    return _seconds(record.get("process_started_at")) is not None


def _is_same(process: psutil.Process, record: Mapping[str, Any]) -> bool:
    """Whether `process` began when the record says, or at least before the record did."""
    began = float(process.create_time())
    told = _seconds(record.get("process_started_at"))
    if told is not None:
        return abs(began - told) <= _SAME_SECONDS
    created = _seconds(record.get("created_at"))
    return created is None or began <= created + _SAME_SECONDS


def _seconds(text: object) -> float | None:
    """The moment that a record tells, in seconds since 1970; None for what is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def _is_silent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _SILENT_SECONDS
    except OSError:
        return True
