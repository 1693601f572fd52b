"""A job from request to files, in this process, on the tiny golden checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acestep_cli.audio.read import read_audio
from acestep_cli.audio.tagging import read_tags
from acestep_cli.config import resolve
from acestep_cli.errors import AceStepError, ExitCode, OutputError, UsageError
from acestep_cli.events import Event, Noted, StageProgress
from acestep_cli.run import Outcome, RunSpec, run_job

Make = Callable[..., Outcome]


def nobody() -> ExitCode | None:
    return None


@pytest.fixture
def make(tmp_path: Path, checkpoints: Path) -> Make:
    def run(
        output_file: Path | None = None,
        *,
        force: bool = False,
        strict: bool = False,
        heard: list[Event] | None = None,
        **flags: Any,
    ) -> Outcome:
        values = {
            "caption": "warm lofi piano",
            "no_lm": True,
            "duration": 2,
            "inference_steps": 2,
            "seed": 7,
            "checkpoints": str(flags.pop("checkpoints", checkpoints)),
            "device": "cpu",
            "dtype": "float32",
            "output_dir": str(tmp_path / "out"),
            **flags,
        }
        resolved = resolve(values, config_file=None, environ={}, cwd=tmp_path)
        spec = RunSpec(
            resolved, ("acestep", "generate"), output_file=output_file, force=force, strict=strict
        )
        return run_job(spec, (heard.append,) if heard is not None else (), nobody)

    return run


def samples_of(outcome: Outcome, index: int = 0) -> np.ndarray[Any, Any]:
    return read_audio(outcome.paths[index]).samples


FORMATS = {
    "mp3": {},
    "flac": {"bit_depth": 16},
    "wav": {"bit_depth": 24},
    "ogg": {},
    "opus": {},
    "aac": {},
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_command_writes_the_same_bytes(make: Make, name: str) -> None:
    first = make(audio_format=name, **FORMATS[name])
    second = make(audio_format=name, **FORMATS[name])
    assert first.paths != second.paths
    assert first.paths[0].read_bytes() == second.paths[0].read_bytes()
    assert first.record["digest"] == second.record["digest"]
    audio = read_audio(first.paths[0])
    assert audio.sample_rate == 48_000
    assert audio.samples.shape[1] == 96_000 or name == "aac"


@pytest.mark.parametrize(
    "change", [{"caption": "brass fanfare"}, {"lyrics": "la la la"}, {"bpm": 84}, {"seed": 8}]
)
def test_other_words_make_another_song(make: Make, change: dict[str, Any]) -> None:
    plain = make(audio_format="wav", bit_depth=32)
    other = make(audio_format="wav", bit_depth=32, **change)
    difference = np.abs(samples_of(plain) - samples_of(other)).max()
    assert difference > 1e-3
    assert plain.record["digest"] != other.record["digest"]


def test_an_item_of_a_batch_is_the_song_it_is_alone(make: Make) -> None:
    batch = make(audio_format="wav", bit_depth=32, batch_size=3, seed="7,21,5")
    alone = make(audio_format="wav", bit_depth=32, seed=21)
    assert [path.name[-6:] for path in batch.paths] == ["_1.wav", "_2.wav", "_3.wav"]
    assert np.array_equal(samples_of(batch, 1), samples_of(alone))
    assert [item["seed"] for item in batch.record["items"]] == [7, 21, 5]


def test_the_length_is_exact_to_the_sample(make: Make) -> None:
    outcome = make(audio_format="wav", duration=3.0001)
    assert samples_of(outcome).shape == (2, 144_005)


def test_levels(make: Make) -> None:
    plain = samples_of(make(audio_format="wav", bit_depth=32))
    assert np.abs(plain).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    soft = make(audio_format="wav", bit_depth=32, normalization_db=-12)
    assert np.abs(samples_of(soft)).max() == pytest.approx(10 ** (-12 / 20), abs=1e-4)
    loud = make(audio_format="wav", bit_depth=32, loudness=-30)
    assert loud.record["items"][0]["level"]["loudness"] == pytest.approx(-30, abs=0.3)
    faded = samples_of(make(audio_format="wav", bit_depth=32, fade_in_duration=1))
    assert faded[0, 0] == 0
    assert np.allclose(faded[:, 60_000:], plain[:, 60_000:])


def test_a_loudness_that_cannot_be_reached_is_said(make: Make) -> None:
    heard: list[Event] = []
    make(loudness=-1, heard=heard)
    assert any(isinstance(event, Noted) and "LUFS" in event.message for event in heard)


def test_tags_tell_the_song(make: Make) -> None:
    outcome = make(audio_format="flac", lyrics="[verse]\nlà là", bpm=84, keyscale="A minor")
    tags = read_tags(outcome.paths[0])
    assert (tags.caption, tags.lyrics) == ("warm lofi piano", "[verse]\nlà là")
    assert (tags.bpm, tags.key, tags.seed) == (84, "A minor", 7)
    assert (tags.model, tags.digest) == ("acestep-v15-turbo", outcome.record["digest"])


def test_base_runs_guided_and_events_tell_every_step(make: Make) -> None:
    heard: list[Event] = []
    outcome = make(model="acestep-v15-base", inference_steps=3, guidance_scale=5, heard=heard)
    assert outcome.exit_code == 0
    steps = [e.done for e in heard if isinstance(e, StageProgress) and e.stage == "compose"]
    assert steps == [1, 2, 3]


def test_guidance_on_turbo_is_a_warning_and_with_strict_an_error(make: Make) -> None:
    outcome = make(guidance_scale=9)
    assert any("guidance 9 has no effect" in warning.message for warning in outcome.warnings)
    assert any("guidance 9" in json.dumps(entry) for entry in outcome.record["warnings"])
    with pytest.raises(UsageError, match="guidance 9 has no effect"):
        make(guidance_scale=9, strict=True, duration=12)


def test_a_named_file_takes_its_place_and_is_never_overwritten(make: Make, tmp_path: Path) -> None:
    target = tmp_path / "songs" / "mine.wav"
    first = make(target, audio_format="wav")
    assert first.paths == (target,)
    before = target.read_bytes()
    with pytest.raises(OutputError, match="already exists"):
        make(target, audio_format="wav", seed=9)
    assert target.read_bytes() == before
    make(target, audio_format="wav", seed=9, force=True)
    assert target.read_bytes() != before


def test_several_songs_number_the_named_file(make: Make, tmp_path: Path) -> None:
    outcome = make(tmp_path / "mine.wav", audio_format="wav", batch_size=2)
    assert [path.name for path in outcome.paths] == ["mine_1.wav", "mine_2.wav"]


def test_saved_latents_have_the_documented_name_and_shape(make: Make, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    outcome = make(save_latents=True)
    (path,) = (tmp_path / "out").glob("*.latents.safetensors")
    assert path.name == f"{outcome.record['job_id']}_1.latents.safetensors"
    assert load_file(path)["latents"].shape == (128, 64)


def test_a_result_that_is_not_finite_fails_the_job(make: Make, tmp_path: Path) -> None:
    outcome = make(latent_rescale=10, latent_shift=0, checkpoints=_spoiled(tmp_path, float("nan")))
    _assert_unusable(outcome, tmp_path)


def test_a_silent_result_fails_the_job(make: Make, tmp_path: Path) -> None:
    _assert_unusable(make(checkpoints=_spoiled(tmp_path, 0.0)), tmp_path)


def _assert_unusable(outcome: Outcome, tmp_path: Path) -> None:
    assert outcome.exit_code == ExitCode.UNUSABLE
    assert outcome.record["status"] == "failed"
    assert outcome.record["error"]["code"] == "unusable_result"
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".json"]


def _spoiled(tmp_path: Path, value: float) -> Path:
    """The golden set with a decoder whose last convolution is `value` everywhere."""
    import shutil

    from safetensors.torch import load_file, save_file

    from tests.conftest import GOLDEN

    folder = tmp_path / "spoiled"
    shutil.copytree(GOLDEN / "checkpoints", folder)
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors["decoder.conv2.weight_g"].fill_(value)
    save_file(tensors, path)
    return folder


def test_one_bad_song_of_a_batch_does_not_cost_the_others(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from acestep_cli.pipeline import song

    real = song.make_songs

    def second_is_silent(*arguments: Any) -> Any:
        for made in real(*arguments):
            if made.index == 1:
                made.samples[:] = 0
            yield made

    monkeypatch.setattr(song, "make_songs", second_is_silent)
    outcome = make(batch_size=3)
    assert outcome.exit_code == ExitCode.PARTIAL
    assert len(outcome.paths) == 2 and all(path.is_file() for path in outcome.paths)
    assert outcome.record["items"][1]["path"] is None
    assert "1 of 3 songs failed" in outcome.record["error"]["message"]


def test_a_lack_of_memory_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from acestep_cli.pipeline import song

    def starve(*arguments: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(song, "make_songs", starve)
    outcome = make()
    assert outcome.exit_code == ExitCode.DEVICE
    assert outcome.record["error"]["code"] == "out_of_memory"


def test_a_mistake_of_ours_is_in_the_record_too(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from acestep_cli.pipeline import song

    def stumble(*arguments: Any) -> Any:
        raise KeyError("oops")

    monkeypatch.setattr(song, "make_songs", stumble)
    with pytest.raises(KeyError):
        make()
    (path,) = (tmp_path / "out").glob("*.json")
    assert json.loads(path.read_text())["status"] == "failed"


def test_a_folder_that_cannot_be_made(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        make(output_dir=str(tmp_path / "file" / "out"))


def test_a_full_disk_is_known_before_the_work(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match="free and this job needs"):
        make()


def test_one_stage_at_a_time_makes_the_same_song(make: Make) -> None:
    every = make(audio_format="wav", bit_depth=32)
    staged = make(audio_format="wav", bit_depth=32, offload_to_cpu=True)
    assert staged.record["hardware"]["residency"] == "stage"
    assert every.paths[0].read_bytes() == staged.paths[0].read_bytes()


def test_too_many_steps_for_turbo(make: Make, tmp_path: Path) -> None:
    with pytest.raises(AceStepError, match="21 steps"):
        make(inference_steps=21)
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
