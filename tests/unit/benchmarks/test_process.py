"""Children are timed, watched, and named when they fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.build import Folders
from benchmarks.process import BenchmarkError, Worker, environment, run_child
from benchmarks.results import Report
from benchmarks.side import Options
from benchmarks.song import has_stepped
from benchmarks.stages import Bench, Race, relative_difference

ROOT = Path(__file__).parents[3]


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_marks_are_timed_in_order(tmp_path: Path) -> None:
    text = "import time; print('mark a', flush=True); time.sleep(0.2); print('mark b'); print('no')"
    finished = run_child(program(text), os.environ, tmp_path)
    assert list(finished.marks) == ["a", "b"]
    assert 0 < finished.marks["a"] <= finished.marks["b"]


def test_the_peak_is_that_of_the_child(tmp_path: Path) -> None:
    # From a small process, since no child's peak is below that of who started it.
    text = """
import os, pathlib, sys
from benchmarks.process import run_child
for size in (1, 200_000_000):
    command = [sys.executable, "-c", f"bytearray(b'x') * {size}"]
    print(run_child(command, os.environ, pathlib.Path.cwd()).peak)
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program(text), env=environ, cwd=tmp_path, capture_output=True, text=True)
    small, large = map(int, done.stdout.split())
    assert small < 100e6
    assert 200e6 < large < 300e6


def test_a_watched_question_is_asked_until_it_is_true(tmp_path: Path) -> None:
    text = "import pathlib, time; time.sleep(0.1); pathlib.Path('x').touch(); time.sleep(0.3)"
    watch = ("seen", (tmp_path / "x").exists)
    finished = run_child(program(text), os.environ, tmp_path, watch)
    assert finished.marks["seen"] >= 0.1


def test_a_question_true_at_the_very_end_is_not_missed(tmp_path: Path) -> None:
    text = "import pathlib; pathlib.Path('x').touch()"
    finished = run_child(program(text), os.environ, tmp_path, ("seen", (tmp_path / "x").exists))
    assert "seen" in finished.marks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('broken')", r"ValueError: broken \(exit code 1\)"),
        ("import sys; sys.exit('error: bad\\nhint: try')", r"error: bad \(exit code 1\)"),
        ("import os; os._exit(3)", r"no word \(exit code 3\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"\(signal 9\)"),
    ],
)
def test_a_failing_child_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        run_child(program(text), os.environ, tmp_path)


def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="signal 9"):
        run_child(program("import time; time.sleep(60)"), os.environ, tmp_path, longest=0.3)


def test_whoever_is_interrupted_takes_the_child_along(tmp_path: Path) -> None:
    child = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid()))"
    watch = ("there", (tmp_path / "pid").exists)
    alarm = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        run_child(program(f"{child}; time.sleep(60)"), os.environ, tmp_path, watch)
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(int((tmp_path / "pid").read_text()), 0)
            time.sleep(0.05)


def test_a_worker_that_dies_says_why(folders: Folders, tmp_path: Path) -> None:
    with (
        Worker("machine", folders, Options(threads=1), tmp_path) as worker,
        pytest.raises(BenchmarkError, match="no_such_dtype"),
    ):
        worker.ask({"dtype": "no_such_dtype"})
    assert worker.peak > 0


def test_children_do_not_see_the_users_settings(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACESTEP_SEED", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environ = environment(folders, Options(threads=3))
    assert "ACESTEP_SEED" not in environ
    assert environ["OMP_NUM_THREADS"] == "3"
    assert environ["ACESTEP_HOME"] == str(folders.home)


@pytest.mark.parametrize(
    ("stage", "progress", "expected"),
    [("load", 1.0, False), ("compose", 0.0, False), ("compose", 0.125, True), ("write", 0.0, True)],
)
def test_the_record_tells_of_the_first_step(
    tmp_path: Path, stage: str, progress: float, expected: bool
) -> None:
    assert not has_stepped(tmp_path)
    record = {"stage": stage, "progress": progress}
    (tmp_path / "x.json").write_text(json.dumps(record))
    assert has_stepped(tmp_path) is expected


def test_results_of_unequal_shape_are_refused(tmp_path: Path) -> None:
    import numpy as np

    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for file, length in zip(files, (3, 4), strict=True):
        np.save(file, np.ones(length))
    assert relative_difference(files[1], files[1]) == 0
    with pytest.raises(BenchmarkError, match="ours is"):
        relative_difference(*files)


class FakeWorker:
    """Answers with given seconds; None dies."""

    def __init__(self, seconds: list[float | None]) -> None:
        self.seconds = seconds
        self.asked: list[dict[str, object]] = []

    def ask(self, request: dict[str, object]) -> dict[str, float]:
        self.asked.append(request)
        seconds = self.seconds.pop(0)
        if seconds is None:
            raise BenchmarkError("died")
        return {"seconds": seconds}


def race_of(bench: Bench, ours: list[float | None], theirs: list[float | None]) -> Race:
    race = Race(bench)
    workers = {"ours": FakeWorker(ours), "theirs": FakeWorker(theirs)}
    race._running = workers  # type: ignore[assignment]
    race._compare = lambda name, files: 0.5  # type: ignore[method-assign]
    return race


def test_sides_take_turns_within_the_budget(folders: Folders, report: Report) -> None:
    bench = Bench(folders, Options(), report, folders.root, budget=8.0)
    times = race_of(bench, [9.0, 1.0, 2.0, 9.0], [9.0, 3.0, 2.0, 9.0]).run("x", "dit", 30)
    assert times.ours == (1.0, 2.0)
    assert times.theirs == (3.0, 2.0)
    assert times.difference == 0.5


def test_one_round_is_run_whatever_the_budget(folders: Folders, report: Report) -> None:
    bench = Bench(folders, Options(), report, folders.root, budget=0.0)
    times = race_of(bench, [9.0, 50.0], [9.0, 70.0]).run("x", "dit", 240)
    assert (times.ours, times.theirs) == ((50.0,), (70.0,))


def test_a_side_that_dies_leaves_the_other_running(folders: Folders, report: Report) -> None:
    bench = Bench(folders, Options(), report, folders.root)
    race = race_of(bench, [1.0, None], [1.0, 2.0, 3.0, 2.0, 5.0, 5.0, 5.0])
    assert race.run("step", "dit", 10).theirs == (2.0, 3.0, 2.0)
    assert report.failures == ["step, ours: died"]
    times = race.run("step", "dit", 30)
    assert times.ours == ()
    assert times.theirs == (5.0, 5.0, 5.0)
    assert len(report.failures) == 1
