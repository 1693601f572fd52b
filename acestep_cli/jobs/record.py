"""The record of a job: one JSON file, whole at every moment, that says how far the job came.

It observes the run. It knows nothing about how songs are made or where checkpoints lie.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from acestep_cli.errors import AceStepError, Cancelled, ExitCode, OutputError
from acestep_cli.events import (
    Adjusted,
    Event,
    ItemFinished,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.files import create_exclusively, replace_bytes
from acestep_cli.jobs.ids import new_job_id
from acestep_cli.jobs.plain import as_json, plain
from acestep_cli.jobs.process import identity
from acestep_cli.jobs.versions import versions

SCHEMA = "acestep.record/1"

_SECONDS_BETWEEN_PROGRESS = 0.5
_TRIES = 100


class Parts(TypedDict, total=False):
    """What the run finds out and the record keeps as it is (kinds: see `plain`)."""

    request: Mapping[str, Any]
    origins: Mapping[str, str]
    wishes: Sequence[Mapping[str, Any]]
    sources: Mapping[str, Mapping[str, Any]]
    digest: str | None
    items: Sequence[Mapping[str, Any]]
    checkpoints: Sequence[Mapping[str, Any]]
    hardware: Mapping[str, Any] | None
    ignored: Sequence[str]


class JobRecord:
    """Keeps `FOLDER/<job_id>.json` current: call it with each event of the run.

    `progress` is the share (0 to 1) of `stage` that is done; it is written at most twice a second,
    everything else at once. A write that fails while the job runs does not stop it: `unwritten`
    holds the error, the file the last state that could be written, and the next change tries again.
    Only `succeed` raises it, because then there is nothing left to lose.
    """

    def __init__(
        self, path: Path, values: dict[str, Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.unwritten: OutputError | None = None
        self._values = values
        self._clock = clock
        self._began = self._written = clock()
        self._totals: dict[tuple[str, int | None], float | None] = {}
        self._lock = threading.RLock()

    @classmethod
    def create(
        cls,
        folder: Path,
        command: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = new_job_id,
        **parts: Unpack[Parts],
    ) -> Self:
        """Take a free job id in `folder` by writing a whole first record (status `queued`).

        Raises OutputError where that cannot be written.
        """
        for _ in range(_TRIES):
            values = _first_values(new_id(), command)
            values.update(plain(dict(parts)))
            path = folder / f"{values['job_id']}.json"
            if create_exclusively(path, as_json(values)):
                return cls(path, values, clock)
        raise OutputError(f"no free job id was found in {folder} in {_TRIES} tries", "try again")

    @classmethod
    def resume(
        cls, path: Path, values: Mapping[str, Any], clock: Callable[[], float] = time.monotonic
    ) -> Self:
        """The record at `path` with `values`, kept from now on by this process."""
        record = cls(path, dict(values), clock)
        created = datetime.fromisoformat(values["created_at"])
        record._began -= max(0.0, (datetime.now(UTC) - created).total_seconds())
        return record

    def own(self) -> None:
        """The job belongs to this process from now on. OutputError where that cannot be told."""
        with self._lock:
            self._values.update(identity())
            self._write_or_keep()
        if self.unwritten is not None:
            raise self.unwritten

    @property
    def job_id(self) -> str:
        """The id that names the record and the audio files beside it."""
        return str(self._values["job_id"])

    def as_dict(self) -> dict[str, Any]:
        """The whole record as it stands, ready for JSON."""
        with self._lock:
            copy: dict[str, Any] = plain(self._values)
            return copy

    def told(self, path: Path) -> str:
        """`path` as the record names it: as it is for a file beside the record, which is found by
        its name; whole for any other, which is to be found from every folder."""
        is_beside = path.parent.absolute() == self.path.parent.absolute()
        return str(path if is_beside else path.absolute())

    def start(self) -> None:
        """The job runs from now on."""
        with self._lock:
            self._values.update(status="running", started_at=_now())
            self._write_or_keep()

    def set(self, **parts: Unpack[Parts]) -> None:
        """Keep what the run found out; each part replaces what it was before."""
        with self._lock:
            self._values.update(plain(dict(parts)))
            self._write_or_keep()

    def __call__(self, event: Event) -> None:
        """Keep what `event` changes."""
        with self._lock:
            if isinstance(event, StageProgress):
                self._progress(event)
                if self._clock() - self._written < _SECONDS_BETWEEN_PROGRESS:
                    return
            elif not self._keep(event):
                return
            self._write_or_keep()

    def succeed(self) -> None:
        """The job is done and all its audio lies under its final names.

        OutputError when the record cannot say so; the audio is not touched.
        """
        with self._lock:
            self._values["progress"] = 1.0
        self._end("succeeded", None)
        if self.unwritten is not None:
            raise self.unwritten

    def fail(self, error: AceStepError) -> None:
        """The job ended with `error`; items that were finished before stay listed."""
        self._end("failed", error)

    def cancel(self, error: Cancelled) -> None:
        """The job was stopped by a signal."""
        self._end("cancelled", error)

    def lose(self, error: AceStepError) -> None:
        """The audio of the job, which was over, did not reach stdout: it ended with `error` after
        all, and no song of it is listed."""
        with self._lock:
            self._values["audio_paths"] = []
            for item in self._values["items"]:
                item["path"] = None
        self._end("cancelled" if isinstance(error, Cancelled) else "failed", error)

    def _end(self, status: str, error: AceStepError | None) -> None:
        with self._lock:
            self._values.update(
                status=status,
                finished_at=_now(),
                exit_code=int(error.exit_code if error else ExitCode.OK),
                error=error.as_dict() if error else None,
            )
            self._values["time_costs"]["total"] = round(self._clock() - self._began, 3)
            self._write_or_keep()

    def _keep(self, event: Event) -> bool:
        """Take over `event`; False when the record has no place for it."""
        values = self._values
        if isinstance(event, StageStarted):
            values.update(stage=event.stage, progress=0.0)
            self._totals[event.stage, event.item] = event.total
        elif isinstance(event, StageFinished):
            costs = values["time_costs"]
            costs[event.stage] = round(costs.get(event.stage, 0.0) + event.seconds, 3)
            if values["stage"] == event.stage:
                values["progress"] = 1.0
        elif isinstance(event, Warned):
            values["warnings"].append({"code": event.code, "message": event.message})
        elif isinstance(event, Adjusted):
            values["adjustments"].append(
                {
                    "what": event.what,
                    "before": _value(event.before),
                    "after": _value(event.after),
                    "reason": event.reason,
                }
            )
        elif isinstance(event, ItemFinished):
            values["audio_paths"].append(event.path)
            if event.index < len(values["items"]):
                values["items"][event.index]["path"] = event.path
        else:
            return False
        return True

    def _progress(self, event: StageProgress) -> None:
        total = event.total
        if total is None:
            total = self._totals.get((event.stage, event.item))
        share = min(max(event.done / total, 0.0), 1.0) if total else 0.0
        self._values.update(stage=event.stage, progress=round(share, 4))

    def _write_or_keep(self) -> None:
        """Replace the file; a full disk must not stop the song, so its error is only kept."""
        self._written = self._clock()
        try:
            replace_bytes(self.path, as_json(self._values))
        except OutputError as error:
            self.unwritten = error
        else:
            self.unwritten = None


def _first_values(job_id: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "job_id": job_id,
        "status": "queued",
        "stage": None,
        "progress": 0.0,
        "created_at": _now(),
        "started_at": None,
        "finished_at": None,
        "exit_code": None,
        **identity(),
        "command": list(command),
        "request": None,
        "origins": {},
        "wishes": [],
        "sources": {},
        "digest": None,
        "items": [],
        "audio_paths": [],
        "checkpoints": [],
        "hardware": None,
        "time_costs": {},
        "adjustments": [],
        "warnings": [],
        "ignored": [],
        "error": None,
        "versions": versions(),
    }


def _value(value: Any) -> Any:
    # A dtype or device is told by its name.
    return plain(value) if isinstance(value, (str, int, float, list, tuple)) else str(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
