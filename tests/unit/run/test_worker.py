"""Handing a job to a process of its own, and what becomes of it where that fails."""

from __future__ import annotations

import io
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acestep_cli.config import resolve
from acestep_cli.errors import AceStepError, Cancelled, CheckpointMissing, ExitCode
from acestep_cli.jobs.history import History
from acestep_cli.pipeline.plan import Wish
from acestep_cli.run import RunSpec, worker
from acestep_cli.run.prepare import prepare
from tests.unit.run.edited import written

Spec = Callable[..., RunSpec]


@pytest.fixture
def spec(tmp_path: Path, checkpoints: Path) -> Spec:
    def make(more: dict[str, Any] | None = None, **flags: Any) -> RunSpec:
        values = {
            "caption": "warm lofi",
            "no_lm": True,
            "duration": 10,
            "device": "cpu",
            "checkpoints": str(checkpoints),
            "output_dir": str(tmp_path / "out"),
            **flags,
        }
        return RunSpec(
            resolve(values, environ={}, cwd=tmp_path), ("acestep", "generate"), **(more or {})
        )

    return make


def test_a_settled_job_can_be_carried(spec: Spec) -> None:
    given = {"wishes": (Wish(caption="x"),), "without_planner": lambda: ()}
    job = prepare(spec(given, seed=7), warm=False)
    carried = pickle.loads(pickle.dumps(job))
    assert carried.digest == job.digest and carried.spec.wishes == job.spec.wishes
    assert carried.request == job.request and carried.policy == job.policy
    assert carried.recorded_checkpoints() == job.recorded_checkpoints()
    assert carried.targets == job.targets and carried.early == job.early


def test_sound_that_came_by_stdin_is_carried(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = written(tmp_path, "a.wav", "PCM_16").read_bytes()

    class Stdin:
        buffer = io.BytesIO(piped)

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    job = prepare(spec(task_type="cover", src_audio="-"), warm=False)
    carried = pickle.loads(pickle.dumps(job))
    assert job.sounds.source is not None and carried.sounds.source is not None
    before, after = job.sounds.source.audio, carried.sounds.source.audio
    assert np.array_equal(before.samples, after.samples) and before.tags == after.tags
    assert carried.extent == job.extent and carried.edit.task == "cover"


def test_what_cannot_be_done_is_told_before_there_is_a_job(spec: Spec, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing):
        worker.start_worker(spec(model="no-such-model"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import sys; sys.stdin.buffer.read(); print('hello')", "it ended with 0"),
    ],
)
def test_a_worker_that_does_not_start_is_a_failure(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    monkeypatch.setattr(worker, "_PROGRAM", program)
    with pytest.raises(AceStepError, match=reason) as found:
        worker.start_worker(spec())
    assert found.value.code == "no_worker"
    (path,) = (tmp_path / "out").glob("*.json")
    record = json.loads(path.read_text())
    assert (record["status"], record["error"]["code"]) == ("failed", "no_worker")
    log = path.with_suffix(".log")
    assert log.exists() == ("luck" in reason) == (str(log) in found.value.hint)


def test_python_itself_may_be_gone(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(AceStepError, match="no process can be started"):
        worker.start_worker(spec())
    job = History(tmp_path / "out").last()
    assert job.state == "failed"


def test_who_stops_waiting_for_the_worker_stops_the_job(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = []

    def interrupted(*arguments: Any, **options: Any) -> None:
        raise Cancelled(ExitCode.INTERRUPTED)

    monkeypatch.setattr(worker, "_PROGRAM", "import time; time.sleep(60)")
    monkeypatch.setattr(worker.pickle, "dump", interrupted)
    start = worker.subprocess.Popen

    class Watched(start):  # type: ignore[misc,valid-type]
        def kill(self) -> None:
            killed.append(self.pid)
            super().kill()

    monkeypatch.setattr(worker.subprocess, "Popen", Watched)
    with pytest.raises(Cancelled):
        worker.start_worker(spec())
    assert len(killed) == 1
    assert History(tmp_path / "out").last().state == "cancelled"
