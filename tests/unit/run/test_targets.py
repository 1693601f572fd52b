"""The names of a job's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from acestep_cli.run.targets import Targets


def names(file: str | None, tracks: tuple[str | None, ...], *, seeds: tuple[int, ...]) -> list[str]:
    targets = Targets(Path("out"), None if file is None else Path(file), "wav", seeds, tracks)
    return [str(targets.path(index, "JOB", {"title": "x"})) for index in range(len(tracks))]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (None, ["out/JOB_1_bass.wav", "out/JOB_2_bass.wav"]),
        ("a.wav", ["a_1_bass.wav", "a_2_bass.wav"]),
        ("{title}", ["x_1_bass.wav", "x_2_bass.wav"]),
        ("{track}.{ext}", ["bass_1.wav", "bass_2.wav"]),
        ("{track}-{seed}.wav", ["bass-7.wav", "bass-8.wav"]),
        ("{index:02}", ["01.wav", "02.wav"]),
    ],
)
def test_items_of_one_track_are_numbered(file: str | None, expected: list[str]) -> None:
    assert names(file, ("bass", "bass"), seeds=(7, 8)) == expected


def test_one_item_has_the_plain_name() -> None:
    assert names("a.wav", (None,), seeds=(7,)) == ["a.wav"]
    assert names("a.wav", ("bass",), seeds=(7,)) == ["a.wav"]
    assert names(None, (None,), seeds=(7,)) == ["out/JOB_1.wav"]


def test_tracks_alone_tell_items_apart() -> None:
    assert names("{track}.wav", ("bass", "drums"), seeds=(7, 7)) == ["bass.wav", "drums.wav"]
