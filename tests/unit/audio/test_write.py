from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from acestep_cli.audio import Encoding, Tags, encode_audio, read_audio, write_audio
from acestep_cli.audio.formats import MP3_BITRATES, VORBIS_QUALITY
from acestep_cli.audio.resample import resample
from acestep_cli.errors import OutputError, UnusableResult, UsageError
from tests.unit.audio.sounds import RATE, Samples, music, offset, similarity

LOSSY = ("mp3", "ogg", "opus", "m4a")
LOSSLESS = (("flac", 16), ("flac", 24), ("wav", 16), ("wav", 24), ("wav", 32))
ALL = (*(Encoding(name) for name in LOSSY), *(Encoding(name, depth) for name, depth in LOSSLESS))
TAGS = Tags(title="t", caption="c", lyrics="l", bpm=90, seed=1)


@pytest.mark.parametrize(
    "encoding", ALL, ids=lambda encoding: f"{encoding.format}{encoding.bit_depth}"
)
@pytest.mark.parametrize(("channels", "seconds"), [(2, 1.2345), (1, 0.7), (2, 0.002)])
def test_what_was_written_comes_back_in_its_place(
    encoding: Encoding, channels: int, seconds: float
) -> None:
    sound = music(seconds, channels=channels)
    back = read_audio(encode_audio(sound, RATE, encoding, TAGS))
    assert back.samples.shape == sound.shape
    assert back.samples.dtype == np.float32
    assert (back.sample_rate, back.format, back.bit_depth) == (
        RATE,
        encoding.format,
        encoding.bit_depth,
    )
    if encoding.bit_depth is not None:
        step = 0.0 if encoding.bit_depth == 32 else 0.5 / 2 ** (encoding.bit_depth - 1)
        assert np.abs(back.samples - sound).max() <= step
    elif seconds > 0.5:
        assert offset(sound, back.samples) == 0
        assert similarity(sound, back.samples) > 0.97


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("kbps", MP3_BITRATES)
def test_every_mp3_bit_rate_is_constant_and_aligned(kbps: int, rate: int) -> None:
    from mutagen.mp3 import MP3

    sound = music(0.5)
    data = encode_audio(sound, RATE, Encoding("mp3", bitrate_kbps=kbps, sample_rate=rate))
    info = MP3(BytesIO(data)).info
    assert round(info.bitrate / 1000) == kbps or kbps < 64  # below, the header frame is larger
    assert info.sample_rate == rate
    assert len(data) == pytest.approx(0.5 * kbps * 125, rel=0.25, abs=400)
    expected = resample(sound, RATE, rate, "fine")
    back = read_audio(data).samples
    assert back.shape == expected.shape
    assert offset(expected, back) == 0


def test_libsndfile_agrees_about_our_mp3_header() -> None:
    import soundfile

    sound = music(0.5)
    data = encode_audio(sound, RATE, Encoding("mp3", bitrate_kbps=40))
    with soundfile.SoundFile(BytesIO(data)) as file:
        samples = file.read(dtype="float32").T
    assert samples.shape == sound.shape
    assert offset(sound, samples) == 0


@pytest.mark.parametrize("kbps", VORBIS_QUALITY)
def test_vorbis_rates(kbps: int) -> None:
    sound = music(0.5)
    assert read_audio(
        encode_audio(sound, RATE, Encoding("ogg", bitrate_kbps=kbps))
    ).samples.shape == (sound.shape)


@pytest.mark.parametrize("name", ["opus", "m4a"])
@pytest.mark.parametrize("kbps", [32, 510])
def test_the_limits_of_opus_and_m4a(name: str, kbps: int) -> None:
    sound = music(0.5)
    back = read_audio(encode_audio(sound, RATE, Encoding(name, bitrate_kbps=kbps)))
    assert back.samples.shape == sound.shape
    if kbps > 64:  # below, Opus keeps the sound and not the wave
        assert offset(sound, back.samples) == 0
    with pytest.raises(UsageError, match="256 kb/s for 1 channel"):
        encode_audio(sound[:1], RATE, Encoding(name, bitrate_kbps=510))


