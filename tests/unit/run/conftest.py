"""Edits as jobs in this process, on the tiny golden checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import resolve
from acestep_cli.errors import ExitCode
from acestep_cli.events import Event
from acestep_cli.pipeline import scene, timbre
from acestep_cli.run import Outcome, RunSpec, run_job
from tests.unit.run.edited import Edit, quickly_encoded


def nobody() -> ExitCode | None:
    return None


@pytest.fixture
def edit(tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    for module in (scene, timbre):
        monkeypatch.setattr(module, "encode_song", quickly_encoded)

    def run(
        source: Path | str | None,
        output_file: Path | None = None,
        *,
        heard: list[Event] | None = None,
        force: bool = False,
        **flags: Any,
    ) -> Outcome:
        values = {
            "task_type": "repaint",
            "src_audio": None if source is None else str(source),
            "inference_steps": 2,
            "seed": 7,
            "checkpoints": str(checkpoints),
            "device": "cpu",
            "dtype": "float32",
            "output_dir": str(tmp_path / "out"),
            **flags,
        }
        resolved = resolve(values, environ={}, cwd=tmp_path)
        spec = RunSpec(resolved, ("acestep", "repaint"), output_file=output_file, force=force)
        return run_job(spec, (heard.append,) if heard is not None else (), nobody)

    return run
