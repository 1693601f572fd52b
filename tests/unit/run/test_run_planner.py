"""Which planner a job gets, and what of the choice its digest tells: before torch is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import resolve
from acestep_cli.errors import CheckpointMissing, OutOfMemory, UsageError
from acestep_cli.events import Adjusted, Noted, Warned
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


def test_a_description_needs_the_planner_that_is_switched_off(prepared: Prepare) -> None:
    for asked in ({"description": "spring"}, {"sample_mode": True}):
        with pytest.raises(UsageError, match="no_lm switches it off"):
            prepared(no_lm=True, **asked)
        assert prepared({"ACESTEP_NO_LM": "true"}, **asked).planner is not None


def test_what_no_lm_leaves_without_effect_is_told(prepared: Prepare) -> None:
    told = _warnings(prepared(no_lm=True, thinking=True, use_format=True, use_cot_lyrics=False))
    assert told == [
        "thinking has no effect, as no_lm switches the planner off",
        "use_format has no effect, as no_lm switches the planner off",
    ]
    assert _warnings(prepared({"ACESTEP_THINKING": "true"}, no_lm=True)) == []


@pytest.mark.parametrize(
    ("duration", "words"),
    [(60, "60 s: the rest follows none"), (2, "2 s: the last ones are left out"), (12.2, "")],
)
def test_codes_of_another_length_are_told_of(
    prepared: Prepare, duration: float, words: str
) -> None:
    job = prepared(audio_codes=",".join(["1"] * 60), duration=duration)
    told = [sentence for sentence in _warnings(job) if "audio codes" in sentence]
    assert bool(told) == bool(words) and all(sentence.endswith(words) for sentence in told)


def test_a_planner_in_part_is_no_missing_one(prepared: Prepare, without: str) -> None:
    (Path(without) / NAME).mkdir()
    (Path(without) / NAME / "config.json").write_text("{}")
    (note,) = [event for event in prepared(checkpoints=without).early if isinstance(event, Noted)]
    assert "is incomplete: it lacks" in note.message and "made without it" in note.message


def _warnings(job: Job) -> list[str]:
    told = [event for event in job.early if isinstance(event, Warned)]
    return [event.message for event in told if event.code != "short_duration"]
