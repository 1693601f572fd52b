"""Every way to name a sound, and every way in which it can be none."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from acestep_cli.audio import Encoding, Tags, encode_audio
from acestep_cli.errors import AceStepError, ExitCode, InputError, UsageError
from acestep_cli.jobs import SCHEMA
from acestep_cli.run.source import open_source
from tests.unit.audio.sounds import music

JOB = "20261121-093012-k3fq"


def sound(seconds: float = 1.0, *, rate: int = 48_000, channels: int = 2) -> Any:
    return music(seconds)[:channels, : round(seconds * rate)]


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    path.write_bytes(encode_audio(sound(), 48_000, Encoding("wav", bit_depth=16)))
    return path


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    soundfile.write(path, sound(channels=1).T, 44_100, subtype="PCM_24")
    source = open_source(str(path), tmp_path)
    assert source.audio.samples.shape == (1, 48_000) and source.audio.bit_depth == 24
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.path == path and source.latents is None and source.values == {}
    heard = source.for_networks()
    assert heard.shape == (2, source.length) and heard.dtype == np.float32
    assert source.seconds == pytest.approx(48_000 / 44_100, abs=1e-4)


def test_integers_of_32_bits_are_read_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / "fine.wav"
    soundfile.write(path, sound().T.astype(np.float64), 48_000, subtype="PCM_32")
    source = open_source(str(path), tmp_path)
    assert source.audio.samples.dtype == np.float64
    assert source.for_networks().dtype == np.float32


def test_tags_are_the_defaults_where_they_make_sense(tmp_path: Path) -> None:
    tags = Tags(caption="warm lofi", lyrics="la la", bpm=84, key="A minor", language="fr")
    path = tmp_path / "tagged.flac"
    path.write_bytes(encode_audio(sound(), 48_000, Encoding("flac"), tags))
    assert open_source(str(path), tmp_path).values == {
        "caption": "warm lofi",
        "lyrics": "la la",
        "bpm": 84,
        "keyscale": "A minor",
        "vocal_language": "fr",
    }
    odd = Tags(caption="x" * 30_000, bpm=999, key="H sharp", time_signature="17/3", language="xx")
    path.write_bytes(encode_audio(sound(), 48_000, Encoding("flac"), odd))
    assert open_source(str(path), tmp_path).values == {}


def job(folder: Path, **changes: Any) -> Path:
    """A job of two songs, the second one with latents."""
    paths = [folder / f"{JOB}_{number}.wav" for number in (1, 2)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(encode_audio(sound(float(number)), 48_000, Encoding("wav")))
    metas = {"caption": "first", "bpm": 90, "language": "de", "duration": 1.0, "genres": None}
    items = [
        {"index": index, "metas": {**metas, "bpm": 90 + index}, "path": f"elsewhere/{path.name}"}
        for index, path in enumerate(paths)
    ]
    known = {"schema": SCHEMA, "job_id": JOB, "status": "succeeded"}
    record = {**known, "items": items, **changes}
    (folder / f"{JOB}.json").write_text(json.dumps(record))
    (folder / f"{JOB}_2.latents.safetensors").write_bytes(b"latents")
    return paths[0]


def test_a_job_is_named_by_its_id(tmp_path: Path) -> None:
    first = job(tmp_path)
    source = open_source(JOB, tmp_path)
    assert source.path == first and source.latents is None
    assert source.values == {"caption": "first", "bpm": 90, "vocal_language": "de"}
    second = open_source(f"{JOB}_2", tmp_path)
    assert (source.job, second.job) == (JOB, f"{JOB}_2")
    assert second.seconds == 2.0 and second.values["bpm"] == 91
    assert second.latents == tmp_path / f"{JOB}_2.latents.safetensors"
    assert second.latents_sha256 == hashlib.sha256(b"latents").hexdigest()


def test_a_job_is_named_by_its_beginning_or_as_the_last(tmp_path: Path) -> None:
    job(tmp_path)
    for name in ("last", JOB[:8], JOB[:12], JOB[:17]):
        assert open_source(name, tmp_path).job == JOB
        assert open_source(f"{name}_2", tmp_path).job == f"{JOB}_2"
    assert caught("20250101", tmp_path).exit_code == ExitCode.INPUT, "no job, and no file either"
    other = f"{JOB[:-1]}a"
    record = json.loads((tmp_path / f"{JOB}.json").read_text())
    (tmp_path / f"{other}.json").write_text(json.dumps({**record, "job_id": other}))
    assert caught(JOB[:8], tmp_path).code == "ambiguous_job"
    assert caught("last", tmp_path / "nowhere").code == "unknown_job"


def test_a_file_with_the_name_of_a_job_is_a_file(
    tmp_path: Path, wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wav.rename(tmp_path / JOB)
    assert open_source(JOB, tmp_path / "nowhere").path == Path(JOB)


def caught(text: str, folder: Path) -> AceStepError:
    with pytest.raises(AceStepError) as found:
        open_source(text, folder)
    assert found.value.hint
    return found.value


def test_jobs_that_are_no_source(tmp_path: Path) -> None:
    unknown = caught(JOB, tmp_path)
    assert isinstance(unknown, UsageError) and unknown.code == "unknown_job"
    first = job(tmp_path)
    assert caught(f"{JOB}_3", tmp_path).exit_code == ExitCode.USAGE
    assert caught(f"{JOB}_0", tmp_path).exit_code == ExitCode.USAGE
    first.unlink()
    assert caught(JOB, tmp_path).code == "not_found"
    for changes in ({"items": [{"path": None}]}, {"items": [None]}, {"items": [{"path": 3}]}):
        job(tmp_path, **changes)
        assert caught(JOB, tmp_path).exit_code == ExitCode.INPUT
    job(tmp_path, items="none")
    assert caught(JOB, tmp_path).exit_code == ExitCode.USAGE
    for text in ("", "[]", "{", "[" * 100_000):
        (tmp_path / f"{JOB}.json").write_text(text)
        assert caught(JOB, tmp_path).exit_code == ExitCode.INPUT


def test_a_file_that_was_written_over_is_no_song_of_the_job(tmp_path: Path) -> None:
    for name, digest in (
        ("s.wav", "b" * 16),
        ("s.flac", "b" * 16),
        ("s.wav", "a" * 16),
        ("s.wav", ""),
    ):
        path = tmp_path / name
        tags = Tags(caption="jazz", digest=digest)
        encoding = Encoding("flac") if name == "s.flac" else Encoding("wav")
        path.write_bytes(encode_audio(sound(), 48_000, encoding, tags))
        job(tmp_path, digest="a" * 16, items=[{"metas": {}, "path": str(path)}])
        if digest != "b" * 16:
            assert open_source(JOB, tmp_path).path == path
            continue
        other = caught(JOB, tmp_path)
        assert (other.exit_code, other.code) == (ExitCode.INPUT, "another_song")
        assert other.message == f"the file {path} of the job {JOB} holds another song by now"
        assert f"`acestep replay {JOB}`" in other.hint
    path.write_bytes(encode_audio(sound(), 48_000, Encoding("wav"), Tags(digest="b" * 16)))
    job(tmp_path, items=[{"metas": {}, "path": str(path)}])
    assert open_source(JOB, tmp_path).path == path, "a record without a digest refuses nothing"


class Stdin:
    """Bytes that are piped in."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def isatty(self) -> bool:
        return False


