"""Songs by the package's own command line, several at a time, and what is heard of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from acestep_cli.cli import main
from acestep_cli.weights import places
from acestep_cli.weights.demonstration import DEMO

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
# A float of 32 bits keeps what the decoder said.
EXACT = ("--bit-depth", "32", "--no-config", "--quiet", "--force")
# What every command is told first, which later options overrule.
_COMMON = ("--model", DEMO, "--threads", "1")
_TAIL = 600
_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Studio:
    """Where songs are made: `folder` takes sounds and records, `checkpoints` is a set like the
    packaged one (None: the packaged one), `jobs` processes work at once."""

    folder: Path
    checkpoints: Path | None
    jobs: int

    def path(self, name: str) -> Path:
        """The file of the song `name`."""
        return self.folder / "sounds" / f"{name}.wav"

    def make(self, commands: Iterable[Sequence[str]]) -> list[str]:
        """Run `acestep` with the words of each of `commands` and return what each said;
        RuntimeError for the first failure, with the end of that."""
        self.path("").parent.mkdir(parents=True, exist_ok=True)
        tasks = [(self.folder, self.checkpoints, tuple(words)) for words in commands]
        return self.spread(_run, tasks)

    def spread(self, work: Callable[[Asked], Answer], things: Iterable[Asked]) -> list[Answer]:
        """`work` of each of `things`, shared among the processes."""
        things = list(things)
        if self.jobs == 1 or len(things) < 2:
            return [work(thing) for thing in things]
        with _one_core_each(), ProcessPoolExecutor(self.jobs, get_context("spawn")) as pool:
            return list(pool.map(work, things))


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Processes that begin in here have one thread for their arithmetic. It is told before they
    begin: libraries ask once, when they are imported."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


def _run(task: tuple[Path, Path | None, tuple[str, ...]]) -> str:
    folder, checkpoints, words = task
    _settle(folder, checkpoints)
    told = folder / f"told-{os.getpid()}.txt"
    with _streams_to(told):
        try:
            main([words[0], *_COMMON, *words[1:]])
        except SystemExit as ended:
            code = int(ended.code or 0)
    said = told.read_text("utf-8", "replace")
    if code:
        raise RuntimeError(f"acestep {' '.join(words)} ended with {code}: {said[-_TAIL:]}")
    told.unlink()
    return said


def _settle(folder: Path, checkpoints: Path | None) -> None:
    """No settings of whoever measures, and the set to be measured where the package has its own."""
    for name in [name for name in os.environ if name.startswith("ACESTEP_")]:
        del os.environ[name]
    os.environ["ACESTEP_HOME"] = str(folder / "home")
    os.environ["ACESTEP_OUTPUT_DIR"] = str(folder / "jobs")
    if checkpoints is not None:
        places._DEMO = checkpoints


@contextmanager
def _streams_to(path: Path) -> Iterator[None]:
    """Both standard streams, of libraries too, go to the file `path`."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, old in enumerate(saved, start=1):
                os.dup2(old, number)
                os.close(old)
