"""Run a job: open its record, make its songs, close the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.errors import (
    AceStepError,
    Cancelled,
    ExitCode,
    OutOfMemory,
    OutputError,
    PartialFailure,
    UsageError,
)
from acestep_cli.events import Event, JobFinished, JobStarted, Observer, Warned
from acestep_cli.hardware.memory import is_shortage
from acestep_cli.jobs import JobRecord
from acestep_cli.run.make import CancelPoll, Made, make
from acestep_cli.run.prepare import prepare
from acestep_cli.run.spec import Job, RunSpec
from acestep_cli.run.wishes import plain_wishes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its record, the audio that was written, its status and its error."""

    record: dict[str, Any]
    paths: tuple[Path, ...]
    exit_code: ExitCode
    error: AceStepError | None
    warnings: tuple[Warned, ...]


@dataclass(slots=True)
class Ears:
    """All who listen, as one observer. Warnings are kept; with `strict` they are errors."""

    observers: list[Observer]
    strict: bool
    warnings: list[Warned] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Warned):
            if event in self.warnings:
                return  # several stages and songs may meet the same text
            if self.strict:
                raise UsageError(event.message, "leave out --strict to go on with a warning")
            self.warnings.append(event)
        for observer in self.observers:
            observer(event)


def run_job(spec: RunSpec, observers: Sequence[Observer], cancelled: CancelPoll) -> Outcome:
    """Make the songs of `spec`.

    Raises what stops a job before it exists (usage, checkpoints, folders that cannot be written);
    what stops it later is in the outcome and in the record. `cancelled` gives the exit code once a
    signal asked to stop.
    """
    job = prepare(spec)
    return run_prepared(job, open_record(job), observers, cancelled)


def open_record(job: Job) -> JobRecord:
    """The first record of `job`: from now on it exists. OutputError where it cannot be written."""
    return JobRecord.create(
        job.folder,
        job.spec.command,
        request=job.request.to_dict(),
        origins=job.origins,
        wishes=plain_wishes(job.spec.wishes),
        sources=job.sounds.recorded(),
        digest=job.digest,
        items=job.first_items(),
        checkpoints=job.recorded_checkpoints(),
        hardware=job.policy.as_dict(),
        ignored=job.spec.resolved.ignored,
    )


def run_prepared(
    job: Job, record: JobRecord, observers: Sequence[Observer], cancelled: CancelPoll
) -> Outcome:
    """Make the songs of `job`, keeping `record`. A mistake of ours is raised once the record has
    told of it."""
    ears = Ears([record, *observers], strict=job.spec.strict)
    made = Made(job.first_items())
    ears(JobStarted(record.job_id, str(record.path)))
    try:
        error = _made(job, record, made, ears, cancelled)
    except Exception as crash:
        _end(record, made, ears, AceStepError(f"unexpected {type(crash).__name__}: {crash}"))
        raise
    return _end(record, made, ears, error)


def _made(
    job: Job, record: JobRecord, made: Made, ears: Ears, cancelled: CancelPoll
) -> AceStepError | None:
    """Make what can be made; the error that the job ends with, None for success."""
    try:
        record.start()
        for event in job.early:
            ears(event)
        make(job, record, made, ears, cancelled)
        return _verdict(made, len(made.plans) if job.spec.plan_only else len(made.paths))
    except AceStepError as failure:
        return failure
    except KeyboardInterrupt:
        return Cancelled()
    except Exception as crash:
        if (shortage := _memory_error(crash)) is not None:
            return shortage
        raise


def _end(record: JobRecord, made: Made, ears: Ears, error: AceStepError | None) -> Outcome:
    """Close the record and tell of the end."""
    error = _close(record, error)
    values = record.as_dict()
    outcome = Outcome(
        record=values,
        paths=tuple(made.paths),
        exit_code=error.exit_code if error else ExitCode.OK,
        error=error,
        warnings=tuple(ears.warnings),
    )
    ears(
        JobFinished(
            record.job_id,
            values["status"],
            int(outcome.exit_code),
            tuple(values["audio_paths"]),
            values["error"],
        )
    )
    return outcome


def _verdict(made: Made, done: int) -> AceStepError | None:
    """The error of a job whose items all had their turn, `done` of them with success."""
    if not made.failures:
        return None
    if not done:
        return made.failures[0]
    first = made.failures[0]
    return PartialFailure(
        f"{len(made.failures)} of {len(made.items)} songs failed; the first: {first.message}",
        first.hint,
    )


def _memory_error(crash: Exception) -> OutOfMemory | None:
    if not is_shortage(crash):
        return None
    return OutOfMemory(
        "there is not enough memory for this song",
        "ask for a shorter --duration or set ACESTEP_OFFLOAD_TO_CPU=1",
    )


def _close(record: JobRecord, error: AceStepError | None) -> AceStepError | None:
    """Write the last state; a record that cannot be written is the error of a job without one."""
    try:
        if error is None:
            record.succeed()
        elif isinstance(error, Cancelled):
            record.cancel(error)
        else:
            record.fail(error)
    except OutputError as failure:
        return error or failure
    return error
