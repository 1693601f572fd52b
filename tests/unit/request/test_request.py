"""SongRequest as a whole: what follows from what, conflicts, and the way back to plain values."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from acestep_cli.errors import InputError, UsageError
from acestep_cli.request import BY_NAME, FIELDS, SongRequest, as_text


def test_a_request_cannot_be_changed_but_copied() -> None:
    request = SongRequest(caption="rain")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.caption = "sun"  # type: ignore[misc]
    assert not hasattr(request, "__dict__")
    assert request.replace(bpm=90) == SongRequest(caption="rain", bpm=90)
    assert hash(request) == hash(SongRequest(caption="rain"))


@pytest.mark.parametrize(
    ("raw", "follows"),
    [
        ({"lyrics": "[inst]"}, {"lyrics": "[Instrumental]", "instrumental": True}),
        ({"lyrics": "[Instrumental]", "instrumental": False}, {"instrumental": True}),
        ({"instrumental": True}, {"lyrics": "[Instrumental]"}),
        ({"src_audio": "a.wav"}, {"task_type": "cover"}),
        ({"src_audio": "a.wav", "task_type": "repaint"}, {"task_type": "repaint"}),
        ({"src_audio": "a.wav", "flow_edit_morph": True}, {"task_type": "text2music"}),
        ({"src_audio": "a.wav", "region": "1-2"}, {"task_type": "repaint"}),
        ({"src_audio": "a.wav", "repaint_end": 3}, {"task_type": "repaint"}),
        ({"src_audio": "a.wav", "repaint_start": 0, "repaint_end": -1}, {"task_type": "cover"}),
        (
            {"task": "repaint", "region": "10-20"},
            {"regions": (), "repainting_start": 10.0, "repainting_end": 20.0},
        ),
        ({"task": "repaint", "region": "10-15,15-"}, {"regions": (), "repainting_start": 10.0}),
        (
            {"task": "complete", "track": "bass"},
            {"track_classes": ("bass",), "track_name": ()},
        ),
        ({"task": "lego", "tracks": "bass"}, {"track_name": ("bass",), "track_classes": ()}),
        (
            {"task": "extract", "track": "bass", "instruments": "fx"},
            {"track_name": ("bass",), "track_classes": ("fx",)},
        ),
        ({"seeds": "7,8,9"}, {"seed": (7, 8, 9), "batch_size": 3}),
        ({"seeds": "7,8", "batch": 1}, {"batch_size": 1}),
        ({"seed": 7}, {"batch_size": 1}),
        ({"codes": "1 2\n3\n4", "seed": "7,8"}, {"batch_size": 3}),
        ({"codes": "1 2", "seed": 7}, {"batch_size": 1}),
        ({"format": "true"}, {"use_format": True, "audio_format": "mp3"}),
        ({"format": "flac"}, {"use_format": None, "audio_format": "flac"}),
        ({"audio_format": "wav32"}, {"audio_format": "wav", "bit_depth": 32}),
        ({"audio_format": "WAV32", "bit_depth": 32}, {"audio_format": "wav", "bit_depth": 32}),
        ({"prompt": "a", "caption": "a"}, {"caption": "a"}),
        ({"caption": None, "bpm": None}, {"caption": "", "bpm": None}),
    ],
)
def test_what_follows(raw: dict[str, Any], follows: dict[str, Any]) -> None:
    request = SongRequest.from_values(raw)
    assert {name: getattr(request, name) for name in follows} == follows


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"bmp": 3}, ("'bmp'", "did you mean bpm?")),
        ({"qqqqq": 3}, ("'qqqqq'", "--help")),
        ({"prompt": "a", "caption": "b"}, ("caption", "twice", "'a'", "'b'")),
        ({"audio_format": "wav32", "bit_depth": 16}, ("bit_depth", "twice")),
        ({"bpm": "x", "shift": "y", "nope": 1}, ("'x'", "'y'", "'nope'")),
        ({"a" * 500: 1}, ("…",)),
    ],
)
def test_conflicts_and_unknown_names(raw: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        SongRequest.from_values(raw)
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"
    assert len(caught.value.message) < 400


def test_bad_codes_beside_a_bad_parameter_are_a_usage_error() -> None:
    with pytest.raises(UsageError):
        SongRequest.from_values({"audio_codes": "x", "bpm": "x"})
    with pytest.raises(InputError):
        SongRequest.from_values({"audio_codes": "x", "bpm": 90})


# For each parameter a value that is not its default, in a form that people write.
SAMPLES: dict[str, Any] = {
    "text": 'words ♪ "quoted"\nand a second line',
    "path": "song.wav",
    "float": 0.5,
    "int": 3,
    "seconds": 42.5,
    "bpm": 133,
    "keyscale": "C# minor",
    "timesignature": "6/8",
    "language": "ja",
    "seeds": [5, -1, 6],
    "timesteps": [1.0, 0.25],
    "codes": [[1, 2], [63999]],
    "bitrate": "320k",
    "tracks": ["drums", "vocals"],
    "regions": ["10-20", "0:45.5-1:02"],
}


def sample(name: str) -> Any:
    """A valid value of the parameter that differs from its default."""
    field = BY_NAME[name]
    if field.kind == "bool":
        return not field.default
    if field.choices and field.kind != "tracks" and field.kind != "bitrate":
        return next(choice for choice in field.choices if choice != field.default)
    special = {"dcw_wavelet": "db4", "batch_size": 4, "normalization_db": -3.0, "loudness": -14.0}
    if field.kind == "float" and (field.minimum or 0) >= 1:
        return 3.5
    if field.default == SAMPLES[field.kind]:
        return 0.75
    return special.get(name, SAMPLES[field.kind])


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_each_parameter_there_and_back(name: str) -> None:
    request = SongRequest.from_values({name: sample(name)})
    assert getattr(request, name) != BY_NAME[name].default
    plain = json.loads(json.dumps(request.to_dict()))
    assert list(plain) == [field.name for field in dataclasses.fields(SongRequest)]
    assert SongRequest.from_values(plain) == request
    text = as_text(name, getattr(request, name))
    assert getattr(SongRequest.from_values({name: text}), name) == getattr(request, name)
