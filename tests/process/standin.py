"""`python -m tests.process.standin MODE ARGUMENTS...`: acestep with a stand-in for the room `run`.

The stand-in makes no sound. It keeps a real record and does what MODE says, so that streams,
signals and exit codes are tried without checkpoints and without torch.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO, cast

from acestep_cli.errors import AceStepError, Cancelled, ExitCode, PartialFailure
from acestep_cli.events import (
    ItemFinished,
    Noted,
    Observer,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.jobs import JobRecord

STEPS = 8
STUBBORN_SECONDS = 60


@dataclass(frozen=True)
class RunSpec:
    """As the real one."""

    resolved: Any
    command: tuple[str, ...]
    wishes: tuple[Any, ...] = ()
    without_planner: Any = None
    output_file: Path | None = None
    to_stdout: bool = False
    plot_file: Path | None = None
    force: bool = False
    strict: bool = False
    plan_only: bool = False
    pinned: Any = None


def run_job(
    spec: RunSpec, observers: Sequence[Observer], cancelled: Callable[[], ExitCode | None]
) -> SimpleNamespace:
    """Do what the mode says, as one job with one song."""
    folder = Path(spec.resolved.settings.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    record = JobRecord.create(folder, spec.command, items=[{"index": 0, "path": None}])
    record.start()
    song = folder / f"{record.job_id}_1.mp3"

    listeners: list[Observer] = [record, *observers]

    def tell(event: Any) -> None:
        for observer in listeners:
            observer(event)

    error: AceStepError | None = None
    try:
        for event in MODES[mode](cancelled):
            tell(event)
        song.write_bytes(b"sound")
        tell(ItemFinished(0, str(song)))
        record.succeed()
    except Cancelled as stopped:
        error = stopped
        record.cancel(stopped)
    except PartialFailure as partial:
        error = partial
        song.write_bytes(b"sound")
        record.fail(partial)
    return SimpleNamespace(
        record=record.as_dict(),
        paths=(song,) if song.exists() else (),
        exit_code=error.exit_code if error else ExitCode.OK,
        error=error,
        warnings=(Warned("short_duration", "too short"),) if mode == "warned" else (),
    )


def steps(cancelled: Callable[[], ExitCode | None], seconds: float) -> Iterator[Any]:
    """One denoising run that looks for signals at each step."""
    yield Noted("no planner is used")
    yield StageStarted("compose", total=STEPS, unit="steps", item=0)
    for step in range(1, STEPS + 1):
        time.sleep(seconds)
        if status := cancelled():
            raise Cancelled(status)
        yield StageProgress("compose", step, item=0)
    yield StageFinished("compose", seconds * STEPS, item=0)


def quick(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """A song in no time."""
    yield from steps(cancelled, 0)


def visible(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """Slow enough for a display to be drawn."""
    yield from steps(cancelled, 0.06)


def slow(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """A step takes half a second."""
    yield from steps(cancelled, 0.5)


def stubborn(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """Never looks for signals."""
    yield StageStarted("compose", total=STEPS, unit="steps")
    time.sleep(STUBBORN_SECONDS)


def noisy(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """Prints to stdout in three ways."""
    print("noise from Python")
    ctypes.CDLL(None).puts(b"noise from C")
    subprocess.run([sys.executable, "-c", "print('noise from a child')"], check=True)
    yield from steps(cancelled, 0)


def partial(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """One song of two is made."""
    yield from steps(cancelled, 0)
    raise PartialFailure("1 of 2 songs failed", "try another seed")


def crash(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """A bug."""
    yield from steps(cancelled, 0)
    raise ZeroDivisionError("a bug\nof two lines")


def memory(cancelled: Callable[[], ExitCode | None]) -> Iterator[Any]:
    """No memory is left."""
    yield from steps(cancelled, 0)
    raise MemoryError


Mode = Callable[[Callable[[], ExitCode | None]], Iterator[Any]]
MODES: dict[str, Mode] = {
    "quick": quick,
    "visible": visible,
    "slow": slow,
    "stubborn": stubborn,
    "noisy": noisy,
    "partial": partial,
    "crash": crash,
    "memory": memory,
    "warned": quick,
    "announced": quick,
    "reading": quick,
}
mode = "quick"


class AnnouncedStdin:
    """Says when it is read."""

    def __init__(self) -> None:
        self.buffer = self

    def read(self, size: int) -> bytes:
        print("reading stdin", file=sys.stderr, flush=True)
        with open(0, "rb", closefd=False) as stdin:
            return stdin.read(size)


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads this stand-in where `acestep_cli.run` is imported."""

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "acestep_cli.run":
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        if mode == "announced":
            print("torch is loaded" if "torch" in sys.modules else "run is imported", flush=True)
        module.RunSpec = RunSpec  # type: ignore[attr-defined]
        module.run_job = run_job  # type: ignore[attr-defined]


if __name__ == "__main__":
    mode = sys.argv.pop(1)
    # A shell starts background jobs with Ctrl-C switched off; these tests are about it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.meta_path.insert(0, StandIn())
    if mode == "reading":
        sys.stdin = cast(TextIO, AnnouncedStdin())
    from acestep_cli.cli import main

    main()
