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
        ({"task": "repaint", "region": "70-80"}, ((70, 80),)),
        ({"task": "extend", "duration": 65, "extend_before": 5}, ((-5, 0),)),
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


@pytest.mark.parametrize("values", [{"duration": 60}, {"duration": 30}, {"repaint_end": 59}])
def test_a_continuation_goes_beyond_its_source(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"ends behind the source, which has 60\.00 s"):
        placed(task="continuation", **values)
