"""The package's own ideas are many, different from each other, valid, and fit to be sung."""

from __future__ import annotations

import fnmatch
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest

from acestep_cli.examples import UNKNOWN, Example, descriptions, examples
from acestep_cli.lyrics import INSTRUMENTAL, check_lyrics, density, parse_sections
from acestep_cli.lyrics.length import pace
from acestep_cli.lyrics.scripts import main_script, scripts_of
from acestep_cli.request import SongRequest, validate
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import KEYSCALES, TIME_SIGNATURES

ROOT = Path(__file__).parents[3]
SONGS = examples()
SUNG = [song for song in SONGS if not song.instrumental]
COMMON = frozenset("a an the of about with and for song in that who is to one".split())  # noqa: SIM905


def opening(song: Example) -> str:
    return f"{song.language} {song.caption[:24]}"


def alike(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of texts that share half of their words."""
    bags = [(text, set(re.findall(r"\w+", text.lower())) - COMMON) for text in texts]
    return [
        (one, other)
        for (one, some), (other, more) in combinations(bags, 2)
        if len(some & more) * 2 >= len(some | more)
    ]


def test_there_are_many() -> None:
    assert len(descriptions()) >= 220
    assert sum(entry.instrumental for entry in descriptions()) >= 30
    assert len(SONGS) >= 28
    assert 3 <= len(SONGS) - len(SUNG) <= len(SONGS) / 4


def test_every_language_has_an_idea_and_most_have_a_song() -> None:
    assert {entry.language for entry in descriptions()} == set(LANGUAGES)
    assert {song.language for song in SONGS} <= set(LANGUAGES)
    assert len({song.language for song in SUNG}) >= 30


def test_meters_modes_and_tempos_vary() -> None:
    assert {song.timesignature for song in SONGS} == set(TIME_SIGNATURES)
    assert len({song.keyscale for song in SONGS}) >= 12
    assert min(song.bpm for song in SONGS) <= 66
    assert max(song.bpm for song in SONGS) >= 130


def test_descriptions_are_single_sentences() -> None:
    for entry in descriptions():
        assert 10 <= len(entry.description) <= 173
        assert entry.description == " ".join(entry.description.split())
        assert entry.instrumental is (entry.language == UNKNOWN)


def test_descriptions_are_in_english_or_in_the_language_of_the_song() -> None:
    own = {
        entry.language
        for entry in descriptions()
        if main_script(entry.description) != "latin"
    }  # fmt: skip
    assert len(own) >= 10
    for entry in descriptions():
        script = main_script(entry.description)
        assert script == "latin" or script in scripts_of(entry.language)


def test_no_two_are_alike() -> None:
    assert alike(entry.description for entry in descriptions()) == []
    assert alike(song.caption for song in SONGS) == []


def test_no_line_is_sung_in_two_songs() -> None:
    homes: dict[str, set[int]] = {}
    for number, song in enumerate(SUNG):
        for line in song.lyrics.lower().splitlines():
            if line and not line.startswith("["):
                homes.setdefault(line, set()).add(number)
    assert [line for line, songs in homes.items() if len(songs) > 1] == []


@pytest.mark.parametrize("song", SONGS, ids=opening)
def test_a_song_is_a_valid_request(song: Example) -> None:
    request = SongRequest(
        caption=song.caption,
        lyrics=song.lyrics,
        bpm=song.bpm,
        duration=song.duration,
        keyscale=song.keyscale,
        timesignature=song.timesignature,
        vocal_language=song.language,
    )
    assert validate(request) == []
    assert song.keyscale in KEYSCALES
    assert song.timesignature in TIME_SIGNATURES
    assert 60 <= song.duration <= 240
    assert type(song.bpm) is type(song.duration) is int


@pytest.mark.parametrize("song", SONGS, ids=opening)
def test_a_caption_is_concrete(song: Example) -> None:
    assert 60 <= len(song.caption) <= 300
    assert len(re.findall("[,;，；]", song.caption)) >= 4
    voice = re.search("vocal|voice|rap|male|soprano|choir|女声", song.caption)
    assert voice or song.instrumental


@pytest.mark.parametrize("song", SUNG, ids=opening)
def test_lyrics_can_be_sung(song: Example) -> None:
    assert check_lyrics(song.lyrics, song.duration, song.language) == []
    assert main_script(song.lyrics) in scripts_of(song.language) or song.language in ("ja", "zh")
    names = [section.name for section in parse_sections(song.lyrics)]
    assert names.count("verse") >= 2
    assert names.count("chorus") >= 2
    sung = density(song.lyrics, song.duration)
    fewest, most = pace(sung.unit, song.language)
    assert 2 * fewest <= sung.per_second <= 0.7 * most


@pytest.mark.parametrize("song", SONGS, ids=opening)
def test_texts_are_clean(song: Example) -> None:
    for text in (song.caption, song.lyrics):
        assert unicodedata.is_normalized("NFC", text)
        assert text == "\n".join(line.strip() for line in text.splitlines())
        assert "  " not in text
        assert "\n\n\n" not in text
    assert song.instrumental is (song.lyrics == INSTRUMENTAL)


def test_the_wheel_holds_all_data() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = settings["tool"]["setuptools"]["package-data"]["acestep_cli.examples"]
    data = [path.name for path in (ROOT / "acestep_cli" / "examples").glob("*.*")]
    data = [name for name in data if not name.endswith(".py")]
    assert len(data) == 2
    assert all(any(fnmatch.fnmatch(name, glob) for glob in globs) for name in data)
