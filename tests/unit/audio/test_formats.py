from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acestep_cli.audio.formats import (
    FORMAT_NAMES,
    MP3_BITRATES,
    Encoding,
    find_format,
    format_of_path,
)
from acestep_cli.errors import UsageError


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ffmpeg of the machine would add formats to the table."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    ("spelling", "name", "extension"),
    [
        ("mp3", "mp3", "mp3"),
        (" MP3 ", "mp3", "mp3"),
        (".flac", "flac", "flac"),
        ("wave", "wav", "wav"),
        ("wav32", "wav", "wav"),
        ("vorbis", "ogg", "ogg"),
        ("opus", "opus", "opus"),
        ("aac", "m4a", "m4a"),
    ],
)
def test_spellings(spelling: str, name: str, extension: str) -> None:
    found = find_format(spelling)
    assert (found.name, found.extension) == (name, extension)


@pytest.mark.parametrize(("typed", "near"), [("falc", "flac"), ("mp33", "mp3"), ("opuss", "opus")])
def test_unknown_formats_are_named_with_the_near_miss(typed: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_format(typed)
    assert typed in caught.value.message
    assert all(name in caught.value.message for name in FORMAT_NAMES)
    assert near in caught.value.hint


def test_formats_of_paths() -> None:
    assert format_of_path(Path("a/song.OGG")).name == "ogg"
    assert format_of_path(Path("song.mp4")).name == "m4a"
    for bad, word in (
        (Path("song"), "no extension"),
        (Path("a.xyz"), "a.xyz"),
        (Path("a.aac"), "AAC"),
    ):
        with pytest.raises(UsageError, match=word):
            format_of_path(bad)
    with pytest.raises(UsageError) as caught:
        format_of_path(Path("out/a.aac"))
    assert caught.value.hint == "name it a.m4a"


def test_defaults_are_filled_in() -> None:
    assert Encoding() == Encoding("mp3", None, 192, None)
    assert Encoding("flac") == Encoding("flac", 24, None, None)
    assert Encoding("wav32") == Encoding("wav", 32)
    assert Encoding("aac").format == "m4a"
    assert Encoding("aac").extension == "m4a"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"format": "flac", "bit_depth": 32}, ("32", "16, 24")),
        ({"format": "wav", "bit_depth": 0}, ("0 bits",)),
        ({"format": "wav32", "bit_depth": 16}, ("wav32", "16")),
        ({"format": "mp3", "bit_depth": 16}, ("mp3", "lossy")),
        ({"format": "mp3", "bitrate_kbps": 100}, ("100", "96, 112")),
        ({"format": "mp3", "bitrate_kbps": 0}, ("0 kb/s",)),
        ({"format": "flac", "bitrate_kbps": 192}, ("flac", "lossless")),
        ({"format": "opus", "bitrate_kbps": 511}, ("32 to 510",)),
        ({"format": "opus", "sample_rate": 44100}, ("44100", "48000")),
        ({"format": "mp3", "sample_rate": 96000}, ("96000", "44100, 48000")),
        ({"format": "wav", "sample_rate": 1}, ("1 Hz", "4000 to 384000")),
    ],
)
def test_values_that_a_format_does_not_have(
    arguments: dict[str, object], words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        Encoding(**arguments)  # type: ignore[arg-type]
    assert all(word in caught.value.message for word in words)
    assert caught.value.hint


def test_the_nearest_value_is_the_hint() -> None:
    with pytest.raises(UsageError) as caught:
        Encoding("mp3", bitrate_kbps=200)
    assert caught.value.hint == "the nearest is 192"


def test_general_settings_that_mean_nothing_are_left_out() -> None:
    general = {"bit_depth": 24, "bitrate_kbps": 320}
    assert Encoding.choose("mp3", **general) == Encoding("mp3", bitrate_kbps=320)
    assert Encoding.choose("flac", **general) == Encoding("flac", bit_depth=24)
    assert Encoding.choose("wav32", **general) == Encoding("wav", bit_depth=32)
    with pytest.raises(UsageError):
        Encoding.choose("flac", bit_depth=32)


def test_rates_follow_the_samples_where_the_format_has_them() -> None:
    assert Encoding("wav").rate_for(22050) == 22050
    assert Encoding("opus").rate_for(44100) == 48000
    assert Encoding("mp3").rate_for(44100) == 44100
    assert Encoding("mp3").rate_for(22050) == 44100
    assert Encoding("mp3").rate_for(96000) == 48000
    assert Encoding("flac", sample_rate=44100).rate_for(48000) == 44100


def test_all_rates_of_mpeg1_layer_3_are_there() -> None:
    assert MP3_BITRATES[0] == 32
    assert MP3_BITRATES[-1] == 320
    assert all(Encoding("mp3", bitrate_kbps=rate).bitrate_kbps == rate for rate in MP3_BITRATES)


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, acestep_cli.audio as audio; audio.Encoding('flac'); audio.Tags(title='x');"
        "heavy = {'numpy', 'torch', 'soundfile', 'av', 'mutagen', 'pydub', 'torchaudio'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
