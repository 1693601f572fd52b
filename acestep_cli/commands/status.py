"""`acestep status`: how far a job came."""

from __future__ import annotations

import time
from collections.abc import Iterator

from acestep_cli.commands.job_words import (
    columns,
    folder_options,
    found_jobs,
    history_of,
    job_argument,
    share_of,
    told,
)
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import ExitCode
from acestep_cli.events import Event, StageFinished, StageProgress, StageStarted
from acestep_cli.jobs.history import KnownJob, open_job
from acestep_cli.term.output import Output, Result

HELP = """Show how far a job came.

JOB is its id, the beginning of it, last for the newest one, or the path of a record. A job whose
process is gone is dead. The exit code is 0 whatever became of the job.

\b
Examples:
  acestep status last
  acestep status 20261121-093012-k3fq --follow
"""

_SECONDS_BETWEEN_LOOKS = 0.25


def status(
    output: Output,
    job: str | None,
    follow: bool | None,
    save_dir: str | None,
    config_file: str | None,
) -> Result:
    """Find the job, wait for its end where that is asked for, and show it."""
    history = history_of(save_dir, config_file)
    (found,) = found_jobs(history, (job,) if job is not None else None, "acestep status")
    if follow:
        found = followed(output, found)
    return Result(data=found.as_dict(), lines=told(found, columns(output)))


def followed(output: Output, job: KnownJob, deadline: float | None = None) -> KnownJob:
    """`job` when it is over, its stages shown meanwhile; as it stands at `deadline` (of
    `time.monotonic`) where that comes first."""
    with output.voice() as voice:
        for now, event in _events(job, deadline):
            job = now
            if event is not None:
                voice(event)
    return job


def _events(job: KnownJob, deadline: float | None) -> Iterator[tuple[KnownJob, Event | None]]:
    """What changes in the record until the job is over, as events."""
    stage, began = None, time.monotonic()
    while True:
        now = job.record.get("stage") if isinstance(job.record.get("stage"), str) else None
        if now != stage:
            if stage is not None:
                yield job, StageFinished(stage, time.monotonic() - began)
            if now is not None and job.is_open:
                yield job, StageStarted(now, unit="%")
            stage, began = now, time.monotonic()
        if stage is not None and job.is_open:
            yield job, StageProgress(stage, 100 * share_of(job), 100)
        if stage is not None and not job.is_open and job.state == "succeeded":
            yield job, StageFinished(stage, time.monotonic() - began)
        if not job.is_open or (deadline is not None and time.monotonic() >= deadline):
            yield job, None
            return
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        job = open_job(job.path)


def code_of(job: KnownJob) -> ExitCode:
    """The exit code of a job that is over: its own, 5 for one that is dead."""
    if job.state == "dead":
        return ExitCode.INPUT
    told_code = job.record.get("exit_code")
    if told_code in list(ExitCode) and not isinstance(told_code, bool):
        return ExitCode(told_code)
    return ExitCode.OK if job.state == "succeeded" else ExitCode.INTERNAL


command = Verb(
    "status",
    [
        job_argument(),
        GroupedOption(
            ["--follow", "-f"], RUN, is_flag=True, help="show its progress until it is over"
        ),
        *folder_options(),
    ],
    callback=status,
    help=HELP,
    short_help="Show how far a job came",
)
