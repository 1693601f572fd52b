"""Regions as people write them, and where they lie in a source."""

from __future__ import annotations

from typing import Any

import pytest

from acestep_cli.errors import UsageError
from acestep_cli.request import SongRequest, asked_regions, placed_regions

LENGTH = 60.0


def asked(text: Any) -> Any:
    return asked_regions(SongRequest.from_values({"task": "repaint", "regions": text}))


def placed(length: float = LENGTH, **values: Any) -> Any:
    return placed_regions(SongRequest.from_values(values), length)


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("10-20", ((10, 20),)), ("0:45.5-1:02", ((45.5, 62),)), ("45.5-", ((45.5, None),)),
        ("-10", ((0, 10),)), (" 10 - 20 ", ((10, 20),)), ("10..20", ((10, 20),)),
        ("10–20", ((10, 20),)), ("-5-10", ((-5, 10),)), ("-5..10", ((-5, 10),)),
        ("−5–", ((-5, None),)), ("10s-1m30s", ((10, 90),)), ("", ()), ([], ()),
        ("30-40,10-20", ((10, 20), (30, 40))),
        (["30-40", "10-20;1-2"], ((1, 2), (10, 20), (30, 40))),
        ("10-15,15-20", ((10, 20),)), ("1-2,2-3,3-", ((1, None),)),
        ([[10, 20], [45.5, None]], ((10, 20), (45.5, None))), ([[10, 20]], ((10, 20),)),
    ],
)  # fmt: skip
def test_spellings(text: Any, regions: Any) -> None:
    assert asked(text) == regions


@pytest.mark.parametrize(
    "text",
    [
        "-", "10", "--3", "a-b", "nan-3", "3-inf", "1:99-2:00", "10-20-30", "1,2", "10 20", "..",
        [1, 2], [[1]], [[None, 3]], [["a", 3]], [True], "1e999-3", "٣-٤",
    ],
)  # fmt: skip
def test_what_is_no_region(text: Any) -> None:
    with pytest.raises(UsageError) as caught:
        asked(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "regions"),
    [
        ({"task": "cover", "region": "1-2"}, ()),
        ({"task": "repaint"}, ()),
        ({"task": "repaint", "region": "10-20"}, ((10, 20),)),
        ({"task": "repaint", "repaint_start": 10}, ((10, 60),)),
        ({"task": "repaint", "repaint_end": 10}, ((0, 10),)),
        ({"task": "repaint", "region": "-10,50-"}, ((0, 10), (50, 60))),
        ({"task": "repaint", "region": "50-70"}, ((50, 70),)),
        ({"task": "lego", "region": "-8-10"}, ((-8, 10),)),
        ({"task": "extend", "extend_after": 30}, ((60, 90),)),
        ({"task": "extend", "extend_before": 8}, ((-8, 0),)),
        ({"task": "extend", "extend_before": 8, "extend_after": 30}, ((-8, 0), (60, 90))),
        ({"task": "extend", "duration": 100}, ((60, 100),)),
        ({"task": "extend", "duration": 100, "extend_before": 10}, ((-10, 0), (60, 90))),
        ({"task": "extend", "repaint_start": -5}, ((-5, 0),)),
        ({"task": "extend", "repaint_start": 60, "repaint_end": 75}, ((60, 75),)),
    ],
)
def test_places_in_a_source(values: dict[str, Any], regions: Any) -> None:
    assert placed(**values) == regions


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"task": "repaint", "region": "61-70"}, "61-70 lies outside the source"),
        ({"task": "repaint", "region": "60-"}, "60-60 lies outside the source"),
        ({"task": "repaint", "region": "1-2,61-70"}, "which has 60.00 s"),
        ({"task": "extend", "duration": 60}, "ends behind the source"),
        ({"task": "extend", "duration": 30}, "ends behind the source"),
        ({"task": "extend", "repaint_end": 59}, "ends behind the source"),
        ({"task": "extend", "extend_after": 541}, "601.00 s, more than 600"),
        ({"task": "repaint", "region": "-500-,1-2"}, "overlap"),
        ({"task": "repaint", "region": "-550-10"}, "610.00 s"),
    ],
)
def test_no_places_in_a_source(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        from acestep_cli.request import validate

        validate(SongRequest.from_values(values))
        placed(**values)
    assert words in caught.value.message


def test_a_source_longer_than_a_song_may_be_repainted() -> None:
    assert placed(length=600.04, task="repaint", region="10-20") == ((10, 20),)
