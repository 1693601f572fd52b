"""Short jobs that are killed at a drawn moment, and what they leave behind."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.audio import read_audio
from acestep_cli.jobs.record import JobRecord
from tests.conftest import GOLDEN
from tests.process.programs import SECONDS, acestep, environment, run

RATE, LENGTH = 48_000, 10
GOING, OVER = ("queued", "running"), ("succeeded", "failed", "cancelled")
_AT_WORK = 1.5  # loading alone takes about as long
_FORMATS = ("mp3", "wav", "flac")


@dataclass(frozen=True)
class Killing:
    """One job in `folder` and the moment, in seconds, at which it dies: counted from its start, or
    from its first record where it is `late`."""

    number: int
    folder: Path
    moment: float
    late: bool = False

    @classmethod
    def drawn(cls, seed: int, number: int, folder: Path, longest: float) -> Killing:
        """The moment lies anywhere from the start to a little after the end of a job that takes
        `longest` seconds alone; beside another one it takes longer. Every second job is surely at
        work, however busy the machine is."""
        drawn = random.Random(f"{seed}:{number}")
        if number % 2:
            return cls(number, folder, drawn.uniform(0, _AT_WORK), late=True)
        return cls(number, folder, drawn.uniform(0, 1.5 * longest))

    @property
    def songs(self) -> int:
        """How many songs the job makes."""
        return 2 if self.number % 4 == 0 else 1

    @property
    def target(self) -> str:
        """Where the songs go, as told to `-o`."""
        return f"songs/{self.number}.{_FORMATS[self.number % len(_FORMATS)]}"

    def command(self, *more: str) -> list[str]:
        """The command line. The seed tells the record from those of other jobs."""
        words = ["generate", "x", "--no-lm", "--duration", str(LENGTH), "-o", self.target]
        words += ["--seed", str(self.number), "--checkpoints", str(GOLDEN / "checkpoints")]
        return acestep(*words, *(("--batch", "2") if self.songs == 2 else ()), *more)

    def record(self) -> dict[str, Any] | None:
        """The job's record, None where it did not come so far. What is no whole record raises."""
        for path in sorted((self.folder / "acestep_output").glob("*.json")):
            values: dict[str, Any] = json.loads(path.read_text("utf-8"))
            assert values.keys() == _keys(), f"{path}: {sorted(values)}"
            if str(self.number) == values["command"][values["command"].index("--seed") + 1]:
                return values
        return None

    def state(self) -> str | None:
        """What `acestep status` says of the job; None where there is no record."""
        record = self.record()
        if record is None:
            return None
        asked = acestep("status", record["job_id"], "--json")
        done = run(asked, self.folder)
        assert done.returncode == 0, done.stderr
        state: str = json.loads(done.stdout)["data"]["state"]
        return state


def kill(one: Killing) -> str:
    """Let the job run, hold it at its moment, kill it, and hold what `status` says against what is
    the case. In which state it died: `none` (without a record), `queued`, `running`, `succeeded`.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(
        one.command(), cwd=one.folder, env=environment(one.folder), **quiet
    ) as process:
        latest = time.monotonic() + SECONDS
        while one.late and one.record() is None:
            assert time.monotonic() < latest, "the job never wrote its record"
            time.sleep(0.02)
        time.sleep(one.moment)
        # Not reaped, so the number is still its own, ended or not.
        os.kill(process.pid, signal.SIGSTOP)
        told = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        held = told is not None and told.si_code == os.CLD_STOPPED
        before = one.state()
        process.kill()
        # Nobody has asked for its exit status yet: it is neither alive nor gone.
        after = one.state()
        code = process.wait(SECONDS)
    if not held:
        assert code == 0
        assert before == "succeeded"
    if before in GOING:
        assert (after, one.state()) == ("dead", "dead")
    else:
        assert before in (None, *OVER)
        assert after == before == one.state()
    assert before != "succeeded" or len(songs_of(one)) == one.songs
    check_songs(one)
    return before or "none"


def songs_of(one: Killing) -> list[Path]:
    """The job's songs under their final names."""
    target = one.folder / one.target
    return sorted(target.parent.glob(f"{target.stem}[._]*"))


def check_songs(one: Killing) -> None:
    """Every song that is there is whole."""
    for path in songs_of(one):
        audio = read_audio(path)
        assert audio.samples.shape[1] == LENGTH * RATE, path
        assert audio.sample_rate == RATE


def parts(folder: Path) -> list[Path]:
    """What is half-written anywhere below `folder`."""
    return sorted(folder.rglob("*.part"))


@functools.cache
def _keys() -> frozenset[str]:
    """The keys that every record has from its first moment."""
    with tempfile.TemporaryDirectory() as folder:
        return frozenset(JobRecord.create(Path(folder), ["acestep"]).as_dict())
