"""The user's own ffmpeg is played by a script, as the tests must not depend on one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from acestep_cli.audio import Encoding, Tags, encode_audio, find_format, format_of_path, read_audio
from acestep_cli.errors import OutputError, UsageError
from tests.unit.audio.sounds import RATE, music

FFMPEG = """#!{python}
import sys
words = sys.argv[1:]
if "-h" in words:
    muxer = words[-1].removeprefix("muxer=")
    if muxer in ("aiff", "hls", "asf"):
        print(f"    Common extensions: aif,{{muxer}}.\\n    Default audio codec: pcm.")
    elif muxer == "tee":
        print("Muxer tee [Multiple muxer tee]:")
    else:
        print("Unknown format", muxer)
    sys.exit()
if "-b:a" in words:
    sys.exit("Unknown encoder 'pcm'")
with open(words[words.index("-i") + 1], "rb") as source, open(words[-1], "wb") as target:
    target.write(source.read())
    with open(r"{log}", "w") as log:
        log.write("\\n".join(words))
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "ffmpeg"
    log = tmp_path / "log"
    program.write_text(FFMPEG.format(python=sys.executable, log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log


def test_formats_that_ffmpeg_knows_are_taken(log: Path) -> None:
    assert find_format("aiff").extension == "aiff"
    assert find_format("wma").extension == "wma"
    assert format_of_path(Path("a.aif")).extension == "aif"
    for bad in ("hls", "tee", "falc", "../x", "-y"):
        with pytest.raises(UsageError):
            find_format(bad)


def test_samples_and_tags_reach_ffmpeg(log: Path) -> None:
    sound = music(0.1)
    data = encode_audio(sound, RATE, Encoding("aiff"), Tags(title="夜", bpm=90))
    back = read_audio(data)  # the script hands the WAV back
    assert back.bit_depth == 32
    assert np.abs(back.samples - sound).max() < 1e-7
    words = log.read_text().split("\n")
    assert words[words.index("-f", 3) + 1] == "aiff"
    assert "title=夜" in words
    assert "+bitexact" in words


def test_ffmpegs_refusal_is_a_sentence(log: Path) -> None:
    with pytest.raises(OutputError, match="ffmpeg cannot write aiff: Unknown encoder"):
        encode_audio(music(0.1), RATE, Encoding("aiff", bitrate_kbps=64))


def test_an_ffmpeg_that_vanished(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = Encoding("aiff")
    spec = encoding.spec
    monkeypatch.setattr(Encoding, "spec", spec)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OutputError, match="needs an ffmpeg"):
        encode_audio(music(0.1), RATE, encoding)
