"""Songs of the built-in demonstration: what is said, what it samples with, what comes again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import resolve
from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.events import Event, Noted
from acestep_cli.jobs.history import History, KnownJob
from acestep_cli.pipeline.plan import Wish
from acestep_cli.pipeline.planner import Thought
from acestep_cli.request import SongRequest
from acestep_cli.run import RunSpec, run_job, texts
from acestep_cli.run.job import open_record
from acestep_cli.run.prepare import prepare
from acestep_cli.run.replay import replay_of
from acestep_cli.run.spec import Job
from acestep_cli.run.texts import Desk, describe, improve, listen
from acestep_cli.weights import places
from acestep_cli.weights.demonstration import (
    DEMO,
    DEMO_PLANNER,
    DEMO_PLANNER_GUIDANCE,
    DEMO_SAMPLING,
)
from tests.conftest import GOLDEN
from tests.unit.run.conftest import nobody
from tests.unit.run.test_health import findings, found

REMARK = "this is the built-in demonstration, a toy band"
REMEDY = "for the real model: acestep models pull recommended"
PLANNER = "acestep-5Hz-lm-0.6B"
Ask = Callable[..., RunSpec]


@pytest.fixture
def spec(tmp_path: Path, demonstration: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What is asked for where nothing but the demonstration is installed."""
    monkeypatch.chdir(tmp_path)

    def ask(**flags: Any) -> RunSpec:
        values = {
            "caption": "lofi", "seed": 7, "duration": 10, "device": "cpu",
            "output_dir": str(tmp_path / "out"), **flags,
        }  # fmt: skip
        return RunSpec(resolve(values, environ={}, cwd=tmp_path), ("acestep", "generate"))

    return ask


@pytest.fixture
def prepared(spec: Ask) -> Callable[..., Job]:
    return lambda **flags: prepare(spec(**flags), warm=False)


def notes(job: Job) -> list[str]:
    return [event.message for event in job.early if isinstance(event, Noted)]


def names(job: Job) -> list[str]:
    return [one["name"] for one in job.recorded_checkpoints()]


def test_it_samples_as_it_was_made_to_and_says_what_it_is(prepared: Callable[..., Job]) -> None:
    job = prepared()
    request = job.request
    assert (request.inference_steps, request.guidance_scale, request.shift) == (
        DEMO_SAMPLING.steps, DEMO_SAMPLING.guidance, DEMO_SAMPLING.shift,
    )  # fmt: skip
    assert names(job) == [DEMO_PLANNER, "Qwen3-Embedding-0.6B", DEMO, "vae"]
    assert notes(job) == [f"{REMARK}; {REMEDY}"] and len(job.early) == 1
    typed = prepared(steps=5, guidance_scale=9.0, shift=2.0, model=DEMO)
    assert (typed.request.inference_steps, typed.request.guidance_scale) == (5, 9.0)
    # Whoever asks for it knows that it is no real model.
    assert typed.request.shift == 2.0 and notes(typed) == [REMARK]


def test_its_planner_composes_codes_only_where_that_is_asked_for(
    prepared: Callable[..., Job],
) -> None:
    thought = prepared().planning
    assert thought.metas and not thought.codes
    job = prepared(thinking=True)
    assert job.planning.codes
    assert job.request.lm_cfg_scale == job.planning.guidance == DEMO_PLANNER_GUIDANCE
    assert prepared(lm_cfg_scale=2.0).request.lm_cfg_scale == 2
    told = {"bpm": 90, "keyscale": "C major", "timesignature": "4", "lyrics": "[Instrumental]"}
    assert DEMO_PLANNER not in names(prepared(**told, use_cot_caption=False))
    assert DEMO_PLANNER in names(prepared(**told, use_cot_caption=False, thinking=True))


def test_what_a_preset_gives_to_real_families_is_not_for_it(tmp_path: Path, spec: Ask) -> None:
    asked = resolve({"caption": "x"}, environ={}, cwd=tmp_path, preset="quality")
    job = prepare(RunSpec(asked, ("acestep", "generate")), warm=False)
    assert job.checkpoints.is_demo and job.request.audio_format == "flac"
    assert (job.request.inference_steps, job.request.use_adg) == (DEMO_SAMPLING.steps, False)
    assert job.request.guidance_scale == DEMO_SAMPLING.guidance


def test_without_a_planner_it_is_as_quiet(
    prepared: Callable[..., Job], demonstration: Path, checkpoints: Path
) -> None:
    shutil.rmtree(demonstration / DEMO_PLANNER)
    (demonstration.parent / "checkpoints").mkdir()
    # What serves other models has no part in it.
    (demonstration.parent / "checkpoints" / PLANNER).symlink_to(checkpoints / PLANNER)
    job = prepared()
    assert job.planner is None and len(job.early) == 1
    assert notes(job) == [f"{REMARK}; {REMEDY}"]
    for asked in ({"thinking": True}, {"caption": "", "description": "spring"}):
        with pytest.raises(CheckpointMissing, match="the demonstration has no planner") as caught:
            prepared(**asked)
        assert caught.value.hint.startswith(REMEDY)
    with pytest.raises(CheckpointError, match="takes no planner but its own"):
        prepared(model=DEMO, lm=PLANNER)


def test_installed_models_go_before_it(prepared: Callable[..., Job], checkpoints: Path) -> None:
    job = prepared(checkpoints=str(checkpoints))
    assert (job.model, job.request.guidance_scale) == ("acestep-v15-turbo", 1.0)
    assert job.request.lm_cfg_scale == SongRequest().lm_cfg_scale
    assert notes(job) == []
    asked = prepared(checkpoints=str(checkpoints), model=DEMO)
    assert asked.checkpoints.is_demo and DEMO_PLANNER in names(asked)
    with pytest.raises(CheckpointMissing):
        prepared(model="acestep-v15-turbo")


