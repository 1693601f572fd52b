from __future__ import annotations

import os
import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from acestep_cli.audio import Encoding, Tags, encode_audio, load_for_model, read_audio
from acestep_cli.errors import ExitCode, InputError
from tests.unit.audio.golden import TOLERANCE, largest_errors
from tests.unit.audio.sounds import RATE, music, offset

FORMATS = ("mp3", "flac", "wav", "wav32", "ogg", "opus", "m4a")


def with_soundfile(container: str, subtype: str, rate: int = RATE) -> bytes:
    import soundfile

    target = BytesIO()
    soundfile.write(target, music(0.5).T, rate, format=container, subtype=subtype)
    return target.getvalue()


def with_av(muxer: str, codec: str, sample_format: str) -> bytes:
    import av

    target, sound = BytesIO(), music(0.5)
    with av.open(target, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.codec_context.layout = "stereo"
        stream.codec_context.format = sample_format
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        for start in range(0, sound.shape[1], size):
            block = sound[:, start : start + size]
            if sample_format.startswith("s16"):
                block = np.rint(block * 32767).astype(np.int16)
            if not sample_format.endswith("p"):
                block = block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), sample_format, "stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def code_of(source: object, **limits: float) -> str:
    with pytest.raises(InputError) as caught:
        read_audio(source, **limits)  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.INPUT
    assert caught.value.hint
    return caught.value.code


def test_golden_files_are_loaded_as_the_model_wants_them() -> None:
    errors = largest_errors()
    assert len(errors) == 3
    assert {name: error for name, error in errors.items() if error > TOLERANCE} == {}


@pytest.mark.parametrize(
    ("container", "subtype", "name", "depth"),
    [
        ("AIFF", "PCM_24", "aiff", 24),
        ("WAV", "PCM_U8", "wav", 8),
        ("WAV", "DOUBLE", "wav", 64),
        ("WAVEX", "PCM_16", "wav", 16),
        ("RF64", "PCM_16", "wav", 16),
        ("WAV", "ULAW", "wav", None),
        ("CAF", "PCM_16", "caf", 16),
        ("OGG", "OPUS", "opus", None),
        ("MP3", "MPEG_LAYER_III", "mp3", None),
    ],
)
def test_files_of_soundfile(container: str, subtype: str, name: str, depth: int | None) -> None:
    back = read_audio(with_soundfile(container, subtype))
    assert (back.format, back.bit_depth, back.sample_rate) == (name, depth, RATE)
    assert back.samples.shape == (2, 24000)
    assert back.seconds == 0.5
    assert offset(music(0.5), back.samples) == 0


@pytest.mark.parametrize(
    ("muxer", "codec", "sample_format", "name", "depth"),
    [
        ("webm", "libopus", "flt", "matroska", None),
        ("matroska", "flac", "s16", "flac", 16),
        ("ipod", "alac", "s16p", "alac", 16),
        ("tta", "tta", "s16", "tta", 16),
        ("mp3", "libmp3lame", "fltp", "mp3", None),
        ("wv", "wavpack", "fltp", "wavpack", 24),
    ],
)
def test_files_of_ffmpeg(
    muxer: str, codec: str, sample_format: str, name: str, depth: int | None
) -> None:
    back = read_audio(with_av(muxer, codec, sample_format))
    assert (back.format, back.bit_depth) == (name, depth)
    assert back.samples.shape == (2, 24000)
    assert offset(music(0.5), back.samples) == 0


def test_raw_aac_is_read() -> None:
    assert read_audio(with_av("adts", "aac", "fltp")).format == "m4a"


def test_paths_and_bytes_give_the_same(tmp_path: Path) -> None:
    for name in FORMATS:
        data = encode_audio(music(0.3), RATE, Encoding(name), Tags(title="x"))
        path = tmp_path / "päth 音.raw"  # the content decides, not the name
        path.write_bytes(data)
        for source in (path, str(path)):
            assert np.array_equal(read_audio(source).samples, read_audio(data).samples)
            assert read_audio(source).tags.title == "x"


