"""What can be done with jobs: wait for them, cancel them, remove them."""

from __future__ import annotations

import time
from typing import Any

import click

from acestep_cli.commands.amounts import seconds_of
from acestep_cli.commands.asking import confirm
from acestep_cli.commands.job_removal import removal_of, remove
from acestep_cli.commands.job_words import (
    columns,
    folder_options,
    found_jobs,
    history_of,
    job_argument,
    listed,
)
from acestep_cli.commands.status import code_of, followed
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import AceStepError, Cancelled, ExitCode, InputError
from acestep_cli.jobs.history import KnownJob
from acestep_cli.term.output import Output, Result

REMOVE_HELP = """Remove jobs: their records and the audio that these list.

Kept latents and logs go with them. A job that is running stays, and so does a listed file that is
not the song of that job any more.

\b
Examples:
  acestep jobs remove 20261121-093012-k3fq
  acestep jobs remove last --yes
"""
CANCEL_HELP = """Cancel jobs that wait or run.

Each is asked to stop, and stops after the step that is under way; one that has not stopped after
--timeout is ended by force. The paths of what it made before stay in its record.

\b
Examples:
  acestep jobs cancel last
  acestep jobs cancel 20261121-093012-k3fq --timeout 5
"""
WAIT_HELP = """Wait until jobs are over.

The paths of their audio are written to stdout, and the exit code is that of the job, of several
that of the first one which failed. It is 5 for a job whose process is gone, and for one that is
not over within --timeout. Ctrl-C ends the waiting and not the job.

\b
Examples:
  acestep jobs wait last
  acestep jobs wait 20261121-093012-k3fq --timeout 10min
"""

CANCEL_SECONDS = 30.0


def remove_jobs(
    output: Output,
    jobs: tuple[str, ...] | None,
    yes: bool | None,
    save_dir: str | None,
    config_file: str | None,
) -> Result:
    """Ask, then remove."""
    found = found_jobs(history_of(save_dir, config_file), jobs, "acestep jobs remove")
    removals = [removal_of(job) for job in found]
    for removal in removals:
        for path in removal.files:
            output.say(f"  {path}")
        for path, reason in removal.left:
            output.say(f"note: {path} stays: {reason}")
    if not yes:
        noun = "job" if len(found) == 1 else f"{len(found)} jobs"
        confirm(f"remove the {noun} with all these files?", "--yes")
    removed = [str(path) for removal in removals for path in remove(removal)]
    return Result(
        data={"job_ids": [job.job_id for job in found], "removed": removed},
        lines=tuple(job.job_id for job in found),
    )


def cancel_jobs(
    output: Output,
    jobs: tuple[str, ...] | None,
    timeout: str | None,
    save_dir: str | None,
    config_file: str | None,
) -> Result:
    """Cancel one after another; none is touched where one of them cannot be."""
    from acestep_cli.jobs.control import cancel, check_stoppable

    seconds = seconds_of("--timeout", timeout)
    found = found_jobs(history_of(save_dir, config_file), jobs, "acestep jobs cancel")
    for job in found:
        check_stoppable(job)
    limit = CANCEL_SECONDS if seconds is None else seconds
    ended = [cancel(job, limit) for job in found]
    return Result(
        data=[job.as_dict() for job in ended],
        lines=tuple(f"{job.job_id} {job.state}" for job in ended),
    )


def wait(
    output: Output,
    jobs: tuple[str, ...] | None,
    timeout: str | None,
    save_dir: str | None,
    config_file: str | None,
) -> Result:
    """Wait for the jobs in the order in which they are named."""
    seconds = seconds_of("--timeout", timeout)
    deadline = None if seconds is None else time.monotonic() + seconds
    found = found_jobs(history_of(save_dir, config_file), jobs, "acestep jobs wait")
    ended = [followed(output, job, deadline) for job in found]
    errors = [error for job in ended if (error := _error_of(job, seconds)) is not None]
    return Result(
        data=[job.as_dict() for job in ended],
        lines=tuple(line for job in ended for line in listed(job, columns(output))),
        error=errors[0] if errors else None,
    )


def _error_of(job: KnownJob, seconds: float | None) -> AceStepError | None:
    """What the job failed with, as it was told to whoever waited for it; None for success."""
    if job.is_open:
        return InputError(
            f"the job {job.job_id} is not over after {seconds or 0:g} s",
            f"it goes on; see `acestep status {job.job_id}`, or give a longer --timeout",
            code="timeout",
        )
    if job.state == "dead":
        return InputError(
            f"the process of the job {job.job_id} is gone and has told of no end",
            f"make it again with `acestep replay {job.job_id}`",
            code="dead",
        )
    code = code_of(job)
    if code is ExitCode.OK:
        return None
    told = job.error
    if job.state == "cancelled":
        # The bare word of its record would sound as if the waiting was.
        told = {"code": Cancelled.code, "message": f"the job {job.job_id} was cancelled",
                "hint": f"make it again with `acestep replay {job.job_id}`"}  # fmt: skip
    error = AceStepError(
        str(told.get("message") or f"the job {job.job_id} failed"),
        str(told.get("hint") or ""),
        code=str(told.get("code") or "internal"),
    )
    error.exit_code = code
    return error


def _verb(name: str, words: str, *options: click.Parameter, **rest: Any) -> Verb:
    params = [job_argument(many=True), *options, *folder_options()]
    return Verb(name, params, short_help=words, **rest)


def _timeout(words: str) -> GroupedOption:
    return GroupedOption(["--timeout"], RUN, metavar="SECONDS", help=words)


WAIT = _verb(
    "wait",
    "Wait until jobs are over",
    _timeout("give up after this span: 90 or 10min; the job goes on"),
    callback=wait,
    help=WAIT_HELP,
)
CANCEL = _verb(
    "cancel",
    "Cancel jobs that wait or run",
    _timeout("end it by force after this span; 30 s unless given"),
    callback=cancel_jobs,
    help=CANCEL_HELP,
)
REMOVE = _verb(
    "remove",
    "Remove jobs with their audio",
    GroupedOption(["--yes", "-y"], RUN, is_flag=True, help="do not ask"),
    callback=remove_jobs,
    help=REMOVE_HELP,
)
