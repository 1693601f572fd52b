"""What can happen in a run. Every stage hands these to one observer; the terminal draws them, the
record keeps them, a test collects them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The job `job_id` exists from now on; its record lies at `path`. The first event of a job."""

    job_id: str
    path: str


@dataclass(frozen=True, slots=True)
class JobFinished:
    """The job `job_id` is over and its record says so: the last event of a job.

    `status` is succeeded, failed or cancelled; `error` is the record's, None where there is none.
    """

    job_id: str
    status: str
    exit_code: int
    audio_paths: tuple[str, ...]
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins: `load`, `listen`, `plan`, `hints`, `words`, `compose`, `render` or `write`.

    `total` counts `unit`s (tokens, steps, seconds of audio) and is None where it is not known;
    `item` is the 0-based item of a batch, None where the stage serves all items.
    """

    stage: str
    total: float | None = None
    unit: str = ""
    item: int | None = None


@dataclass(frozen=True, slots=True)
class StageProgress:
    """`done` units of the running stage are finished (0 <= done <= total)."""

    stage: str
    done: float
    total: float | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended after `seconds` of wall time."""

    stage: str
    seconds: float
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user may want to know that changes nothing (a chosen seed, say)."""

    message: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that is probably not what the user wants; with `--strict` it is an error."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A value that the machine forced away from what was asked or usual (a tile, a dtype)."""

    what: str
    before: Any
    after: Any
    reason: str


@dataclass(frozen=True, slots=True)
class ItemFinished:
    """Item `index` (0-based) of the batch is complete and its audio lies at `path`."""

    index: int
    path: str


@dataclass(frozen=True, slots=True)
class Planned:
    """Item `index` (0-based) is planned: `metas` as in the record's item, and how many `codes`."""

    index: int
    metas: Mapping[str, Any]
    codes: int


Event = (
    JobStarted
    | JobFinished
    | StageStarted
    | StageProgress
    | StageFinished
    | Noted
    | Warned
    | Adjusted
    | ItemFinished
    | Planned
)
Observer = Callable[[Event], None]


def silent(event: Event) -> None:
    """The observer that ignores everything."""


@contextmanager
def stage(
    observer: Observer,
    name: str,
    *,
    total: float | None = None,
    unit: str = "",
    item: int | None = None,
) -> Iterator[None]:
    """Tell `observer` that a stage starts and, unless it fails, how long it took."""
    observer(StageStarted(name, total, unit, item))
    start = time.perf_counter()
    yield
    observer(StageFinished(name, time.perf_counter() - start, item))