def test_each_mistake_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    wav = encode_audio(music(0.1), RATE, Encoding("wav32"))
    not_finite = wav[:100] + struct.pack("<f", float("nan")) * 200 + wav[900:]
    codes = {
        "not_found": code_of(tmp_path / "missing.wav"),
        "is_folder": code_of(tmp_path),
        "empty_file": code_of(empty),
        "not_a_file": code_of(fifo),
        "not_audio": code_of(b"these are words and no sound" * 9),
        "damaged_audio": code_of(wav[: len(wav) // 2]),
        "audio_too_long": code_of(wav, max_seconds=0.05),
        "no_samples": code_of(with_soundfile_empty()),
        "not_finite": code_of(not_finite),
        "bad_sample_rate": code_of(with_soundfile("WAV", "PCM_16", rate=100)),
        "too_many_channels": code_of(with_many_channels()),
    }
    assert list(codes.values()) == list(codes)
    assert code_of(b"") == "empty_file"
    with pytest.raises(InputError, match="the vocals"):
        read_audio(b"no", name="the vocals")


def with_soundfile_empty() -> bytes:
    import soundfile

    target = BytesIO()
    soundfile.write(target, np.zeros((0, 2)), RATE, format="WAV", subtype="PCM_16")
    return target.getvalue()


def with_many_channels() -> bytes:
    import soundfile

    target = BytesIO()
    soundfile.write(target, np.zeros((100, 9)), RATE, format="WAV", subtype="PCM_16")
    return target.getvalue()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode_audio(music(0.1), RATE, Encoding("wav")))
    path.chmod(0)
    assert code_of(path) == "unreadable"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("part", [0.9, 0.5, 0.2])
def test_files_that_are_cut_short(
    name: str, part: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encode_audio(music(1.0), RATE, Encoding(name))
    assert code_of(data[: int(len(data) * part)]) == "damaged_audio"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg", "opus", "m4a"])
def test_files_with_a_hole(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = encode_audio(music(1.0), RATE, Encoding(name))
    third = len(data) // 3
    noise = np.random.default_rng(0).bytes(third)
    assert code_of(data[:third] + noise + data[2 * third :]) == "damaged_audio"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FORMATS)
def test_any_other_damage_is_an_input_error_or_nothing(name: str) -> None:
    draw = np.random.default_rng(1)
    data = encode_audio(music(0.3), RATE, Encoding(name), Tags(title="x", lyrics="y" * 99))
    for _ in range(40):
        hurt = bytearray(data)
        for place in draw.integers(0, min(len(data), 400), 4):
            hurt[place] = draw.integers(256)
        try:
            back = read_audio(bytes(hurt))
        except InputError as error:
            assert error.hint
        else:
            assert np.isfinite(back.samples).all()


def test_playlists_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encode_audio(music(0.1), RATE, Encoding("wav")))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n"
    )
    script = tmp_path / "list.txt"
    script.write_text(f"ffconcat version 1.0\nfile {tmp_path / 'secret.wav'}\n")
    assert code_of(playlist) == "not_audio"
    assert code_of(script) == "not_audio"


def test_streamed_wav_without_a_length_is_read() -> None:
    data = encode_audio(music(0.2), RATE, Encoding("wav", 16))
    place = data.index(b"data") + 4
    streamed = data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :]
    assert read_audio(streamed).samples.shape == (2, 9600)


def test_the_length_limit_takes_the_limit_itself() -> None:
    for name in FORMATS:
        data = encode_audio(music(0.5), RATE, Encoding(name))
        assert read_audio(data, max_seconds=0.5).seconds == 0.5
        for limit in (0.49, 0.4):
            with pytest.raises(InputError, match=rf"is 0\.5\d s long; at most {limit} s"):
                read_audio(data, max_seconds=limit)


def test_mono_is_doubled_and_further_channels_are_dropped() -> None:
    mono = load_for_model(encode_audio(music(0.1, channels=1), RATE, Encoding("wav32")))
    assert mono.shape == (2, 4800)
    assert np.array_equal(mono[0], mono[1])
    six = music(0.1, channels=6)
    assert np.array_equal(load_for_model(encode_audio(six, RATE, Encoding("wav32"))), six[:2])


def test_overshoots_are_clamped_for_the_model_alone() -> None:
    loud = np.array([[1.5, -1.5, 0.5]] * 2, np.float32)
    data = encode_audio(loud, RATE, Encoding("wav32"))
    assert np.array_equal(load_for_model(data), np.clip(loud, -1, 1))
    assert np.array_equal(read_audio(data).samples, loud)
