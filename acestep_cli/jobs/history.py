"""The jobs of a folder, as their records tell of them. Reads alone: nothing here writes a record.

What a record holds may be anything, because any program may have written it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from acestep_cli.errors import InputError, UsageError
from acestep_cli.files import is_file
from acestep_cli.jobs.ids import is_job_id
from acestep_cli.jobs.plain import plain
from acestep_cli.jobs.process import is_gone

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]
STATES: tuple[State, ...] = ("queued", "running", "succeeded", "failed", "cancelled", "dead")
OPEN: tuple[State, ...] = ("queued", "running")
LAST = "last"
MOST_BYTES = 16 << 20

_SCHEMA = "acestep.record/"
_MOST_NAMED = 5
# `YYYYMMDD-HHMMSS`: the names of one second come in no order.
_SECOND = 15


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job as its record at `path` told of it when it was read.

    `state` is the record's status, or `dead` where that says queued or running and its process is
    gone.
    """

    path: Path
    record: Mapping[str, Any]
    state: State

    @property
    def job_id(self) -> str:
        """The id that names the record and the audio files beside it."""
        return str(self.record["job_id"])

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self.path.parent

    @property
    def is_open(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in OPEN

    @property
    def error(self) -> Mapping[str, Any]:
        """The record's error; empty where it tells of none."""
        found = self.record.get("error")
        return found if isinstance(found, Mapping) else {}

    def as_dict(self) -> dict[str, Any]:
        """The whole record and the state."""
        return {**self.record, "state": self.state}

    def no_audio(self, what: str = "audio", told: object = None) -> InputError:
        """The error that `what` is to be heard, and the job has none of it, or only what went to
        stdout, which is `told` as `-`."""
        if told == "-":
            reason, hint = "it went to stdout", f"make it again: `acestep replay {self.job_id}`"
        elif self.state == "succeeded":
            reason, hint = "it was only planned", f"make it first: `acestep replay {self.job_id}`"
        else:
            reason, hint = f"it is {self.state}", "choose a job that succeeded"
        return InputError(f"the job {self.job_id} has no {what}: {reason}", hint, code="not_found")

    def items(self) -> list[Mapping[str, Any]]:
        """The record's items; an empty one for what is none."""
        found = self.record.get("items")
        items = found if isinstance(found, list) else []
        return [one if isinstance(one, Mapping) else {} for one in items]

    def audio(self) -> list[tuple[str, Path | None]]:
        """The audio that the record lists, as it is told there, and where it lies now (None: it is
        not there any more)."""
        found = self.record.get("audio_paths")
        told = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
        return [(one, self.at(one)) for one in told]

    def is_song(self, digest: str | None) -> bool | None:
        """Whether audio whose tags hold `digest` is a song of this job; None where nobody can tell,
        because the tags or the record hold no digest."""
        own = self.record.get("digest")
        return digest == own if digest and own else None

    def at(self, told: str) -> Path | None:
        """Where the file lies that the record calls `told`: the path of a file beside the record is
        told as its own run saw it, and so is any path in an older record."""
        names = (Path(told), self.folder / Path(told).name)
        return next((path for path in names if told and is_file(path)), None)


class Unreadable(ValueError):
    """Raised for a file that is no record; its text says why."""


def read_job(path: Path) -> KnownJob:
    """The job whose record lies at `path`; Unreadable where there is no record, or one of over 16
    MiB."""
    record = _read(path)
    state = record["status"]
    if state in OPEN and is_gone(record, path):
        # It may have ended while the question was asked.
        record = _read(path)
        state = "dead" if record["status"] in OPEN else record["status"]
    return KnownJob(path, record, state)


def open_job(path: Path) -> KnownJob:
    """As `read_job`, with an InputError for people."""
    try:
        return read_job(path)
    except Unreadable as reason:
        raise InputError(
            f"{path} cannot be read as the record of a job: {reason}",
            "see `acestep jobs` for those that can",
            code="bad_record",
        ) from reason


class History:
    """The jobs in `folder`, the newest first. `passed_over` counts the JSON files that are no
    records, as far as they were looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passed_over = 0

    def __iter__(self) -> Iterator[KnownJob]:
        return self.jobs()

    def jobs(self) -> Iterator[KnownJob]:
        """All jobs, each read when it is asked for."""
        self.passed_over = 0
        ids = []
        for name in self._json_names():
            if is_job_id(name):
                ids.append(name)
            else:
                self.passed_over += 1
        for _, names in groupby(sorted(ids, reverse=True), key=lambda name: name[:_SECOND]):
            jobs = [job for name in names if (job := self._job(name)) is not None]
            yield from sorted(jobs, key=_creation, reverse=True)

    def find(self, text: str) -> KnownJob:
        """The job that `text` means: its id, the beginning of it if no other begins so, `last`, or
        the path of its record.

        UsageError (`unknown_job`, `ambiguous_job`) where there is none, or several; InputError for
        a record that cannot be read.
        """
        if text == LAST:
            return self.last()
        if is_file(Path(text)) and Path(text).suffix == ".json":
            return open_job(Path(text))
        name = Path(text).name.removesuffix(".json")
        # A path that leads elsewhere must not mean the job of that name here.
        is_here = text == Path(text).name or Path(text).parent.absolute() == self.folder.absolute()
        if is_here and is_job_id(name) and is_file(self._path(name)):
            return open_job(self._path(name))
        ids = self.ids()
        matches = [one for one in ids if name and text == Path(text).name and one.startswith(name)]
        if len(matches) > 1:
            raise UsageError(
                f"{text} is the beginning of {len(matches)} jobs: {_named(matches)}",
                "write more of the id",
                code="ambiguous_job",
            )
        if not matches:
            raise self._unknown(text, ids)
        return open_job(self._path(matches[0]))

    def last(self) -> KnownJob:
        """The newest job; UsageError where there is none."""
        for job in self:
            return job
        raise UsageError(
            f"there is no job in {self.folder}",
            "make a song first, or name the folder with --output-dir",
            code="unknown_job",
        )

    def ids(self) -> list[str]:
        """The names of all records, whether or not they can be read, the newest first."""
        return sorted((name for name in self._json_names() if is_job_id(name)), reverse=True)

    def _json_names(self) -> list[str]:
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InputError(
                f"the folder {self.folder} cannot be read: {error.strerror}",
                "check its rights, or name another with --output-dir",
            ) from error
        return [
            name.removesuffix(".json")
            for name in names
            if name.endswith(".json") and not name.startswith(".")
        ]

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.json"

    def _job(self, job_id: str) -> KnownJob | None:
        try:
            return read_job(self._path(job_id))
        except Unreadable:
            self.passed_over += 1
            return None

    def _unknown(self, text: str, ids: Sequence[str]) -> UsageError:
        near = difflib.get_close_matches(Path(text).name, ids, n=3, cutoff=0.7)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `acestep jobs`"
        if not ids:
            hint = "check the id, or name its folder with --output-dir"
        name = text or "with an empty name"
        return UsageError(f"there is no job {name} in {self.folder}", hint, code="unknown_job")


def _read(path: Path) -> dict[str, Any]:
    if not is_file(path):
        raise Unreadable("it is no file")
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from error
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES >> 20} MiB")
    try:
        record = plain(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error
    if not isinstance(record, dict) or not str(record.get("schema")).startswith(_SCHEMA):
        raise Unreadable(f"it has no schema {_SCHEMA}1")
    if not isinstance(record.get("job_id"), str) or not is_job_id(record["job_id"]):
        raise Unreadable("it names no job")
    if record.get("status") not in STATES[:-1]:
        raise Unreadable("it has no status that a job can have")
    return record


def _creation(job: KnownJob) -> tuple[str, str]:
    return str(job.record.get("created_at")), job.job_id


def _named(ids: Sequence[str]) -> str:
    more = ", ..." if len(ids) > _MOST_NAMED else ""
    return ", ".join(ids[:_MOST_NAMED]) + more
