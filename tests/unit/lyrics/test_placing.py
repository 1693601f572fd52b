"""Where sections are estimated to begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acestep_cli.lyrics.placing import estimated_sections

WORDS = "one two three four five six seven eight nine ten eleven"


def test_the_song_is_shared_out_by_the_words_sung() -> None:
    lyrics = f"[Verse 1]\n{WORDS} {WORDS}\n[Chorus - loud]\n{WORDS}\n[Verse 2: slow]\n{WORDS}"
    found = estimated_sections(lyrics, 100.0)
    assert [name for name, _ in found] == ["Verse 1", "Chorus", "Verse 2"]
    assert [start for _, start in found] == pytest.approx([0.0, 50.0, 75.0])


def test_sections_without_words_and_words_without_a_tag_take_time_too() -> None:
    lyrics = f"{WORDS}\n[Guitar Solo]\n[Chorus]\n{WORDS}"
    (solo, begin), (chorus, later) = estimated_sections(lyrics, 18.0)
    assert (solo, chorus) == ("Guitar Solo", "Chorus")
    # 11 words are 5 s at 2.2 a second, a section without words is 8 s.
    assert (begin, later) == pytest.approx((5.0, 13.0))


def test_syllables_count_where_words_are_not_written_apart() -> None:
    lyrics = "[Verse]\n夜の雨が静かに降る街の灯り\n[Chorus]\n夜の雨が静かに降る街の灯り"
    assert estimated_sections(lyrics, 60.0)[1][1] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("lyrics", "seconds", "expected"),
    [
        ("", 60.0, []),
        ("just words without tags", 60.0, []),
        ("[Verse]\nla", 0.0, []),
        ("[Instrumental]", 60.0, [("Instrumental", 0.0)]),
        ("[ - ]\nla", 60.0, [("-", 0.0)]),
    ],
)
def test_edges(lyrics: str, seconds: float, expected: list[tuple[str, float]]) -> None:
    assert estimated_sections(lyrics, seconds) == expected


@given(st.text("ab []\n-:7", max_size=200), st.floats(0.1, 600))
def test_sections_are_in_order_within_the_song(lyrics: str, seconds: float) -> None:
    starts = [start for _, start in estimated_sections(lyrics, seconds)]
    assert starts == sorted(starts)
    assert all(0 <= start <= seconds for start in starts)
