"""Names of files that the song fills in: their parts, what a title may hold, who needs a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acestep_cli.errors import UsageError
from acestep_cli.request.names import (
    PARTS,
    check_template,
    fill,
    is_template,
    literal_folder,
    literal_suffix,
    sets_ending,
    tells_apart,
)

SONG = {"title": "Rainy night", "seed": 7, "index": 3, "bpm": None, "key": "F# minor", "ext": "mp3"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("songs/{title}-{seed}.{ext}", "songs/Rainy night-7.mp3"),
        ("{index:03}.{ext}", "003.mp3"),
        ("{index:3d}", "  3"),
        ("{key} at {bpm}", "F# minor at unknown"),
        ("{bpm:03}", "000"),
        ("{{{seed}}}.wav", "{7}.wav"),
        ("{track}", "unknown"),
    ],
)
def test_parts_are_filled_in(text: str, path: str) -> None:
    check_template(text)
    assert is_template(text)
    assert fill(text, SONG) == Path(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{titel}", "did you mean {title}?"),
        ("{zzz}", "choose from {title}"),
        ("{}", "holds {}"),
        ("{0}", "holds {0}"),
        ("{title", "is no name with parts"),
        ("title}", "is no name with parts"),
        ("{title!r}", "has a conversion"),
        ("{title:>40}", "no number of digits"),
        ("{seed:999999999}", "no number of digits"),
        ("{seed:{bpm}}", "no number of digits"),
        ("{title.__class__}", "title.__class__"),
        ("{title[0]}", "title[0]"),
    ],
)
def test_what_is_no_part_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_template(text)
    assert reason in f"{caught.value.message} {caught.value.hint}"


@given(st.text(max_size=300))
def test_any_title_is_one_part_of_a_path(title: str) -> None:
    path = fill("songs/{title}.mp3", {"title": title})
    assert path.parent == Path("songs")
    assert path.name not in ("", ".", "..", ".mp3")
    assert not set(path.name) & set('/\\:*?"<>|\n\0')
    assert len(path.name.encode("utf-8", "replace")) <= 124


def test_a_title_cannot_leave_its_folder() -> None:
    assert fill("a/{title}", {"title": ".."}) == Path("a/unknown")
    assert fill("a/{title}", {"title": "../../etc/passwd"}) == Path("a/_.._etc_passwd")


@pytest.mark.parametrize(
    ("text", "folder", "suffix", "ends"),
    [
        ("a/b/{title}/c-{seed}.flac", "a/b", ".flac", True),
        ("{title}.{ext}", ".", "", True),
        ("/x/{title}", "/x", "", False),
        ("{title} no. 5", ".", "", False),
        ("plain.wav", ".", ".wav", True),
    ],
)
def test_what_is_known_before_there_is_a_song(
    text: str, folder: str, suffix: str, ends: bool
) -> None:
    assert literal_folder(text) == Path(folder)
    assert literal_suffix(text) == suffix
    assert sets_ending(text) is ends


def test_items_are_told_apart_by_what_must_differ() -> None:
    two: dict[str, tuple[str | None, ...]] = {"tracks": (None, None)}
    assert tells_apart("{index}", seeds=(1, 1), **two)
    assert tells_apart("{seed}", seeds=(1, 2), **two)
    assert not tells_apart("{seed}", seeds=(1, 1), **two)
    assert not tells_apart("{title}", seeds=(1, 2), **two)
    assert tells_apart("{track}", seeds=(1, 1), tracks=("drums", "bass"))
    assert not tells_apart("{track}", seeds=(1, 2), tracks=("bass", "bass"))


def test_every_part_has_words_for_people() -> None:
    assert all(PARTS.values())
