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
