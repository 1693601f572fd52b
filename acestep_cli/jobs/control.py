"""Stopping the process of a job, and the files that go with its record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.errors import AceStepError, Cancelled, ExitCode, UsageError
from acestep_cli.files import is_file
from acestep_cli.jobs.history import KnownJob, Unreadable, open_job, read_job
from acestep_cli.jobs.process import is_here, is_named, running
from acestep_cli.jobs.record import JobRecord

if TYPE_CHECKING:
    import psutil

POLL_SECONDS = 0.1
# How long a process takes to go when it is not asked.
_KILL_SECONDS = 10.0


def cancel(job: KnownJob, timeout: float) -> KnownJob:
    """Stop the process of `job` and return what became of the job.

    It is asked first and has `timeout` seconds to close its record; then it is killed, and the
    record is closed here. UsageError for a job that is over, runs on another machine or belongs to
    somebody else.
    """
    import psutil

    process = _process(job)
    try:
        process.terminate()
        ended = _ended(job, process, timeout)
        if ended is not None:
            return ended
        process.kill()
        process.wait(_KILL_SECONDS)
        _sweep(job)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise UsageError(
            f"the job {job.job_id} belongs to another user of this machine", "ask that user"
        ) from error
    except psutil.TimeoutExpired as error:
        raise AceStepError(
            f"the process {process.pid} of the job {job.job_id} does not end",
            "see what it waits for: a disk or a driver, most likely",
        ) from error
    return closed(job)


def closed(job: KnownJob) -> KnownJob:
    """`job`, whose process is gone, with a record that says cancelled where it said nothing of an
    end."""
    now = open_job(job.path)
    if now.is_open or now.state == "dead":
        JobRecord.resume(now.path, now.record).cancel(Cancelled(ExitCode.TERMINATED))
    return open_job(job.path)


def check_stoppable(job: KnownJob) -> None:
    """UsageError for a job that cannot be cancelled: it is over, runs elsewhere, or may not be the
    process that its record names."""
    if not job.is_open:
        raise UsageError(
            f"the job {job.job_id} is not running: it is {job.state}",
            f"see `acestep status {job.job_id}`",
            code="not_running",
        )
    if not is_here(job.record):
        raise UsageError(
            f"the job {job.job_id} runs on the machine {job.record.get('host')}",
            "cancel it there",
            code="elsewhere",
        )
    if not is_named(job.record):
        raise UsageError(
            f"the record of {job.job_id} does not tell when its process began, so the process "
            f"{job.record.get('pid')} may be another one",
            "look at that process, and end it yourself if it is the job's",
            code="unnamed_process",
        )


def belongings(job: KnownJob) -> Iterator[Path]:
    """The files beside the record that are the job's by their names: kept latents, the log of its
    worker, what a killed run left half written."""
    names = (f"{job.job_id}_*.latents.safetensors", f"{job.job_id}.log")
    hidden = (f".{job.job_id}[._]*.part", f".{job.job_id}.json.lock")
    for pattern in (*names, *hidden):
        yield from (path for path in sorted(job.folder.glob(pattern)) if is_own_file(path))


def _sweep(job: KnownJob) -> None:
    """Remove what nobody needs of a job that was killed: half a file, a log without a word."""
    for path in belongings(job):
        is_empty_log = path.suffix == ".log" and not path.stat().st_size
        if path.name.startswith(".") or is_empty_log:
            with suppress(OSError):
                path.unlink()


def is_own_file(path: Path) -> bool:
    """Whether `path` is a regular file and no link to one."""
    return is_file(path) and not path.is_symlink()


def _process(job: KnownJob) -> psutil.Process:
    check_stoppable(job)
    process = running(job.record)
    if process is None:
        # It ended a moment ago.
        check_stoppable(open_job(job.path))
        raise UsageError(f"the job {job.job_id} is not running", code="not_running")
    return process


def _ended(job: KnownJob, process: psutil.Process, timeout: float) -> KnownJob | None:
    """The job once its record says that it is over or its process is gone; None after `timeout`
    seconds."""
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        try:
            now = read_job(job.path)
        except Unreadable:
            now = job
        if now.state == "dead":
            return closed(job)
        if not now.is_open:
            return now
        time.sleep(POLL_SECONDS)
    return None
