"""Which planner a job gets, and what of the choice its digest tells: before torch is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import resolve
from acestep_cli.errors import CheckpointMissing, OutOfMemory
from acestep_cli.events import Adjusted, Noted
from acestep_cli.hardware import devices
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.policy import needed_bytes
from acestep_cli.run import RunSpec
from acestep_cli.run.prepare import prepare
from acestep_cli.run.spec import Job
from acestep_cli.weights.index import read_index

NAME = "acestep-5Hz-lm-0.6B"
Prepare = Callable[..., Job]


@pytest.fixture
def prepared(tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    monkeypatch.setenv("ACESTEP_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(environ: dict[str, str] | None = None, **flags: Any) -> Job:
        values = {
            "caption": "warm lofi piano",
            "seed": 7,
            "checkpoints": str(checkpoints),
            "device": "cpu",
            "output_dir": str(tmp_path / "out"),
            **flags,
        }
        resolved = resolve(values, environ=environ or {}, cwd=tmp_path)
        return prepare(RunSpec(resolved, ("acestep", "generate")))

    return run


@pytest.fixture
def without(tmp_path: Path, checkpoints: Path) -> str:
    """The golden checkpoints, all but the planner."""
    root = tmp_path / "without"
    root.mkdir()
    for folder in checkpoints.iterdir():
        if folder.name != NAME:
            (root / folder.name).symlink_to(folder)
    return str(root)


def test_the_installed_planner_is_used_and_the_switches_are_obeyed(prepared: Prepare) -> None:
    job = prepared()
    assert job.planner is not None and job.planner.name == NAME
    assert NAME in [entry["name"] for entry in job.recorded_checkpoints()]
    switched_off = prepared({"ACESTEP_INIT_LLM": "false"})
    assert switched_off.planner is None and switched_off.request.no_lm
    assert NAME not in [entry["name"] for entry in switched_off.recorded_checkpoints()]
    named = prepared({"ACESTEP_INIT_LLM": "false"}, lm=NAME)
    assert named.planner == job.planner
    assert prepared(no_lm=True).digest == switched_off.digest != job.digest


def test_quantised_weights_are_another_song(prepared: Prepare) -> None:
    jobs = [prepared(lm_quantization=word) for word in ("none", "int8", "int4")]
    assert len({job.digest for job in jobs}) == 3
    assert jobs[0].digest == prepared().digest
    assert jobs[1].policy.as_dict()["lm_quantization"] == "int8"
    # Where no planner is used it makes no difference.
    assert prepared(no_lm=True, lm_quantization="int8").digest == prepared(no_lm=True).digest


def test_without_a_planner_one_line_says_so(prepared: Prepare, without: str) -> None:
    job = prepared(checkpoints=without)
    assert job.planner is None
    [note] = [event.message for event in job.early if isinstance(event, Noted)]
    assert note.startswith("no planner is installed: the song is made without it")


@pytest.mark.parametrize(
    ("environ", "flags"),
    [
        ({}, {"thinking": True}),
        ({"ACESTEP_INIT_LLM": "true"}, {}),
        ({}, {"lm": NAME}),
        ({"ACESTEP_LM_MODEL_PATH": NAME}, {}),
    ],
)
def test_who_asks_for_a_planner_is_told_that_there_is_none(
    prepared: Prepare, without: str, environ: dict[str, str], flags: dict[str, Any]
) -> None:
    with pytest.raises(CheckpointMissing, match=r"no planner is installed|is not installed"):
        prepared(environ, checkpoints=without, **flags)


def test_a_typed_planner_that_does_not_fit(
    prepared: Prepare, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plenty = prepared(no_lm=True, dtype="float32").policy
    largest = {"vae": read_index(checkpoints / "vae").values()}
    free = needed_bytes(plenty, largest, "stage") + 200_000
    monkeypatch.setattr(devices, "main_memory", lambda: Memory(GIB, free))
    with pytest.raises(OutOfMemory, match=f"on cpu: {NAME} in float32 with its cache needs"):
        prepared(lm=NAME, dtype="float32")
    job = prepared(dtype="float32")
    assert job.planner is None
    assert [change.what for change in job.early if isinstance(change, Adjusted)] == [
        "planner",
        "residency",
        "tile_frames",
    ]