@pytest.fixture
def kept(spec: Ask, tmp_path: Path) -> KnownJob:
    """A job of the demonstration that was asked for and never run."""
    record = open_record(prepare(spec(), warm=False))
    return History(tmp_path / "out").find(record.job_id)


def again(job: KnownJob, **flags: Any) -> Job:
    replay = replay_of(job, {"output_dir": str(job.folder), **flags}, environ={})
    spec = RunSpec(
        replay.resolved, ("acestep", "replay"), wishes=replay.wishes, pinned=replay.pinned
    )
    return prepare(spec, warm=False)


def test_a_job_comes_again_from_wherever_the_package_lies_now(
    kept: KnownJob, demonstration: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert again(kept).digest == kept.record["digest"]
    real = again(kept, checkpoints=str(checkpoints))
    assert (real.model, real.digest) == (DEMO, kept.record["digest"])
    moved = demonstration.rename(demonstration.parent / "elsewhere")
    monkeypatch.setattr(places, "_DEMO", moved)
    monkeypatch.setenv("ACESTEP_CHECKPOINTS_DIR", str(checkpoints))
    job = again(kept)
    assert job.digest == kept.record["digest"] and job.checkpoints.is_demo
    assert {folder.path.parent for folder in job.checkpoints.folders()} == {moved}
    assert job.planner is not None and job.planner.path == moved / DEMO_PLANNER


def test_another_model_takes_nothing_of_it_along(
    kept: KnownJob, spec: Ask, checkpoints: Path, tmp_path: Path
) -> None:
    other = again(kept, model="acestep-v15-base", checkpoints=str(checkpoints))
    assert set(names(other)) == {PLANNER, "Qwen3-Embedding-0.6B", "acestep-v15-base", "vae"}
    assert other.request.guidance_scale == 7.0
    assert other.request.lm_cfg_scale == SongRequest().lm_cfg_scale
    record = open_record(prepare(spec(checkpoints=str(checkpoints)), warm=False))
    real = History(tmp_path / "out").find(record.job_id)
    toy = again(real, model=DEMO)
    assert toy.checkpoints.is_demo and set(names(toy)) >= {DEMO, DEMO_PLANNER}
    assert toy.request.guidance_scale == DEMO_SAMPLING.guidance
    assert toy.request.lm_cfg_scale == DEMO_PLANNER_GUIDANCE


def test_a_song_is_made_and_told_by_name(spec: Ask, demonstration: Path) -> None:
    shutil.rmtree(demonstration / DEMO_PLANNER)
    heard: list[Event] = []
    outcome = run_job(spec(duration=2, steps=1), (heard.append,), nobody)
    (dit,) = (one for one in outcome.record["checkpoints"] if one["kind"] == "dit")
    assert dit["name"] == DEMO and outcome.record["status"] == "succeeded"
    assert [event.message for event in heard if isinstance(event, Noted)] == [f"{REMARK}; {REMEDY}"]


def test_the_demonstration_is_called_what_it_is(
    tmp_path: Path, demonstration: Path, checkpoints: Path
) -> None:
    checks = found(findings(tmp_path))
    check = checks["checkpoints"]
    assert check.status == "warn" and "the built-in demonstration, a toy band" in check.detail
    assert "acestep models pull recommended" in check.hint
    assert (check.facts["model"], check.facts["demonstration"]) == ("demo", True)
    assert check.facts["installed"] == []
    assert (checks["planner"].status, checks["planner"].detail) == ("ok", DEMO_PLANNER)
    assert f"demo and {DEMO_PLANNER}" in checks["memory"].detail and "tasks" not in checks
    shutil.rmtree(demonstration / DEMO_PLANNER)
    assert found(findings(tmp_path))["planner"].status == "ok"
    real = found(findings(tmp_path, checkpoints=str(checkpoints)))["checkpoints"]
    assert real.status == "ok" and "demo" not in real.detail


class Understanding:
    """Stands where the planner stands: random weights would come to no end."""

    def understand(self, codes: tuple[int, ...], seed: int) -> Thought:
        """Always the same."""
        return Thought(Wish(caption="a song", duration=len(codes) / 5))


def desk(heard: list[Event], **flags: Any) -> Desk:
    values = {"caption": "lofi", "device": "cpu", "seed": 7, **flags}
    return Desk(resolve(values, environ={}), heard.append, nobody)


def test_words_and_codes_say_whose_they_are(
    spec: Ask,
    tmp_path: Path,
    demonstration: Path,
    checkpoints: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[Event] = []
    asked = desk(heard)
    codes = listen(asked, GOLDEN / "audio" / "src_mono44k.wav")
    monkeypatch.setattr(texts, "open_planner", lambda *_: Understanding())
    assert describe(asked, codes)["caption"] == "a song"
    told = [event.message for event in heard if isinstance(event, Noted)]
    assert told == [f"{REMARK}; {REMEDY}"]
    shutil.rmtree(demonstration / DEMO_PLANNER)
    for model in (None, DEMO):
        with pytest.raises(CheckpointMissing, match="no planner"):
            improve(desk([], model=model))
    # A real planner is never told what the demonstration hears.
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / PLANNER).symlink_to(checkpoints / PLANNER)
    with pytest.raises(CheckpointMissing, match="no checkpoint found"):
        listen(desk([]), GOLDEN / "audio" / "src_mono44k.wav")
    with pytest.raises(CheckpointMissing, match="acestep-v15-turbo is not installed"):
        listen(desk([], model="acestep-v15-turbo"), GOLDEN / "audio" / "src_mono44k.wav")