def test_stdin(tmp_path: Path, wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(wav.read_bytes()))
    source = open_source("-", tmp_path)
    assert source.path is None and source.audio.samples.shape == (2, 48_000)
    assert source.sha256 == open_source(str(wav), tmp_path).sha256
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    assert caught("-", tmp_path).code == "empty_file"
    monkeypatch.setattr(sys, "stdin", None)
    assert caught("-", tmp_path).exit_code == ExitCode.INPUT


def silent(path: Path) -> None:
    soundfile.write(path, np.zeros((48_000, 2)), 48_000)


def short(path: Path) -> None:
    soundfile.write(path, sound(0.05).T, 48_000)


def long(path: Path) -> None:
    soundfile.write(path, np.ones(601 * 4_000), 4_000)


def nan(path: Path) -> None:
    samples = sound().T.copy()
    samples[7, 1] = np.nan
    soundfile.write(path, samples, 48_000, subtype="FLOAT")


def text(path: Path) -> None:
    path.write_text("no music at all, " * 100)


def empty(path: Path) -> None:
    path.touch()


def cut(path: Path) -> None:
    whole = encode_audio(sound(4.0), 48_000, Encoding("wav"))
    path.write_bytes(whole[: len(whole) // 2])


def cut_mp3(path: Path) -> None:
    whole = encode_audio(sound(4.0), 48_000, Encoding("mp3"))
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (silent, "silent_audio"),
        (short, "audio_too_short"),
        (long, "audio_too_long"),
        (nan, "not_finite"),
        (text, "not_audio"),
        (empty, "empty_file"),
        (cut, "damaged_audio"),
        (cut_mp3, "damaged_audio"),
        (Path.mkdir, "is_folder"),
        (lambda path: None, "not_found"),
    ],
)
def test_every_fault_has_its_own_sentence(tmp_path: Path, write: Any, code: str) -> None:
    path = tmp_path / "source.wav"
    write(path)
    error = caught(str(path), tmp_path)
    assert isinstance(error, InputError) and error.code == code
    assert str(path) in error.message
