"""What is typed and changes nothing is told; what a file says for all songs is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli.config import resolve
from acestep_cli.run.vain import vain_warnings


def told(folder: Path, values: dict[str, Any], audio_format: str = "mp3") -> list[str]:
    resolved = resolve({"caption": "x", **values}, environ={}, cwd=folder, use_files=False)
    found = vain_warnings(resolved, resolved.request, audio_format)
    assert all(code == "unused_parameter" for code, _ in found)
    return [message for _, message in found]


@pytest.mark.parametrize(
    ("values", "audio_format", "message"),
    [
        ({"bit_depth": 16}, "ogg", "bit_depth has no effect, as ogg has no bit depth"),
        ({"mp3_bitrate": 320}, "flac", "mp3_bitrate has no effect, as flac is written"),
        ({"dcw_mode": "low"}, "mp3", "dcw_mode has no effect, as dcw_enabled is off"),
        ({"flow_edit_n_avg": 3}, "mp3", "flow_edit_n_avg has no effect, as nothing is morphed"),
        ({"retake_seed": 3}, "mp3", "retake_seed has no effect, as retake_variance is 0"),
        (
            {"repaint_mode": "conservative", "repaint_strength": 0.9},
            "mp3",
            "repaint_strength has no effect, as the repaint mode decides it",
        ),
        (
            {"enable_normalization": False, "loudness": -20},
            "mp3",
            "enable_normalization has no effect, as loudness says how loud the song is",
        ),
    ],
)
def test_typed_in_vain(
    values: dict[str, Any], audio_format: str, message: str, tmp_path: Path
) -> None:
    assert told(tmp_path, values, audio_format) == [message]


@pytest.mark.parametrize(
    ("values", "audio_format"),
    [
        ({"bit_depth": 16}, "wav"),
        ({"mp3_bitrate": 320}, "mp3"),
        ({"dcw_mode": "low", "dcw_enabled": True}, "mp3"),
        ({"retake_seed": 3, "retake_variance": 0.5}, "mp3"),
        ({"repaint_strength": 0.9}, "mp3"),
        ({"enable_normalization": False}, "mp3"),
        ({"loudness": -20}, "mp3"),
    ],
)
def test_what_has_an_effect(values: dict[str, Any], audio_format: str, tmp_path: Path) -> None:
    assert told(tmp_path, values, audio_format) == []


def test_a_variable_may_be_meant_for_other_songs(tmp_path: Path) -> None:
    environ = {"ACESTEP_BIT_DEPTH": "16", "ACESTEP_RETAKE_SEED": "3"}
    resolved = resolve({"caption": "x"}, environ=environ, cwd=tmp_path, use_files=False)
    assert vain_warnings(resolved, resolved.request, "mp3") == []
