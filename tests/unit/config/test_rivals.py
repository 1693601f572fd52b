"""A parameter of a stronger source replaces what says the same under another name further below."""

from __future__ import annotations

from typing import Any

import pytest

from acestep_cli.errors import UsageError
from acestep_cli.request import SongRequest
from tests.unit.config.conftest import Place

REGION = {"task_type": "repaint", "src_audio": "a.wav"}
TWO = {"regions": ["1-2", "3-4"]}


@pytest.mark.parametrize(
    ("below", "flags", "kept", "gone"),
    [
        ('regions = ["1-2"]', REGION | {"repainting_start": 2.0}, "repainting_start", "regions"),
        ("repainting_start = 2.0", REGION | TWO, "regions", "repainting_start"),
        ("repainting_end = 9.0", REGION | TWO, "regions", "repainting_end"),
        ("instrumental = true", {"lyrics": "la la"}, "lyrics", "instrumental"),
        ("loudness = -30", {"enable_normalization": False}, "enable_normalization", "loudness"),
        ("enable_normalization = false", {"loudness": -20}, "loudness", "enable_normalization"),
        ("bit_depth = 32", {"audio_format": "flac"}, "audio_format", "bit_depth"),
        ("timesteps = [1.0, 0.5]", {"inference_steps": 4}, "inference_steps", "timesteps"),
        ("inference_steps = 4", {"timesteps": [1.0, 0.5]}, "timesteps", "inference_steps"),
    ],
)
def test_what_is_said_in_another_way_wins_too(
    below: str, flags: dict[str, Any], kept: str, gone: str, place: Place
) -> None:
    place.user(f"[generation]\n{below}\n")
    resolved = place.resolve({"caption": "x", **flags})
    assert resolved.origins[kept] == "flag" and resolved.warnings == ()
    assert getattr(resolved.request, gone) == getattr(SongRequest(), gone)
    assert resolved.origins[gone] == "default" and gone not in resolved.where


@pytest.mark.parametrize(
    ("below", "flags"),
    [
        ('lyrics = "la la"', {"instrumental": False}),
        ('lyrics = "la la"', {"bpm": 90}),
        ("loudness = -30.0", {"enable_normalization": True}),
        ("bit_depth = 24", {"audio_format": "flac"}),
    ],
)
def test_what_agrees_stays(below: str, flags: dict[str, Any], place: Place) -> None:
    place.user(f"[generation]\n{below}\n")
    name, _, value = below.partition(" = ")
    assert str(getattr(place.resolve({"caption": "x", **flags}).request, name)) == value.strip('"')


def test_no_voice_is_wanted_whatever_words_a_file_has(place: Place) -> None:
    place.user('[generation]\nlyrics = "la la"\n')
    resolved = place.resolve({"caption": "x", "instrumental": True})
    assert resolved.request.lyrics == "[Instrumental]"
    assert resolved.origins["lyrics"] == resolved.origins["instrumental"] == "flag"


def test_one_source_that_contradicts_itself_is_told(place: Place) -> None:
    with pytest.raises(UsageError, match="instrumental means no voice"):
        place.resolve({"caption": "x", "lyrics": "la", "instrumental": True})