@pytest.mark.parametrize("name", ["flac", "wav", "mp3", "m4a", "ogg"])
def test_other_rates_are_resampled(name: str) -> None:
    sound = music(0.5)
    encoding = Encoding(name, sample_rate=44100)
    back = read_audio(encode_audio(sound, RATE, encoding))
    expected = resample(sound, RATE, 44100, "fine")
    assert back.sample_rate == 44100
    assert back.samples.shape == expected.shape
    assert offset(expected, back.samples) == 0


def test_opus_takes_any_rate() -> None:
    back = read_audio(encode_audio(music(0.5, rate=44100), 44100, Encoding("opus")))
    assert (back.sample_rate, back.samples.shape) == (48000, (2, 24000))


def test_the_same_input_gives_the_same_bytes_a_second_later() -> None:
    sound = music(0.5)
    first = [encode_audio(sound, RATE, encoding, TAGS) for encoding in ALL]
    time.sleep(1.05)
    again = [encode_audio(sound, RATE, encoding, TAGS) for encoding in ALL]
    assert [one == two for one, two in zip(first, again, strict=True)] == [True] * len(ALL)


def test_long_vorbis_does_not_crash() -> None:
    sound = np.tile(music(1.0), 240)
    back = read_audio(encode_audio(sound, RATE, Encoding("ogg", bitrate_kbps=64)))
    assert back.samples.shape == sound.shape


def test_integers_are_rounded_to_the_nearest_and_clipped() -> None:
    step = 1 / 32768
    wanted = np.array([[0, 0.4, 0.6, -0.6, -32769, 40000]], np.float32) * step
    back = read_audio(encode_audio(wanted, RATE, Encoding("wav", 16))).samples
    assert (back / step).tolist() == [[0, 0, 1, -1, -32768, 32767]]


@pytest.mark.parametrize(
    "encoding", ALL, ids=lambda encoding: f"{encoding.format}{encoding.bit_depth}"
)
def test_files_equal_memory_and_leave_nothing_else(encoding: Encoding, tmp_path: Path) -> None:
    sound = music(0.2)
    path = tmp_path / "song"
    written = write_audio(path, sound, RATE, encoding, TAGS, overwrite=False)
    assert path.read_bytes() == encode_audio(sound, RATE, encoding, TAGS)
    assert written.size == path.stat().st_size
    assert (written.sample_rate, written.overshoots) == (RATE, 0)
    assert list(tmp_path.iterdir()) == [path]


def test_overshoots_are_counted(tmp_path: Path) -> None:
    sound = np.array([[0.5, 1.5, -1.25, 1.0]], np.float32)
    written = write_audio(tmp_path / "a.wav", sound, RATE, Encoding("wav", 16), overwrite=False)
    assert written.overshoots == 2


def test_existing_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="already exists") as caught:
        write_audio(path, music(0.1), RATE, Encoding(), overwrite=False)
    assert caught.value.code == "exists"
    assert path.read_bytes() == b"precious"
    write_audio(path, music(0.1), RATE, Encoding(), overwrite=True)
    assert path.read_bytes() != b"precious"


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".song.wav.ab12.part").write_bytes(b"half")
    write_audio(tmp_path / "song.wav", music(0.1), RATE, Encoding("wav"), overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.wav"
    write_audio(target, music(0.1), RATE, Encoding("wav"), overwrite=False)
    assert [path.name for path in target.parent.iterdir()] == ["a.wav"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_audio(tmp_path / "file" / "a.wav", music(0.1), RATE, Encoding("wav"), overwrite=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    sound: Samples = music(0.1)
    sound[1, 77] = value
    with pytest.raises(UnusableResult, match="not finite"):
        write_audio(tmp_path / "a.flac", sound, RATE, Encoding("flac"), overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_no_samples_and_too_many_channels() -> None:
    with pytest.raises(UnusableResult, match="no samples"):
        encode_audio(np.zeros((2, 0), np.float32), RATE, Encoding("wav"))
    with pytest.raises(UsageError, match="2 channels and the audio has 3"):
        encode_audio(music(0.1, channels=3), RATE, Encoding("mp3"))
    assert (
        read_audio(encode_audio(music(0.1, channels=6), RATE, Encoding("flac"))).samples.shape[0]
        == 6
    )


def test_the_argument_is_not_changed() -> None:
    sound = music(0.2) * np.float32(1.5)
    before = sound.copy()
    for encoding in ALL:
        encode_audio(sound, RATE, encoding, TAGS)
    assert np.array_equal(sound, before)
