"""Edits from request to files, in this process: what is kept, what is made, how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from acestep_cli.audio import Tags
from acestep_cli.audio.tagging import read_tags
from acestep_cli.config import resolve
from acestep_cli.errors import CheckpointError, ExitCode, InputError, OutputError, UsageError
from acestep_cli.events import Event, StageStarted
from acestep_cli.pipeline import scene, timbre
from acestep_cli.run import Outcome, RunSpec, run_job
from tests.unit.audio.sounds import music

Edit = Callable[..., Outcome]
Array = np.ndarray[Any, Any]
BASE = "acestep-v15-base"


def nobody() -> ExitCode | None:
    return None


def quickly_encoded(vae: Any, audio: torch.Tensor, tiling: Any, **options: Any) -> torch.Tensor:
    """In place of the autoencoder, which takes seconds for a second: other latents will do."""
    frames = audio.shape[1] // 1920
    return audio[:, : frames * 1920].reshape(2, frames, 1920)[:, :, :32].permute(1, 0, 2).flatten(1)


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


def written(
    folder: Path, name: str, subtype: str | None = None, *, rate: int = 48_000, channels: int = 2
) -> Path:
    """A source of two seconds."""
    path = folder / name
    samples = music(2 * rate / 48_000)[:channels, : 2 * rate].astype(np.float64) * (1 + 1e-9)
    soundfile.write(path, samples.T, rate, subtype=subtype)
    return path


def integers(path: Path) -> Array:
    """[S, C], to the last bit of any depth but doubles."""
    kind = "int32" if soundfile.info(path).subtype.startswith("PCM") else "float64"
    samples: Array = soundfile.read(path, dtype=kind, always_2d=True)[0]
    return samples


SOURCES = [
    ("a.wav", "PCM_16", 48_000, 2),
    ("a.wav", "PCM_16", 44_100, 1),
    ("a.wav", "PCM_24", 44_100, 2),
    ("a.wav", "PCM_32", 48_000, 1),
    ("a.wav", "FLOAT", 44_100, 2),
    ("a.wav", "DOUBLE", 22_050, 1),
    ("a.flac", "PCM_16", 44_100, 1),
    ("a.flac", "PCM_24", 96_000, 2),
]


@pytest.mark.parametrize(("name", "subtype", "rate", "channels"), SOURCES)
def test_outside_the_region_every_sample_stays(
    edit: Edit, tmp_path: Path, name: str, subtype: str, rate: int, channels: int
) -> None:
    source = written(tmp_path, name, subtype, rate=rate, channels=channels)
    outcome = edit(source, repainting_start=0.7, repainting_end=1.3)
    (path,) = outcome.paths
    told = soundfile.info(path)
    assert (told.samplerate, told.channels, told.subtype) == (rate, channels, subtype)
    assert path.suffix == source.suffix
    before, after = integers(source), integers(path)
    assert before.shape == after.shape
    inside = slice(round(0.7 * rate), round(1.3 * rate))
    different = (before != after).any(axis=1)
    assert different[inside].mean() > 0.9
    different[inside] = False
    assert not different.any()


@pytest.mark.parametrize(
    "regions", ["0.2-0.5,1-1.4", "0-0.6", "1.5-", "0-0.3,1.7-2", "0.2-0.5,0.55-0.8,1.1-1.2"]
)
def test_several_regions_and_edges_at_both_ends(edit: Edit, tmp_path: Path, regions: str) -> None:
    source = written(tmp_path, "a.wav", "PCM_16", rate=44_100, channels=1)
    outcome = edit(source, regions=regions)
    before, after = integers(source), integers(outcome.paths[0])
    painted = np.zeros(len(before), bool)
    for region in regions.split(","):
        start, end = region.split("-")
        painted[round(float(start) * 44_100) : round(float(end or 2) * 44_100)] = True
    different = (before != after).any(axis=1)
    assert not different[~painted].any() and different[painted].mean() > 0.9


def test_inside_the_region_latents_are_new_and_outside_those_of_the_source(
    edit: Edit, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    source = written(tmp_path, "a.wav", "PCM_16")
    edit(source, repainting_start=0.88, repainting_end=1.12, save_latents=True)
    (path,) = (tmp_path / "out").glob("*.latents.safetensors")
    made = load_file(path)["latents"]
    samples = torch.from_numpy(soundfile.read(source, dtype="float32")[0].T.copy())
    told = quickly_encoded(None, samples, None)
    differs = (made[:50] - told).abs().amax(dim=1) > 1e-4
    # Frames 22 to 28 are painted, with 12 frames of a ramp on either side.
    assert differs[22:28].all() and not differs[:10].any() and not differs[40:].any()


def test_outpainting_keeps_all_of_the_source(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.flac", "PCM_16", rate=44_100)
    outcome = edit(source, task_type="continuation", extend_before=0.5, extend_after=1.25)
    before, after = integers(source), integers(outcome.paths[0])
    assert len(after) == round(3.75 * 44_100)
    front = round(0.5 * 44_100)
    assert np.array_equal(after[front : front + len(before)], before)
    assert after[:front].any() and after[front + len(before) :].any()
    assert outcome.record["items"][0]["metas"]["duration"] == 3.75


def test_of_a_lossy_source_the_decoded_samples_are_kept(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.ogg", rate=44_100, channels=1)
    lossless = edit(source, tmp_path / "b.wav", audio_format="wav", repainting_start=1)
    before = soundfile.read(source, dtype="float32")[0]
    after, rate = soundfile.read(lossless.paths[0], dtype="float32")
    assert rate == 44_100 and after.shape == before.shape
    # To the depth of the file that is written.
    assert np.abs(after - before)[:44_100].max() <= 2**-24
    usual = edit(source, repainting_start=1)
    info = soundfile.info(usual.paths[0])
    assert (usual.paths[0].suffix, info.samplerate, info.channels) == (".mp3", 44_100, 1)


def test_nothing_is_levelled_where_something_is_kept(edit: Edit, tmp_path: Path) -> None:
    source = tmp_path / "soft.wav"
    soundfile.write(source, music(2.0).T * 0.05, 48_000, subtype="PCM_16")
    outcome = edit(source, repainting_start=1, loudness=-10, fade_in_duration=1)
    assert np.array_equal(integers(outcome.paths[0])[:48_000], integers(source)[:48_000])
    said = [warning.message for warning in outcome.warnings]
    assert any(message.startswith("loudness has no effect") for message in said)
    assert any(message.startswith("fade_in_duration has no effect") for message in said)
    whole = edit(source)
    peak = np.abs(soundfile.read(whole.paths[0])[0]).max()
    assert peak == pytest.approx(10 ** (-1 / 20), abs=1e-3)


@pytest.mark.parametrize("task", ["cover", "cover-nofsq"])
def test_a_cover_is_written_as_its_source_was(edit: Edit, tmp_path: Path, task: str) -> None:
    source = written(tmp_path, "a.flac", "PCM_24", rate=44_100, channels=1)
    info = soundfile.info(edit(source, task_type=task, caption="brass").paths[0])
    assert (info.format, info.subtype) == ("FLAC", "PCM_24")
    assert (info.samplerate, info.channels, info.frames) == (44_100, 1, 88_200)
    typed = edit(source, task_type=task, audio_format="wav", bit_depth=16)
    assert soundfile.info(typed.paths[0]).subtype == "PCM_16"
    lossy = edit(written(tmp_path, "a.mp3", rate=44_100), task_type=task)
    info = soundfile.info(lossy.paths[0])
    assert (lossy.paths[0].suffix, info.samplerate, info.channels) == (".mp3", 48_000, 2)


def test_other_lossless_containers_become_flac_or_wav(edit: Edit, tmp_path: Path) -> None:
    aiff = written(tmp_path, "a.aiff", "PCM_16", rate=44_100)
    outcome = edit(aiff, repainting_start=1)
    assert outcome.paths[0].suffix == ".flac"
    assert np.array_equal(integers(outcome.paths[0])[:44_100], integers(aiff)[:44_100])
    fine = written(tmp_path, "b.aiff", "FLOAT", rate=44_100)
    assert edit(fine, repainting_start=1).paths[0].suffix == ".wav"


def test_every_track_is_a_file_of_its_own_from_one_seed(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    flags = {"task_type": "extract", "model": BASE, "guidance_scale": 2}
    both = edit(source, track_name="vocals,drums", **flags)
    job_id = both.record["job_id"]
    names = [f"{job_id}_1_vocals.wav", f"{job_id}_2_drums.wav"]
    assert [path.name for path in both.paths] == names
    assert [item["seed"] for item in both.record["items"]] == [7, 7]
    alone = edit(source, tmp_path / "stem.wav", track_name="drums", **flags)
    assert alone.paths == (tmp_path / "stem.wav",)
    assert np.array_equal(integers(both.paths[1]), integers(alone.paths[0]))
    assert not np.array_equal(integers(both.paths[0]), integers(both.paths[1]))


def test_a_new_track_may_be_mixed_with_its_source(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16", rate=44_100)
    flags = {"task_type": "lego", "model": BASE, "track_name": "guitar", "bit_depth": 32}
    flags |= {"enable_normalization": False, "audio_format": "wav"}
    stem, both = edit(source, **flags), edit(source, mix=True, **flags)
    sounds = [soundfile.read(path)[0] for path in (stem.paths[0], both.paths[0], source)]
    total = sounds[0] + sounds[2]
    assert np.abs(sounds[1] - total / max(1, np.abs(total).max())).max() < 1e-3


def test_nothing_is_written_over_a_source(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    link, before = tmp_path / "link.wav", source.read_bytes()
    link.symlink_to(source)
    for target in (source, link):
        with pytest.raises(OutputError, match="is the source"):
            edit(source, target, force=True)
    reference = written(tmp_path, "voice.wav", "PCM_16")
    with pytest.raises(OutputError, match="is the source"):
        edit(source, reference, reference_audio=str(reference), force=True)
    assert source.read_bytes() == before and not (tmp_path / "out").exists()


def test_a_song_of_an_earlier_job(edit: Edit, tmp_path: Path) -> None:
    first = edit(
        written(tmp_path, "a.wav", "PCM_16"),
        task_type="cover",
        caption="warm lofi",
        lyrics="la la",
        bpm=84,
        vocal_language="fr",
        save_latents=True,
    )
    heard: list[Event] = []
    again = edit(first.record["job_id"], repainting_start=1, heard=heard, keyscale="A minor")
    metas = again.record["items"][0]["metas"]
    expected = ("warm lofi", "la la", 84, "fr", "A minor")
    names = ("caption", "lyrics", "bpm", "language", "keyscale")
    assert tuple(metas[name] for name in names) == expected
    assert again.record["origins"]["bpm"] == "source"
    assert np.array_equal(integers(again.paths[0])[:48_000], integers(first.paths[0])[:48_000])
    tags = read_tags(again.paths[0])
    assert (tags.caption, tags.bpm, tags.digest) == ("warm lofi", 84, again.record["digest"])
    other = edit(first.record["job_id"], repainting_start=1, caption="x", lyrics="da da")
    assert other.record["items"][0]["metas"]["language"] == "en"


def test_kept_latents_that_are_none_are_told(edit: Edit, tmp_path: Path) -> None:
    first = edit(written(tmp_path, "a.wav", "PCM_16"), save_latents=True)
    (path,) = (tmp_path / "out").glob("*.latents.safetensors")
    path.write_bytes(b"nonsense")
    outcome = edit(first.record["job_id"])
    assert isinstance(outcome.error, InputError) and outcome.error.code == "bad_latents"
    assert str(path) in outcome.error.message


def test_tags_of_a_file_are_its_words(edit: Edit, tmp_path: Path) -> None:
    from acestep_cli.audio import Encoding, encode_audio

    source = tmp_path / "tagged.flac"
    tags = Tags(caption="slow waltz", time_signature="3")
    source.write_bytes(encode_audio(music(1.0), 48_000, Encoding("flac"), tags))
    metas = edit(source).record["items"][0]["metas"]
    assert (metas["caption"], metas["timesignature"]) == ("slow waltz", "3")
    assert edit(source, caption="fast").record["items"][0]["metas"]["caption"] == "fast"


def test_the_digest_goes_with_the_sound_and_not_with_its_name(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    renamed = tmp_path / "b.wav"
    renamed.write_bytes(source.read_bytes())
    one, same = edit(source, repainting_start=1), edit(renamed, repainting_start=1)
    assert one.record["digest"] == same.record["digest"]
    assert one.paths[0].read_bytes() == same.paths[0].read_bytes()
    other = edit(written(tmp_path, "c.wav", "PCM_24"), repainting_start=1)
    voice = edit(source, repainting_start=1, reference_audio=str(renamed))
    assert len({run.record["digest"] for run in (one, other, voice)}) == 3
    assert one.paths[0].read_bytes() != voice.paths[0].read_bytes()


def test_the_planner_listens_where_thinking_is_typed(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    heard: list[Event] = []
    outcome = edit(source, thinking=True, bpm=77, caption="mine", heard=heard)
    (item,) = outcome.record["items"]
    assert (item["metas"]["bpm"], item["metas"]["caption"]) == (77, "mine")
    assert item["metas"]["keyscale"] and item["metas"]["timesignature"]
    assert item["audio_codes"] is None and item["lm_metadata"]["keyscale"]
    assert item["metas"]["duration"] == 2.0
    stages = [event.stage for event in heard if isinstance(event, StageStarted)]
    assert stages.index("listen") < stages.index("plan")
    plain = edit(source, caption="mine")
    assert "acestep-5Hz-lm-0.6B" not in [part["name"] for part in plain.record["checkpoints"]]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"repainting_start": 2.5, "repainting_end": 3}, "outside the source"),
        ({"task_type": "continuation", "repainting_end": 1.5}, "ends behind the source"),
        ({"task_type": "continuation", "extend_after": 599}, "at most 600 s"),
    ],
)
def test_regions_that_do_not_fit(
    edit: Edit, tmp_path: Path, flags: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        edit(written(tmp_path, "a.wav", "PCM_16"), **flags)
    assert not (tmp_path / "out").exists()


def test_a_model_that_cannot_extract(edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot do extract"):
        edit(
            written(tmp_path, "a.wav", "PCM_16"),
            task_type="extract",
            track_name="vocals",
            model="acestep-v15-turbo",
        )
