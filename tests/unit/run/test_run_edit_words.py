"""Edits from request to record: which words they have, what their digest tells, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from acestep_cli.audio import Tags
from acestep_cli.audio.tagging import read_tags
from acestep_cli.errors import CheckpointError, InputError, OutputError, UsageError
from acestep_cli.events import Event, StageStarted
from tests.unit.audio.sounds import music
from tests.unit.run.edited import Edit, integers, written


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
    kept = integers(again.paths[0])[:48_000] == integers(first.paths[0])[:48_000]
    assert kept.all()
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
    sung = edit(source, thinking=True, lyrics="la la").record["items"][0]["metas"]
    assert (sung["lyrics"], sung["language"]) == ("la la", "en")
    plain = edit(source, caption="mine")
    assert "acestep-5Hz-lm-0.6B" not in [part["name"] for part in plain.record["checkpoints"]]


def test_a_morph_goes_to_its_own_words_and_not_to_those_it_hears(
    edit: Edit, tmp_path: Path
) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    outcome = edit(
        source, task_type="text2music", flow_edit_morph=True, caption="organ", thinking=True
    )
    metas = outcome.record["items"][0]["metas"]
    assert (metas["caption"], metas["lyrics"], metas["genres"]) == ("organ", "", None)
    assert metas["keyscale"]


def test_six_channels(edit: Edit, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    samples = np.tile(soundfile.read(source, dtype="int16")[0], 3)
    soundfile.write(source, samples, 48_000)
    outcome = edit(source, repainting_start=1)
    assert (soundfile.read(outcome.paths[0], dtype="int16")[0][:48_000] == samples[:48_000]).all()
    assert outcome.record["items"][0]["level"]["loudness"] < 0
    with pytest.raises(UsageError, match="mp3 takes 2 channels and the audio has 6"):
        edit(source, repainting_start=1, audio_format="mp3")


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


def test_only_a_checkpoint_of_stems_reads_of_the_whole_song(
    edit: Edit, tmp_path: Path, checkpoints: Path
) -> None:
    stems, name = tmp_path / "stems", "acestep-v15-base"
    for folder in (name, "vae", "Qwen3-Embedding-0.6B"):
        shutil.copytree(checkpoints / folder, stems / folder)
    config = stems / name / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"is_lego_sft": True}))
    source = written(tmp_path, "a.wav", "PCM_16")

    def lego(place: Path, song: str) -> tuple[list[Any], list[Any]]:
        made = edit(
            source,
            task_type="lego",
            track_name="bass",
            caption="funky",
            global_caption=song,
            model=name,
            checkpoints=str(place),
            audio_format="wav",
        )
        assert made.error is None
        told = [entry["code"] for entry in made.record["warnings"]]
        return integers(made.paths[0]).tolist(), told

    assert lego(stems, "a waltz") == lego(stems, "a waltz") != lego(stems, "a march")
    (one, told), (other, _) = lego(checkpoints, "a waltz"), lego(checkpoints, "a march")
    assert one == other and told == ["unused_parameter"]
    assert lego(stems, "a waltz")[1] == []
