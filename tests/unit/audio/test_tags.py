from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from acestep_cli.audio import Encoding, Tags, encode_audio, read_audio
from acestep_cli.audio.tagging import read_tags
from acestep_cli.audio.tags import long_key, short_key
from acestep_cli.errors import InputError
from tests.unit.audio.sounds import RATE, music

FORMATS = ("mp3", "flac", "wav", "wav32", "ogg", "opus", "m4a")
FULL = Tags(
    title="Café 夜 🎵",
    artist="ACE-Step 1.5",
    album="Ночь",
    genre="city pop",
    caption='dreamy\n"synth" pop; 100% = / \\ fun',
    lyrics="[Verse 1]\nПривет, 你好 🎤\r\nשלום e\u0301\t\n\n[Chorus]\n" + "ラララ " * 3000,
    bpm=128,
    key="C# minor",
    time_signature="6/8",
    language="ja",
    seed=2**40 + 7,
    model="acestep-v15-turbo",
    digest="k3j2h1g0f9e8d7c6",
    software="acestep 0.1.0",
)


@pytest.mark.parametrize("name", FORMATS)
def test_everything_comes_back(name: str) -> None:
    sound = music(0.3)
    data = encode_audio(sound, RATE, Encoding(name), FULL)
    assert read_tags(data) == FULL
    back = read_audio(data)
    assert back.tags == FULL
    assert back.samples.shape == sound.shape


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_absent_stays_absent(name: str) -> None:
    few = Tags(title="only", seed=0)
    assert read_tags(encode_audio(music(0.1), RATE, Encoding(name), few)) == few
    plain = encode_audio(music(0.1), RATE, Encoding(name))
    assert encode_audio(music(0.1), RATE, Encoding(name), Tags()) == plain
    assert read_tags(plain).title == ""


@pytest.mark.parametrize("name", FORMATS)
def test_what_no_tag_can_hold_is_replaced(name: str) -> None:
    odd = Tags(title="a\x00b", lyrics="x\ud800y\x00")
    back = read_tags(encode_audio(music(0.1), RATE, Encoding(name), odd))
    assert back == Tags(title="a�b", lyrics="x�y�")


def test_id3_is_version_2_4_with_the_frames_that_players_know() -> None:
    from mutagen.id3 import ID3

    data = encode_audio(music(0.1), RATE, Encoding("mp3"), FULL)
    assert data[:4] == b"ID3\x04"
    frames = ID3(BytesIO(data))
    assert str(frames["TIT2"]) == FULL.title
    assert str(frames["TBPM"]) == "128"
    assert str(frames["TKEY"]) == "C#m"
    assert frames.getall("USLT")[0].text == FULL.lyrics
    assert str(frames["TXXX:ACESTEP_SEED"]) == str(FULL.seed)


def test_m4a_has_lyrics_and_tempo_atoms() -> None:
    from mutagen.mp4 import MP4

    atoms = MP4(BytesIO(encode_audio(music(0.1), RATE, Encoding("m4a"), FULL))).tags
    assert atoms["\xa9lyr"] == [FULL.lyrics]
    assert atoms["tmpo"] == [128]
    assert bytes(atoms["----:org.acestep:ACESTEP_DIGEST"][0]).decode() == FULL.digest


def test_flac_has_lyrics_as_players_look_for_them() -> None:
    from mutagen.flac import FLAC

    comments = FLAC(BytesIO(encode_audio(music(0.1), RATE, Encoding("flac"), FULL))).tags
    assert comments["lyrics"] == [FULL.lyrics]
    assert comments["bpm"] == ["128"]


def test_wav_has_a_list_info_chunk_that_libsndfile_reads() -> None:
    import soundfile

    data = encode_audio(music(0.1), RATE, Encoding("wav"), FULL)
    with soundfile.SoundFile(BytesIO(data)) as file:
        assert (file.title, file.artist, file.comment) == (FULL.title, FULL.artist, FULL.caption)


def test_tags_of_other_programs() -> None:
    import soundfile

    target = BytesIO()
    with soundfile.SoundFile(target, "w", RATE, 1, format="WAV", subtype="PCM_16") as file:
        file.title, file.comment = "theirs", "said"
        file.write(music(0.1)[0])
    assert read_tags(target.getvalue()) == Tags(title="theirs", caption="said")


def test_old_code_pages_and_numbers_that_are_none() -> None:
    data = encode_audio(music(0.1), RATE, Encoding("wav"), Tags(title="abcd"))
    assert read_tags(data[: data.index(b"id3 ")].replace(b"abcd", b"ab\xe9d")).title == "abéd"
    assert Tags.from_text({"bpm": "fast", "seed": "12x"}) == Tags()
    assert Tags.from_text({"bpm": "119.7"}).bpm == 120


def test_tags_of_what_is_no_audio(tmp_path: Path) -> None:
    assert read_tags(b"no audio at all, but some text in a file") == Tags()
    with pytest.raises(InputError, match="does not exist"):
        read_tags(tmp_path / "missing.mp3")


@pytest.mark.parametrize("key", ["C major", "A minor", "F# minor", "Bb major", "odd key", ""])
def test_keys_survive_their_short_form(key: str) -> None:
    assert long_key(short_key(key)) == key
