"""A job in a process of its own, which goes on when the one that asked for it, and its terminal,
are gone.

The parent finds out all that can be wrong, writes the record and hands the settled job over by a
pipe, sounds included. It lets go once the worker says that the record is its own.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from acestep_cli.errors import AceStepError, Cancelled, ExitCode, OutputError
from acestep_cli.events import Warned
from acestep_cli.files import write_error
from acestep_cli.jobs import JobRecord
from acestep_cli.run.job import open_record, run_prepared
from acestep_cli.run.make import CancelPoll
from acestep_cli.run.prepare import prepare, read_ahead
from acestep_cli.run.spec import Job, RunSpec, used_folders

_READY = b"ready\n"
_MOST_LOG_BYTES = 2000
# The folder of a package that Python finds by itself stays where it is among the others; the
# current folder, which may hold anything, is not looked at.
_PROGRAM = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from acestep_cli.commands.worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class Started:
    """A job that goes on by itself: its record as it stands, and what was told of it so far."""

    job_id: str
    record: dict[str, Any]
    warnings: tuple[Warned, ...]


@dataclass(frozen=True, slots=True)
class _Handed:
    """What the worker is given: the job, and its record as the parent wrote it."""

    job: Job
    path: Path
    values: dict[str, Any]


def start_worker(spec: RunSpec) -> Started:
    """Start the job of `spec` and return as soon as it goes on without this process.

    Raises what `run_job` raises before a job exists, and AceStepError where the worker does not
    start; the record then says so.
    """
    job = prepare(spec, warm=False)
    record = open_record(job)
    log = record.path.with_suffix(".log")
    try:
        _hand_over(_Handed(job, record.path, record.as_dict()), log)
    except Cancelled as stopped:
        record.cancel(stopped)
        raise
    except AceStepError as error:
        record.fail(error)
        raise
    finally:
        if record.as_dict()["exit_code"] is not None:
            _drop_empty(log)
    from acestep_cli.jobs.history import open_job

    warnings = tuple(event for event in job.early if isinstance(event, Warned))
    return Started(record.job_id, dict(open_job(record.path).record), warnings)


def _hand_over(handed: _Handed, log: Path) -> None:
    """Start a worker, give it the job, and wait until it has taken it."""
    try:
        stderr = log.open("xb")
    except OSError as error:
        raise write_error(error, log) from error
    with stderr:
        worker = _started(stderr)
    assert worker.stdin is not None and worker.stdout is not None
    try:
        with suppress(BrokenPipeError):  # its answer, which is none, says it better
            pickle.dump(handed, worker.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            worker.stdin.close()
        ready = worker.stdout.readline()
    except BaseException:
        worker.kill()
        worker.wait()
        raise
    finally:
        with suppress(OSError):
            worker.stdin.close()
        worker.stdout.close()
    if ready == _READY:
        _let_go(worker)
        return
    status, reason = worker.wait(), _last_line(log)
    raise AceStepError(
        f"the worker of the job did not start: {reason or f'it ended with {status}'}",
        f"see {log}, or leave out --no-wait" if reason else "leave out --no-wait",
        code="no_worker",
    )


def _started(stderr: BinaryIO) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[2])
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        apart = {"creationflags": flags}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            **apart,
        )
    except OSError as error:
        raise OutputError(
            f"no process can be started for the job: {error.strerror}", "leave out --no-wait"
        ) from error


def _let_go(worker: subprocess.Popen[bytes]) -> None:
    """Leave the worker alone: Python must not complain that nobody waited for it."""
    worker.returncode = 0


def _last_line(log: Path) -> str:
    """The last line of what a worker wrote."""
    try:
        text = log.read_bytes()[-_MOST_LOG_BYTES:].decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def work(cancelled: CancelPoll) -> ExitCode:
    """Take over the job that comes by stdin and run it to its end; the job's exit code.

    Raises what stops it before the record is this process's own, and a mistake of ours once the
    record has told of it.
    """
    handed = pickle.load(sys.stdin.buffer)
    assert isinstance(handed, _Handed)
    record = JobRecord.resume(handed.path, handed.values)
    record.own()
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    _leave_streams()
    with suppress(AceStepError):  # what is wrong with them is told when they are loaded
        read_ahead(used_folders(handed.job.checkpoints, handed.job.planner))
    try:
        return run_prepared(handed.job, record, (), cancelled).exit_code
    finally:
        sys.stderr.flush()
        _drop_empty(handed.path.with_suffix(".log"))


def _leave_streams() -> None:
    """Nobody reads what is printed from now on, and nobody writes."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _drop_empty(log: Path) -> None:
    """Remove a log that holds nothing."""
    with suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()
