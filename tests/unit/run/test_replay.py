"""A job again from its record: the same digest and bytes, or with changes and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import Resolved, resolve
from acestep_cli.errors import AceStepError, ExitCode, InputError, UsageError
from acestep_cli.jobs.history import History, KnownJob
from acestep_cli.pipeline.plan import Wish
from acestep_cli.request import BY_NAME
from acestep_cli.run import Outcome, RunSpec, run_job
from acestep_cli.run.job import open_record
from acestep_cli.run.prepare import prepare
from acestep_cli.run.replay import Replay, replay_of
from acestep_cli.run.spec import Job
from tests.unit.run.conftest import nobody
from tests.unit.run.edited import Edit, written

Song = Callable[..., KnownJob]
NAME = "acestep-5Hz-lm-0.6B"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


@pytest.fixture
def asked(folder: Path, checkpoints: Path) -> Song:
    """A job that was asked for and never run: its record is all that a replay reads."""

    def ask(spec: Callable[[Resolved], RunSpec] | None = None, **flags: Any) -> KnownJob:
        values = {
            "caption": "warm lofi",
            "checkpoints": str(checkpoints),
            "device": "cpu",
            "output_dir": str(folder),
            **flags,
        }
        resolved = resolve(values, environ={})
        make = spec or (lambda given: RunSpec(given, ("acestep", "generate")))
        return History(folder).find(open_record(prepare(make(resolved), warm=False)).job_id)

    return ask


def again(job: KnownJob, **flags: Any) -> Replay:
    here = {"output_dir": str(job.folder)}
    return replay_of(job, {**here, **flags}, environ={"OMP_NUM_THREADS": "3", "ACESTEP_BPM": "99"})


def prepared(job: KnownJob, **flags: Any) -> Job:
    return prepare(spec_of(again(job, **flags)), warm=False)


def spec_of(replay: Replay) -> RunSpec:
    return RunSpec(
        replay.resolved, ("acestep", "replay"), wishes=replay.wishes, pinned=replay.pinned
    )


@pytest.mark.parametrize(
    "flags",
    [
        {"no_lm": True, "duration": 2},
        {"batch_size": 3, "lyrics": "[verse]\nla la", "vocal_language": "fr"},
        {"seed": "7,8", "threads": 2, "dtype": "float32", "lm_quantization": "int8"},
        {"instrumental": True, "audio_codes": "1,2,3,4,5", "no_lm": True},
        {"model": "acestep-v15-base", "guidance_scale": 3, "timesteps": "1,0.5,0"},
        {"description": "a song about spring", "caption": None},
    ],
)
def test_the_same_song_has_the_same_digest(asked: Song, flags: dict[str, Any]) -> None:
    job = asked(**flags)
    replayed = prepared(job)
    record = job.record
    assert replayed.digest == record["digest"]
    assert list(replayed.seeds) == [item["seed"] for item in record["items"]]
    assert replayed.policy.as_dict() == record["hardware"]
    for name in BY_NAME.keys() - {"save_dir"}:
        assert replayed.origins[name] == record["origins"][name]
    different = {"seed", "save_dir"}
    for name, value in replayed.request.to_dict().items():
        assert name in different or value == record["request"][name], name
    assert again(job).changes == ()


def test_what_was_given_for_each_song_is_given_again(asked: Song) -> None:
    wishes = (
        Wish(query="a sea shanty", language="de"),
        Wish(caption="b", audio_codes=(1, 2, 3), duration=2.0, genres="pop", final_caption=True),
    )

    def drawn(resolved: Resolved) -> RunSpec:
        return RunSpec(resolved, ("acestep", "random"), wishes=wishes)

    job = asked(drawn, caption=None, batch_size=2)
    assert (
        job.record["wishes"][1]["audio_codes"] == "<|audio_code_1|><|audio_code_2|><|audio_code_3|>"
    )
    assert again(job).wishes == wishes
    assert prepared(job).digest == job.record["digest"]
    changed = again(job, bpm=90, caption="c").wishes
    assert [wish.bpm for wish in changed] == [90, 90]
    assert [wish.caption for wish in changed] == ["c", "c"]
    assert changed[0].query is None and not changed[1].final_caption
    assert changed[0].language == "de" and changed[1].audio_codes == (1, 2, 3)
    with pytest.raises(UsageError, match="holds 2 songs and batch_size is 3"):
        again(job, batch_size=3)


def test_a_song_that_was_made_without_a_planner_stays_without_one(
    asked: Song, checkpoints: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for part in checkpoints.iterdir():
        if part.name != NAME:
            (bare / part.name).symlink_to(part)
    examples = (Wish(caption="x", final_caption=True),)

    def drawn(resolved: Resolved) -> RunSpec:
        return RunSpec(
            resolved,
            ("acestep", "random"),
            wishes=(Wish(query="a sea shanty"),),
            without_planner=lambda: examples,
        )

    job = asked(drawn, caption=None, checkpoints=str(bare))
    (bare / NAME).symlink_to(checkpoints / NAME)
    replayed = prepared(job)
    assert replayed.planner is None and replayed.wishes == examples
    assert replayed.digest == job.record["digest"]
    assert not [event for event in replayed.early if "without it" in getattr(event, "message", "")]
    assert prepared(job, thinking=True).planner is not None


def test_changes_change_what_they_name(asked: Song) -> None:
    job = asked(batch_size=2, lyrics="[verse]\nla la", steps=4)
    record = job.record
    changed = prepared(job, steps=3, audio_format="wav")
    assert list(changed.seeds) == [item["seed"] for item in record["items"]]
    assert (changed.request.inference_steps, changed.request.lyrics) == (3, "[verse]\nla la")
    assert changed.origins["inference_steps"] == "flag" == changed.origins["audio_format"]
    assert changed.origins["shift"] == "default"
    assert changed.encoding.spec.name == "wav" and changed.digest != record["digest"]
    assert again(job, steps=3, output_dir="elsewhere").changes == ("inference_steps",)
    assert prepared(job, seed=9).seeds == (9, 10)
    assert prepared(job, seed="1,2,3").seeds == (1, 2, 3)
    assert prepared(job, use_random_seed=True).seeds != prepared(job).seeds
    assert prepared(job, batch_size=1).seeds == (record["items"][0]["seed"],)
    silent = prepared(job, instrumental=True).request
    assert (silent.instrumental, silent.lyrics) == (True, "[Instrumental]")
    assert prepared(job, no_lm=True).planner is None
    assert prepared(job, threads=5).policy.threads == 5
    draft = replay_of(job, {"shift": 2}, environ={}, preset="draft")
    settled = prepare(spec_of(draft), warm=False).request
    assert (settled.inference_steps, settled.shift) == (8, 2.0), "also what a family gets"
    assert again(job, lm_backend="pt").resolved.ignored == ("lm_backend",)
    assert again(job).resolved.request.bpm is None, "the environment of today says nothing"


def test_a_song_that_is_sung_is_no_instrumental(asked: Song) -> None:
    job = asked(instrumental=True)
    assert not again(job, lyrics="la la").resolved.request.instrumental
    assert again(job).resolved.request.instrumental


def test_another_model_has_its_own_numbers(asked: Song) -> None:
    job = asked(no_lm=True, duration=2)
    other = prepared(job, model="acestep-v15-base")
    assert (other.model, other.request.inference_steps) == ("acestep-v15-base", 32)
    assert other.request.guidance_scale == 7.0
    kept = prepared(asked(no_lm=True, duration=2, steps=4), model="acestep-v15-base")
    assert kept.request.inference_steps == 4


def test_checkpoints_that_are_others_now_are_told(
    asked: Song, checkpoints: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for part in checkpoints.iterdir():
        (moved / part.name).symlink_to(part)
    job = asked(no_lm=True, duration=2, checkpoints=str(moved))
    assert prepared(job).checkpoints.dit.path == moved / "acestep-v15-turbo"
    (moved / "vae").unlink()
    (moved / "vae").mkdir()
    for file in (checkpoints / "vae").iterdir():
        content = file.read_bytes()
        (moved / "vae" / file.name).write_bytes(content)
    assert prepared(job).digest == job.record["digest"]
    config = json.loads((moved / "vae" / "config.json").read_text())
    (moved / "vae" / "config.json").write_text(json.dumps(config | {"note": "another one"}))
    codes = [getattr(event, "code", "") for event in prepared(job).early]
    assert codes == ["short_duration", "checkpoint_changed"]
    # A folder that is gone is looked for by its name.
    (moved / "vae" / "config.json").unlink()
    elsewhere = prepared(job, checkpoints=str(checkpoints))
    assert elsewhere.digest == job.record["digest"]


def test_an_edit_comes_again_from_any_folder(
    edit: Edit, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    first = edit(source.name, repainting_start=1, caption="brass", seed=None)
    job = History(folder).last()
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    monkeypatch.chdir(nowhere)
    second = run(again(job))
    assert second.record["digest"] == first.record["digest"]
    assert second.paths[0].read_bytes() == first.paths[0].read_bytes()
    source.write_bytes(written(tmp_path, "b.wav", "PCM_24").read_bytes())
    told = [event for event in prepared(job).early if getattr(event, "code", "")]
    assert [event.code for event in told] == ["source_changed"]  # type: ignore[union-attr]
    # What the source gave goes with it.
    other = again(job, src_audio=str(written(tmp_path, "c.wav", "PCM_16")))
    assert other.changes == ("src_audio",) and "src_audio" not in other.pinned.sources
    assert other.resolved.request.task_type == "repaint"


def test_a_song_of_a_job_and_its_tracks(edit: Edit, folder: Path, tmp_path: Path) -> None:
    edit(written(tmp_path, "a.wav", "PCM_16"), caption="warm", bpm=84)
    first = edit(
        "last", task_type="extract", track_name="vocals,drums", model="acestep-v15-base",
        guidance_scale=2, seed=None,
    )  # fmt: skip
    job = History(folder).last()
    assert job.record["request"]["src_audio"] != "last"
    assert job.record["origins"]["bpm"] == "source"
    second = run(again(job))
    assert second.record["digest"] == first.record["digest"]
    for before, after in zip(first.paths, second.paths, strict=True):
        assert before.read_bytes() == after.read_bytes()
    drums = again(job, track_name="drums")
    assert prepare(spec_of(drums), warm=False).tracks == ("drums",)
    assert drums.resolved.request.bpm == 84


def run(replay: Replay) -> Outcome:
    return run_job(spec_of(replay), (), nobody)


def broken(job: KnownJob, **changes: Any) -> AceStepError:
    with pytest.raises(AceStepError) as found:
        prepare(spec_of(again(KnownJob(job.path, {**job.record, **changes}, "succeeded"))))
    assert found.value.hint
    return found.value


def test_records_that_cannot_be_made_again(asked: Song) -> None:
    job = asked(no_lm=True)
    hardware, request = job.record["hardware"], job.record["request"]
    odd: list[dict[str, Any]] = [
        {"request": None},
        {"request": {**request, "bpm": "fast"}},
        {"request": {"nonsense": 1}},
        {"items": []},
        {"items": [{"seed": -1}]},
        {"wishes": 3},
        {"wishes": [3]},
        {"wishes": [{"bpm": 9999}]},
        {"wishes": [{"caption": ["x"]}]},
        {"wishes": [{"genres": 1}]},
        {"wishes": [{}] * 9},
        {"hardware": {}},
        {"hardware": {**hardware, "threads": 0}},
        {"hardware": {**hardware, "dtype": "float64"}},
        {"hardware": {**hardware, "tile_frames": 10**9}},
        {"hardware": {**hardware, "kernels": {"vae": "magic"}}},
    ]
    for changes in odd:
        error = broken(job, **changes)
        assert isinstance(error, InputError) and error.exit_code is ExitCode.INPUT, changes
    # Ranges are those of every request.
    assert broken(job, request={**request, "bpm": 9999}).exit_code is ExitCode.USAGE
    # What is only told and not needed may be anything.
    harmless = {"origins": 3, "sources": [1], "checkpoints": "none", "ignored": {}}
    plain = KnownJob(job.path, {**job.record, **harmless}, "succeeded")
    with_places = again(plain, checkpoints=str(Path(job.record["checkpoints"][0]["path"]).parent))
    assert prepare(spec_of(with_places), warm=False).digest == job.record["digest"]


def test_a_device_that_is_not_here_is_told(asked: Song) -> None:
    job = asked(no_lm=True)
    hardware = {**job.record["hardware"], "name": "another processor", "threads": 7}
    replay = again(KnownJob(job.path, {**job.record, "hardware": hardware}, "succeeded"))
    found = prepare(spec_of(replay), warm=False)
    assert [getattr(event, "what", None) for event in found.early] == ["device"]
    assert found.policy.threads != 7
