"""Edits from request to files: what is kept, what is made, how it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.unit.audio.sounds import music
from tests.unit.run.edited import Edit, integers, quickly_encoded, written

BASE = "acestep-v15-base"
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


@pytest.mark.parametrize("region", [{}, {"repainting_start": 0.5, "repainting_end": 1.0}])
def test_a_new_track_may_be_mixed_with_its_source(
    edit: Edit, tmp_path: Path, region: dict[str, float]
) -> None:
    source = written(tmp_path, "a.ogg", rate=44_100)
    flags = {"task_type": "lego", "model": BASE, "track_name": "guitar", "bit_depth": 32}
    flags |= {"enable_normalization": False, "audio_format": "wav", **region}
    outcome = edit(source, mix=True, **flags)
    both, rate = soundfile.read(outcome.paths[0])
    alone = soundfile.read(source)[0]
    assert rate == 44_100 and both.shape == alone.shape
    added = np.abs(both - alone * (both[100, 0] / alone[100, 0])).max(axis=1)
    if region:
        assert added[22_050:44_100].mean() > 1e-3
        assert added[:22_050].max() < 1e-5 and added[44_100:].max() < 1e-5
    else:
        assert added.mean() > 1e-3
