"""Pictures of a job's songs, on the tiny golden checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli.audio import plot
from acestep_cli.config import resolve
from acestep_cli.errors import ExitCode
from acestep_cli.run import RunSpec, run_job


def test_a_picture_that_cannot_be_drawn_costs_no_song(
    tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []

    def stumble(path: Path, *rest: Any, **more: Any) -> None:
        drawn.append(path)
        raise RuntimeError("no such font")

    monkeypatch.setattr(plot, "plot_song", stumble)
    values = {
        "caption": "x",
        "no_lm": True,
        "duration": 2,
        "inference_steps": 1,
        "seed": 7,
        "batch_size": 2,
        "checkpoints": str(checkpoints),
        "device": "cpu",
        "dtype": "float32",
        "output_dir": str(tmp_path),
    }
    resolved = resolve(values, config_file=None, environ={}, cwd=tmp_path)
    spec = RunSpec(resolved, ("acestep", "generate"), plot_file=tmp_path / "a-{seed}.png")
    outcome = run_job(spec, (), lambda: None)
    assert (outcome.exit_code, outcome.error) == (ExitCode.OK, None)
    assert drawn == [tmp_path / "a-7.png", tmp_path / "a-8.png"]
    assert len(outcome.paths) == 2 and all(path.exists() for path in outcome.paths)
    told = [warning.message for warning in outcome.warnings if warning.code == "plot_failed"]
    assert len(told) == 2
    assert "a-8.png was not drawn: RuntimeError: no such font" in told[1]
