"""How durations, counts and complaints read."""

from __future__ import annotations

import pytest

from acestep_cli.errors import InputError
from acestep_cli.term import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1:00"),
     (185, "3:05"), (3723, "1:02:03")],
)  # fmt: skip
def test_clock(seconds: float, text: str) -> None:
    assert words.clock(seconds) == text


def test_count() -> None:
    assert words.count(3, 8, "steps") == "3/8 steps"
    assert words.count(3, None, "tokens") == "3 tokens"
    assert words.count(3, 8, "") == "3/8"
    assert words.count(0, None, "") == ""


def test_items_are_counted_from_one() -> None:
    assert words.stage_name("compose", None, numbered=True) == "compose"
    assert words.stage_name("compose", 0, numbered=True) == "compose 1"
    assert words.stage_name("compose", 0, numbered=False) == "compose"


def test_complaints() -> None:
    error = InputError("a.wav holds no sound", "check the file")
    plain = words.complaint(error, colour=False)
    assert plain == "error: a.wav holds no sound\nhint: check the file\n"
    assert words.complaint(InputError("no"), colour=False) == "error: no\n"


def test_rates_are_told_of_tokens() -> None:
    assert words.rate(30, 2.0, "tokens") == "15.0 tokens/s"
    assert words.rate(0, 2.0, "tokens") == words.rate(3, 2.0, "steps") == ""


def test_a_song_in_lines() -> None:
    metas = {
        "caption": "slow folk", "bpm": 90, "keyscale": "A minor", "timesignature": "6",
        "duration": 95.0, "language": "de", "genres": None, "lyrics": "[verse]\nla la",
    }  # fmt: skip
    assert list(words.song_lines(metas, 475)) == [
        "slow folk",
        "90 bpm · A minor · 6/8 · de · 1:35 · 475 codes",
        "[verse]",
        "la la",
    ]
    assert list(words.song_lines({"timesignature": "3"}, 0)) == ["3/4"]
    assert list(words.song_lines({}, 0)) == []


def test_a_song_cannot_command_the_terminal() -> None:
    metas = {"caption": "a\x1b[31mb\tc", "lyrics": "la\x07\r\nl\x9b2Ja", "genres": "x\x1b]0;y"}
    metas["language"] = "unknown"
    assert list(words.song_lines(metas, 0)) == [
        "a\ufffd[31mb\tc",
        "x\ufffd]0;y",
        "la\ufffd",
        "l\ufffd2Ja",
    ]
