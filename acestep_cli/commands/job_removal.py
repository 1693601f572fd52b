"""Which files go with a job that is removed, and removing them.

A record is only a text: what it lists and is not that job's own stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.commands.job_words import digest_of
from acestep_cli.errors import OutputError, UsageError
from acestep_cli.jobs.control import belongings, is_own_file
from acestep_cli.jobs.history import KnownJob


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing `job` takes away, the record last, and what it leaves, each with the reason."""

    job: KnownJob
    files: tuple[Path, ...]
    left: tuple[tuple[Path, str], ...]


def removal_of(job: KnownJob) -> Removal:
    """What belongs to `job`; UsageError while it waits or runs."""
    if job.is_open:
        raise UsageError(
            f"the job {job.job_id} is {job.state}",
            f"wait for it, or stop it first: `acestep jobs cancel {job.job_id}`",
            code="running",
        )
    files: dict[Path, None] = {}
    left = []
    for _, path in job.audio():
        if path is None:
            continue
        if reason := _why_not(job, path):
            left.append((path, reason))
        else:
            files[path] = None
    files |= dict.fromkeys(belongings(job))
    return Removal(job, (*files, job.path), tuple(left))


def remove(removal: Removal) -> Iterator[Path]:
    """Remove the files one by one, each told once it is gone; one that is gone already is none.
    OutputError for one that cannot be removed; the record is still there then."""
    for path in removal.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot remove {path}: {error.strerror or type(error).__name__}",
                "check the rights of its folder",
            ) from error
        yield path


def _why_not(job: KnownJob, path: Path) -> str:
    """Why a file that the record lists is left alone; empty where it is the job's own."""
    if not is_own_file(path):
        return "it is a link"
    if path.parent.absolute() == job.folder.absolute() and path.name.startswith(f"{job.job_id}_"):
        return ""
    return "" if job.is_song(digest_of(path)) else "it is another song by now"
