"""Ranges and what must fit together: each message names value and limit, each hint a remedy."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from acestep_cli.errors import AceStepError, InputError, UsageError
from acestep_cli.request import FIELDS, SongRequest, check_makeable, validate
from acestep_cli.request.validate import MAX_TEXT

NUMERIC = [
    field
    for field in FIELDS
    if not field.ignored and (field.minimum is not None or field.maximum is not None)
]
SCALAR = [field for field in NUMERIC if field.kind not in ("seeds", "timesteps", "codes")]


def errors_of(**values: Any) -> AceStepError:
    with pytest.raises(AceStepError) as caught:
        validate(SongRequest(**values))
    return caught.value


HOSTILE = [
    None, True, False, 0, -1, 1, 2**63, -(2**63), 10**400, 10**5000, 0.0, -0.5, 1e308, math.nan,
    math.inf, "", " ", "0", "-1", "nan", "1e400", "9" * 400, "a", "\0", "\ud800", "١", "²", "½",
    "1,", ",", "[", "[]", "[[1]]", "]" * 99, ":", "1:", ":1", "1:60", "-", "--", "b", "#", "m",
    "A" * 30_000, b"x",
    [], [[]], [None], [""], ["\0"], [math.nan], [1, "x"], {}, {"a": 1}, (), object(), range(3),
    "<|audio_code_|>", "<|audio_code_1|>x", "'" * 50, "%s{0}", "../../x", "true\n", "\n",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_no_value_breaks_anything(field: Any) -> None:
    """Whatever is given, the answer is a valid request or an error for people."""
    for raw in HOSTILE:
        try:
            request = SongRequest.from_values({field.name: raw})
            validate(request)
        except AceStepError as error:
            assert error.message and error.message.isprintable() and len(error.message) < 600
            assert error.exit_code in (2, 5)
        else:
            json.dumps(request.to_dict(), allow_nan=False).encode()


def test_the_default_request_is_valid() -> None:
    assert validate(SongRequest()) == []


@pytest.mark.parametrize("field", SCALAR, ids=lambda field: field.name)
def test_the_edges_of_each_range(field: Any) -> None:
    assert field.minimum is not None and field.maximum is not None
    whole = field.kind in ("int", "bpm")
    step = 1 if whole else 1e-6
    inside = [field.maximum, field.minimum + step if field.above_minimum else field.minimum]
    outside = [field.maximum + step, field.minimum if field.above_minimum else field.minimum - step]
    for value in inside:
        number = int(value) if whole else float(value)
        try:
            validate(SongRequest(**{field.name: number}))
        except AceStepError as error:
            assert field.name not in error.message.split(), error.message
    for value in (*outside, *([] if whole else [math.nan, math.inf, -math.inf])):
        error = errors_of(**{field.name: int(value) if whole else float(value)})
        assert type(error) is UsageError and field.name in error.message
        assert field.range in error.message and field.range in error.hint


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bpm": 29}, ("bpm 29", "30 to 300")), ({"bpm": 301}, ("bpm 301",)),
        ({"duration": 0.5}, ("duration 0.5", "1 to 600")), ({"duration": 601.0}, ("601",)),
        ({"duration": -5.0}, ("-5",)), ({"batch_size": 9}, ("batch_size 9", "1 to 8")),
        ({"inference_steps": 0}, ("inference_steps 0", "1 to 200")),
        ({"inference_steps": 201}, ("201",)), ({"guidance_scale": 0.5}, ("0.5", "1 to 15")),
        ({"shift": 0.0}, ("shift 0", "above 0")), ({"shift": 10.5}, ("10.5",)),
        ({"lm_top_p": 0.0}, ("lm_top_p 0",)), ({"bit_depth": 20}, ("20", "16, 24, 32")),
        ({"mp3_bitrate": 200}, ("200", "192")), ({"mp3_sample_rate": 8000}, ("8000", "44100")),
        ({"seed": (2**32,)}, ("4294967296", "4294967295")), ({"seed": (1, -2)}, ("-2", "-1")),
        ({"timesteps": (0.5, 0.5)}, ("fall",)), ({"timesteps": (0.5, 0.7)}, ("fall",)),
        ({"timesteps": (1.5, 0.5)}, ("1.5",)), ({"timesteps": (1.0, math.nan)}, ("nan",)),
        ({"timesteps": (0.0,)}, ("above 0",)),
        ({"timesteps": tuple(1 - i / 500 for i in range(202))}, ("202", "201")),
        ({"cfg_interval_start": 0.6, "cfg_interval_end": 0.5}, ("0.6", "0.5")),
        ({"flow_edit_n_min": 0.6, "flow_edit_n_max": 0.5}, ("0.6", "0.5")),
        ({"repainting_start": 20.0, "repainting_end": 10.0}, ("10", "20")),
        ({"repainting_start": 10.0, "repainting_end": 10.0}, ("10",)),
        ({"regions": ((20.0, 10.0), (30.0, 40.0))}, ("20-10", "ends at 10 s")),
        ({"regions": ((1.0, 5.0), (3.0, 9.0))}, ("1-5 and 3-9 overlap",)),
        ({"regions": ((1.0, None), (3.0, 9.0))}, ("1- and 3-9 overlap",)),
        ({"regions": ((1.0, math.nan),)}, ("1-nan", "within -600 to 1200")),
        ({"regions": ((-700.0, 5.0),)}, ("-700-5", "within")),
        ({"regions": tuple((n, n + 0.5) for n in range(101))}, ("101 regions", "100")),
        ({"regions": ((1.0, 2.0),), "repainting_end": 3.0}, ("twice", "--region")),
        ({"regions": ((1.0, 2.0),), "task_type": "continuation"}, ("continuation", "--after")),
        ({"task_type": "lego", "track_name": ("bass", "fx")}, ("bass, fx", "one track")),
        ({"task_type": "cover", "src_audio": "a", "audio_codes": ((1,),)}, ("two sources",)),
        (
            {"flow_edit_morph": True, "src_audio": "a", "audio_codes": ((1,),)},
            ("a morph has two sources",),
        ),
        ({"caption": "a\0b"}, ("caption", "NUL")), ({"caption": "\udc80"}, ("caption", "UTF-8")),
        ({"src_audio": "\udcff.wav"}, ("src_audio",)), ({"model": "a\0"}, ("model",)),
        ({"caption": "x" * (MAX_TEXT + 1)}, ("20001", "20000")),
        ({"dcw_wavelet": "../x"}, ("../x", "haar")), ({"dcw_wavelet": "db39"}, ("db39",)),
        ({"instrumental": True, "lyrics": "la"}, ("instrumental", "--no-instrumental")),
        ({"audio_format": "flac", "bit_depth": 32}, ("flac", "--bit-depth 24")),
        ({"description": "x", "task_type": "cover"}, ("description", "cover")),
        ({"sample_mode": True, "task_type": "lego"}, ("sample_mode", "lego")),
        ({"flow_edit_morph": True, "task_type": "repaint"}, ("morph", "repaint")),
        ({"analysis_only": True}, ("analysis_only", "--plan-only")),
        ({"full_analysis_only": True}, ("understand",)),
        ({"extract_codes_only": True}, ("--codes",)),
        ({"bpm": 10**400}, ("bpm",)),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], words: tuple[str, ...]) -> None:
    error = errors_of(**values)
    assert type(error) is UsageError and error.exit_code == 2 and error.hint
    for word in words:
        assert word in f"{error.message} | {error.hint}"
    assert "\n" not in error.message and "\0" not in error.message


@pytest.mark.parametrize(
    "values",
    [
        {"lyrics": "a\0b"}, {"lyrics": "\ud800"}, {"lyrics": "x" * (MAX_TEXT + 1)},
        {"flow_edit_source_lyrics": "\0"},
    ],
)  # fmt: skip
def test_bad_lyrics_are_bad_input(values: dict[str, Any]) -> None:
    assert type(errors_of(**values)) is InputError


def test_every_problem_is_listed_the_first_one_first() -> None:
    error = errors_of(bpm=20, duration=900.0, lyrics="\0")
    assert type(error) is UsageError
    assert error.message.index("lyrics") < error.message.index("bpm 20")
    assert "900" in error.message and error.hint.count(";") == 2


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"caption": "x" * 513}, "long_caption"), ({"lyrics": "x" * 4097}, "long_lyrics"),
        ({"duration": 9.5}, "short_duration"), ({"seed": (1, 2)}, "unused_seeds"),
        ({"audio_codes": ((1,), (2,))}, "unused_codes"),
        ({"shift": 0.5}, "unusual_shift"), ({"shift": 6.0}, "unusual_shift"),
        ({"lyrics": "song.txt"}, "lyrics_name_a_file"),
        ({"timesteps": (1.0, 0.5), "shift": 2.0}, "steps_replaced"),
        ({"src_audio": "a"}, "unused_parameter"), ({"mix": True}, "unused_parameter"),
        ({"task_type": "cover", "regions": ((1.0, 2.0), (3.0, 4.0))}, "unused_parameter"),
        ({"task_type": "extract", "track_classes": ("fx",)}, "unused_parameter"),
        ({"task_type": "repaint", "extend_after": 3.0}, "unused_parameter"),
        ({"task_type": "cover", "src_audio": "a", "duration": 30.0}, "unused_parameter"),
        ({"task_type": "continuation", "extend_after": 9.0, "duration": 60.0}, "unused_parameter"),
        ({"task_type": "repaint", "src_audio": "a"}, "no_region"),
        ({"timesteps": (1.0, 0.5), "inference_steps": 4}, "steps_replaced"),
    ],
)  # fmt: skip
def test_warned(values: dict[str, Any], code: str) -> None:
    assert [found for found, _ in validate(SongRequest(**values))] == [code]


@pytest.mark.parametrize(
    "values",
    [
        {"caption": "x" * 512}, {"lyrics": "x" * 4096}, {"duration": 10.0}, {"shift": 5.0},
        {"seed": (1, -1), "batch_size": 2}, {"seed": (0, 2**32 - 1), "batch_size": 2},
        {"repainting_start": -8.0, "task_type": "repaint"}, {"timesteps": (1.0, 0.5, 0.0)},
        {"repainting_end": 700.0, "task_type": "lego"},
        {"instrumental": True, "lyrics": "[Instrumental]"}, {"lyrics": "Read it in song.txt"},
    ],
)  # fmt: skip
def test_accepted_without_a_word(values: dict[str, Any]) -> None:
    assert validate(SongRequest(**values)) == []


def test_wavelets_are_those_that_exist() -> None:
    pywt = pytest.importorskip("pywt")
    from acestep_cli.request.validate import _WAVELET

    for name in pywt.wavelist(kind="discrete"):
        assert _WAVELET.fullmatch(name), name
    assert not _WAVELET.fullmatch("morl")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "caption"), ({"caption": "  \n"}, "caption"), ({"task_type": "cover"}, "--src-audio"),
        ({"task_type": "complete", "track_classes": ("bass",)}, "source"),
        ({"task_type": "extract", "src_audio": "a"}, "vocals"),
        ({"task_type": "complete", "src_audio": "a"}, "drums"),
        ({"flow_edit_morph": True, "caption": "a"}, "morph"),
        ({"flow_edit_morph": True, "src_audio": "a"}, "words"),
        ({"task_type": "continuation", "src_audio": "a"}, "--after"),
    ],
)  # fmt: skip
def test_not_enough_to_make_a_song(values: dict[str, Any], word: str) -> None:
    request = SongRequest(**values)
    validate(request)
    with pytest.raises(UsageError) as caught:
        check_makeable(request)
    assert word in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "values",
    [
        {"caption": "a"}, {"lyrics": "la"}, {"description": "a"}, {"sample_mode": True},
        {"audio_codes": ((1,),)}, {"task_type": "cover", "src_audio": "a"},
        {"task_type": "cover", "audio_codes": ((1,),)},
        {"task_type": "lego", "src_audio": "a", "track_name": ("bass",)},
        {"task_type": "extract", "src_audio": "a", "instruction": "Extract the bass:"},
        {"task_type": "continuation", "src_audio": "a", "extend_before": 3.0},
        {"task_type": "continuation", "src_audio": "a", "duration": 60.0},
        {"task_type": "continuation", "src_audio": "a", "repainting_start": -3.0},
        {"flow_edit_morph": True, "src_audio": "a", "caption": "a"},
    ],
)  # fmt: skip
def test_enough_to_make_a_song(values: dict[str, Any]) -> None:
    check_makeable(SongRequest(**values))
