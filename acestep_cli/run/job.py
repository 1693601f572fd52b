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
from acestep_cli.events import Event, Observer, Warned
from acestep_cli.hardware.memory import is_shortage
from acestep_cli.jobs import JobRecord
from acestep_cli.run.make import CancelPoll, Made, make
from acestep_cli.run.prepare import prepare
from acestep_cli.run.spec import RunSpec


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
    record = JobRecord.create(
        job.folder,
        spec.command,
        request=job.request.to_dict(),
        origins=job.origins,
        digest=job.digest,
        items=job.first_items(),
        checkpoints=job.recorded_checkpoints(),
        hardware=job.policy.as_dict(),
        ignored=spec.resolved.ignored,
    )
    ears = Ears([record, *observers], strict=spec.strict)
    made = Made(job.first_items())
    error: AceStepError | None
    try:
        record.start()
        for event in job.early:
            ears(event)
        make(job, record, made, ears, cancelled)
        error = _verdict(made, len(made.plans) if spec.plan_only else len(made.paths))
    except AceStepError as failure:
        error = failure
    except KeyboardInterrupt:
        error = Cancelled()
    except Exception as crash:
        error = _memory_error(crash)
        if error is None:
            # A mistake of ours: the record says so and the trace goes on to who reports it.
            _close(record, AceStepError(f"unexpected {type(crash).__name__}: {crash}"))
            raise
    error = _close(record, error)
    return Outcome(
        record=record.as_dict(),
        paths=tuple(made.paths),
        exit_code=error.exit_code if error else ExitCode.OK,
        error=error,
        warnings=tuple(ears.warnings),
    )


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
