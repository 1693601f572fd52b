"""Children: started, watched, timed from outside, and asked for their peak of memory.

POSIX only: the peak comes from `wait4`. It is never less than that of the process which started the
child, so the one that measures stays small: it imports no torch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.build import Folders
from benchmarks.side import Options

_REPOSITORY = Path(__file__).parents[1]
_SECONDS_BETWEEN_LOOKS = 0.02
_LONGEST = 900.0


class BenchmarkError(Exception):
    """A stage that could not be measured, in one sentence."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that ended well: seconds since its start, peak of resident memory in bytes, and what
    it marked on the way, in seconds since its start."""

    seconds: float
    peak: int
    marks: Mapping[str, float]


@dataclass(slots=True)
class _Marks:
    start: float
    times: dict[str, float] = field(default_factory=dict)

    def set(self, name: str) -> None:
        self.times.setdefault(name, time.perf_counter() - self.start)


def run_child(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    watch: tuple[str, Callable[[], bool]] | None = None,
    longest: float = _LONGEST,
) -> Finished:
    """Run a command in `folder` to its end.

    Lines `mark NAME` on its standard output are timed. `watch` names a mark and a question that is
    asked 50 times a second until it is true. BenchmarkError when the child fails or takes more than
    `longest` seconds.
    """
    with tempfile.TemporaryFile() as errors:
        marks = _Marks(time.perf_counter())
        child = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        threads = [threading.Thread(target=_read_marks, args=(child, marks))]
        ended = threading.Event()
        if watch is not None:
            threads.append(threading.Thread(target=_look, args=(*watch, marks, ended)))
        timer = threading.Timer(longest, _kill, (child,))
        for thread in (*threads, timer):
            thread.start()
        try:
            peak = _wait(child)
            seconds = time.perf_counter() - marks.start
        finally:
            # Whoever interrupts the wait must not leave a song being made.
            _kill(child)
            child.wait()
            timer.cancel()
            ended.set()
            for thread in (*threads, timer):
                thread.join()
        if child.returncode:
            raise _failure(child.returncode, errors)
    return Finished(seconds, peak, marks.times)


class Worker:
    """A `benchmarks.worker`, or another `module`, that answers requests; a context manager that
    ends it.

    `peak` is its peak of resident memory in bytes, once it ended.
    """

    def __init__(
        self,
        side: str,
        folders: Folders,
        options: Options,
        scratch: Path,
        module: str = "worker",
    ) -> None:
        self.side, self.peak = side, 0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the worker ends
        self._child = subprocess.Popen(
            module_command(module, side, folders, options, scratch),
            cwd=scratch,
            env=environment(folders, options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, request: Mapping[str, Any], longest: float = _LONGEST) -> dict[str, Any]:
        """The reply to `request`; BenchmarkError when the worker died or took too long."""
        assert self._child.stdin and self._child.stdout
        timer = threading.Timer(longest, _kill, (self._child,))
        timer.start()
        try:
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self._end()
            raise _failure(self._child.returncode, self._errors)
        reply: dict[str, Any] = json.loads(line)
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._errors.close()

    def close(self) -> int:
        """End the worker and return its peak of memory."""
        self._end()
        return self.peak

    def _end(self) -> None:
        assert self._child.stdin and self._child.stdout
        if self._child.returncode is None:
            self._child.stdin.close()
            self.peak = _wait(self._child)
        self._child.stdout.close()


def module_command(
    module: str, side: str, folders: Folders, options: Options, scratch: Path
) -> list[str]:
    """The command line of `benchmarks.worker` or one of its kind."""
    places = [side, str(folders.root), str(scratch)]
    how = [options.device, options.dtype, str(options.threads)]
    return [sys.executable, "-m", f"benchmarks.{module}", *places, *how]


def environment(folders: Folders, options: Options) -> dict[str, str]:
    """The caller's environment without settings of ours, with the same threads for everyone."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ACESTEP_", "HF_", "OMP_", "MKL_", "PYTHON"))
    }
    return {
        **kept,
        "PYTHONPATH": str(_REPOSITORY),
        "ACESTEP_HOME": str(folders.home),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(options.threads),
    }


def _kill(child: subprocess.Popen[str]) -> None:
    # Popen's own kill may take the status that `wait4` is waiting for.
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


def _wait(child: subprocess.Popen[str]) -> int:
    """Wait for the end of `child` and return its peak of memory in bytes."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _read_marks(child: subprocess.Popen[str], marks: _Marks) -> None:
    assert child.stdout
    with child.stdout as lines:
        for line in lines:
            if line.startswith("mark "):
                marks.set(line.removeprefix("mark ").strip())


def _look(name: str, is_so: Callable[[], bool], marks: _Marks, ended: threading.Event) -> None:
    while True:
        last = ended.wait(_SECONDS_BETWEEN_LOOKS)
        if is_so():
            marks.set(name)
            return
        if last:
            return


def _failure(code: int, errors: Any) -> BenchmarkError:
    """What a child said last, for the table."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.startswith("hint:")]
    said = told[-1] if told else "no word"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    return BenchmarkError(f"{said} ({ended})")
