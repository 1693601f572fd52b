"""Single values as people write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.errors import AceStepError, InputError, UsageError
from acestep_cli.request import SongRequest
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import KEYSCALES, TIME_SIGNATURES

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "lm" / "constraint_tables.json").read_text("utf-8")
)


def read(name: str, raw: Any) -> Any:
    return getattr(SongRequest.from_values({name: raw}), name)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        # tempo
        ("bpm", 120, 120), ("bpm", "120", 120), ("bpm", "120bpm", 120), ("bpm", " 120 BPM ", 120),
        ("bpm", "BPM: 98", 98), ("bpm", "♩ = 98", 98), ("bpm", "98 beats per minute.", 98),
        ("bpm", "tempo 98", 98),
        ("bpm", 120.0, 120), ("bpm", "", None), ("bpm", "N/A", None), ("bpm", "auto", None),
        # length
        ("duration", 30, 30.0), ("duration", "30.5", 30.5), ("duration", "2:30", 150.0),
        ("duration", "90s", 90.0), ("duration", "90 sec", 90.0), ("duration", "2m30s", 150.0),
        ("duration", "1.5 min", 90.0), ("duration", "2'30\"", 150.0), ("duration", "2′30″", 150.0),
        ("duration", "2 minutes and 30 seconds", 150.0),
        ("duration", "2 min", 120.0), ("duration", "1:02.5", 62.5), ("duration", -1, None),
        ("duration", 0, None), ("duration", "-1", None), ("duration", "auto", None),
        ("duration", "n/a", None),
        ("repainting_start", "0:10", 10.0), ("repainting_start", "-0:08", -8.0),
        ("repainting_start", -1, -1.0), ("repainting_end", -1, None),
        ("repainting_end", "20", 20.0),
        # meter
        ("timesignature", "4/4", "4"), ("timesignature", "3/4", "3"), ("timesignature", "2/4", "2"),
        ("timesignature", "6/8", "6"), ("timesignature", " 6 / 8 ", "6"), ("timesignature", 4, "4"),
        ("timesignature", "3/4 time", "3"), ("timesignature", "６/８", "6"),
        ("timesignature", 3.0, "3"), ("timesignature", "N/A", ""), ("timesignature", "", ""),
        # switches
        *(("instrumental", raw, True) for raw in (True, 1, "true", "TRUE", "1", "yes", "on", "y")),
        *(("save_latents", raw, False) for raw in (False, 0, "false", "0", "No", "off")),
        ("thinking", "auto", None), ("thinking", "off", False), ("thinking", "", None),
        # seeds
        ("seed", 7, (7,)), ("seed", "7", (7,)), ("seed", "7,8,9", (7, 8, 9)),
        ("seed", [7, 8], (7, 8)),
        ("seed", (7,), (7,)), ("seed", -1, ()), ("seed", "-1", ()), ("seed", "7,-1,9", (7, -1, 9)),
        ("seed", [7, None], (7, -1)), ("seed", "7, ,9", (7, -1, 9)), ("seed", "-1,-1", ()),
        ("seed", "[7, 8]", (7, 8)), ("seed", "", ()), ("seed", [], ()), ("seed", "random", ()),
        ("seed", 7.0, (7,)),
        ("seed", "9" * 23, (int("9" * 23),)),  # too large, which is told with all its digits
        # schedules
        ("timesteps", [1, 0.5, 0.25], (1.0, 0.5, 0.25)), ("timesteps", "[1, 0.5]", (1.0, 0.5)),
        ("timesteps", "0.97,0.5,0", (0.97, 0.5, 0.0)), ("timesteps", "", ()),
        ("timesteps", 1, (1.0,)),
        # languages
        ("vocal_language", "en", "en"), ("vocal_language", "EN", "en"),
        ("vocal_language", "English", "en"), ("vocal_language", "zh-CN", "zh"),
        ("vocal_language", "en_US", "en"), ("vocal_language", "Cantonese", "yue"),
        ("vocal_language", "zh-HK", "yue"), ("vocal_language", "日本語", "ja"),
        ("vocal_language", "", "unknown"), ("vocal_language", "auto", "unknown"),
        ("vocal_language", "haitian creole", "ht"),
        # tasks and choices
        ("task_type", "repainting", "repaint"), ("task_type", "Repaint", "repaint"),
        ("task_type", "cover_nofsq", "cover-nofsq"), ("task_type", "cover-nofsq", "cover-nofsq"),
        ("task_type", "continuation", "continuation"), ("task_type", "Text2Music", "text2music"),
        ("task_type", "extend", "continuation"), ("task_type", "outpaint", "continuation"),
        ("task_type", "Inpaint", "repaint"),
        ("audio_format", "MP3", "mp3"), ("audio_format", "m4a", "aac"),
        ("audio_format", "vorbis", "ogg"), ("track_name", "Backing Vocals", ("backing_vocals",)),
        ("track_classes", "drums, bass", ("drums", "bass")),
        ("track_classes", ["drums", "DRUMS"], ("drums",)),
        ("track_classes", ("drums", "bass,guitar"), ("drums", "bass", "guitar")),
        ("track_name", "vocals, drums", ("vocals", "drums")), ("track_name", [], ()),
        ("track_classes", "DRUMS | BASS", ("drums", "bass")), ("track_classes", "", ()),
        # bit rates
        ("mp3_bitrate", "192k", 192), ("mp3_bitrate", "320 kb/s", 320), ("mp3_bitrate", 128, 128),
        ("mp3_bitrate", "256kbps", 256),
        # codes
        ("audio_codes", "<|audio_code_5|><|audio_code_63999|>", ((5, 63999),)),
        ("audio_codes", "1,2 3\t4", ((1, 2, 3, 4),)), ("audio_codes", [1, 2], ((1, 2),)),
        ("audio_codes", "1 2\n\n3 4\n", ((1, 2), (3, 4))), ("audio_codes", "", ()),
        ("audio_codes", ["1 2", [3, 4]], ((1, 2), (3, 4))), ("audio_codes", "[1, 2]", ((1, 2),)),
        # words
        ("lyrics", "[inst]", "[Instrumental]"), ("lyrics", " [INSTRUMENTAL]\n", "[Instrumental]"),
        ("lyrics", "[verse]\nla", "[verse]\nla"), ("caption", "N/A", "N/A"), ("model", " ", None),
        ("reference_audio", Path("a.wav"), "a.wav"),
    ],
)  # fmt: skip
def test_value(name: str, raw: Any, value: Any) -> None:
    found = read(name, raw)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("C major", "C major"), ("c", "C major"), ("C Major", "C major"), ("f#m", "F# minor"),
        ("F sharp minor", "F# minor"), ("F-sharp minor", "F# minor"), ("Am", "A minor"),
        ("c# min", "C# minor"), ("Bb", "Bb major"), ("bb", "Bb major"), ("bbm", "Bb minor"),
        ("bm", "B minor"), ("b", "B major"), ("B♭ minor", "Bb minor"), ("C♯", "C# major"),
        ("E flat major", "Eb major"), ("CM", "C major"), ("Cmaj", "C major"),
        ("A MINOR", "A minor"),
        ("d-moll", "D minor"), ("G dur", "G major"), ("n/a", ""), ("", ""),
        ("F#:minor", "F# minor"), ("C♯ minor", "C# minor"), ("Bb maj", "Bb major"),
        ("key of C", "C major"), ("Key: Ab minor.", "Ab minor"), ("A minor key", "A minor"),
        ("E natural minor", "E minor"), ("F＃m", "F# minor"), ("La", None), ("do mayor", None),
        ("D mayor", "D major"), ("A小调", "A minor"), ("Em7", None), ("key", None), (".", None),
    ],
)  # fmt: skip
def test_keys(raw: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(UsageError):
            read("keyscale", raw)
    else:
        assert read("keyscale", raw) == value


def test_all_legal_keys_of_the_model() -> None:
    assert len(GOLDEN["keyscales"]) == 70
    for legal in GOLDEN["keyscales"]:
        normalised = read("keyscale", legal)
        assert normalised == legal.replace("♯", "#").replace("♭", "b")
        assert normalised in KEYSCALES


def test_languages_and_meters_are_those_of_the_model() -> None:
    assert list(LANGUAGES) == GOLDEN["languages"] and len(LANGUAGES) == 51
    assert [int(meter) for meter in TIME_SIGNATURES] == GOLDEN["timesignatures"]


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("bpm", "fast", ("bpm", "'fast'", "30 to 300")), ("bpm", 120.5, ("120.5", "whole")),
        ("bpm", True, ("True",)), ("bpm", "1_20", ("'1_20'",)),
        ("bpm", "bpm", ("bpm",)), ("bpm", "98-102", ("98-102",)), ("duration", "min", ("min",)),
        ("duration", "and 30 s", ("and",)), ("bpm", "١٢٠", ("bpm",)),
        ("duration", "nan", ("duration", "'nan'")), ("duration", float("inf"), ("inf",)),
        ("duration", "1e999", ("duration",)),
        ("duration", "2:75", ("2:75", "m:ss", "60 seconds")),
        ("duration", "soon", ("soon",)), ("duration", [1], ("[1]",)), ("duration", {}, ("{}",)),
        ("shift", float("nan"), ("nan",)), ("shift", 10**400, ("shift",)),
        ("keyscale", "H major", ("'H major'", "C major")), ("keyscale", "C lydian", ("lydian",)),
        ("keyscale", 5, ("5",)), ("timesignature", "7/8", ("7/8", "6/8")),
        ("vocal_language", "klingon", ("klingon", " ja ")), ("thinking", "maybe", ("maybe",)),
        ("thinking", 2, ("2",)), ("thinking", 1.0, ("thinking is 1,",)), ("thinking", [], ("[]",)),
        ("seed", "seven", ("seven",)), ("seed", 1.5, ("1.5",)), ("seed", True, ("True",)),
        ("seed", list(range(1001)), ("1001", "1000")), ("timesteps", "1,x", ("'x'",)),
        ("timesteps", [float("nan")], ("nan",)),
        ("task_type", "covr", ("covr", "did you mean cover")),
        ("task_type", 3, ("3", "text")), ("audio_format", "midi", ("midi", "mp3")),
        ("track_name", "gitar", ("gitar", "did you mean guitar")),
        ("track_classes", "drums,tuba", ("tuba",)), ("caption", 5, ("5", "text")),
        ("caption", ["a"], ("text",)), ("mp3_bitrate", "fast", ("fast",)),
        ("audio_codes", 3.5, ("3.5",)),
    ],
)  # fmt: skip
def test_unreadable_value(name: str, raw: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(AceStepError) as caught:
        read(name, raw)
    error = caught.value
    if name != "audio_codes":
        assert type(error) is UsageError
    for word in words:
        assert word in f"{error.message} {error.hint}"
    assert error.hint and "\n" not in error.message


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("64000", "64000"), ("1,-2", "'-2'"), ("1 two 3", "'two'"), ([1, 64000], "64000"),
        ([-1], "-1"), ("<|audio_code_64000|>", "64000"), ("<|audio_code_x|>", "audio_code_x"),
        (["1", None], "None"), ([[1.5]], "[1.5]"), ("1 " * 3001, "3001"), ("٣", "audio code"),
        ([[True]], "True"),
    ],
)  # fmt: skip
def test_bad_codes_are_bad_input(raw: Any, word: str) -> None:
    with pytest.raises(InputError) as caught:
        read("audio_codes", raw)
    assert word in caught.value.message and caught.value.exit_code == 5
