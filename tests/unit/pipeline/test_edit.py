"""What lies where in an edit, worked out before any network is there."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from acestep_cli.errors import UsageError
from acestep_cli.pipeline.edit import Edit, Extent, Morph

END = math.inf


@pytest.mark.parametrize(
    ("regions", "before", "after", "placed"),
    [
        ([], 0, 0, [(0, 10)]),
        ([(2, 4)], 0, 0, [(2, 4)]),
        ([(8, 9), (2, 4)], 0, 0, [(2, 4), (8, 9)]),
        ([(2, 4), (4, 5)], 0, 0, [(2, 5)]),
        ([(7, END)], 0, 0, [(7, 10)]),
        ([(-END, 3)], 0, 0, [(0, 3)]),
        ([(10, 12.5)], 0, 2.5, [(10, 12.5)]),
        ([(-8, 0)], 8, 0, [(0, 8)]),
        ([(-1.5, 1), (9, 11)], 1.5, 1, [(0, 2.5), (10.5, 12.5)]),
        ([(-1, 0), (0, 10), (10, 11)], 1, 1, [(0, 12)]),
    ],
)
def test_where_things_lie(
    regions: list[tuple[float, float]], before: float, after: float, placed: list[Any]
) -> None:
    extent = Extent.of(10.0, regions)
    assert (extent.before, extent.source, extent.after) == (before, 10, after)
    assert extent.regions == tuple(placed)
    assert extent.samples == round(extent.total * 48_000)
    assert extent.whole == (placed == [(0, extent.total)])


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([(math.nan, 2)], "no span of time"),
        ([(1, math.nan)], "no span of time"),
        ([(END, END)], "no span of time"),
        ([(5, 3)], "does not end behind its start"),
        ([(5, 5)], "does not end behind its start"),
        ([(11, 12)], "begins at 11 s, which lies outside the source of 10 s"),
        ([(-3, -1)], "ends at -1 s, which lies outside the source"),
        ([(1, 1.03)], "shorter than 0.04 s"),
        ([(10, END)], "does not end behind its start"),
        ([(1, 3), (2.5, 4)], "1-3 and 2.5-4 overlap"),
        ([(0, 601)], "601 s long; at most 600 s"),
        ([(-300, 0), (10, 400)], "700 s long"),
    ],
)
def test_what_cannot_be_painted(regions: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        Extent.of(10.0, regions)
    assert refused.value.hint


def test_a_region_has_every_frame_that_it_reaches_into() -> None:
    extent = Extent.of(10.0, [(1.01, 1.99), (9.95, END)])
    assert extent.spans(250) == ((25, 50), (248, 250))
    assert extent.spans(480_000, 1) == ((48_480, 95_520), (477_600, 480_000))
    assert extent.spans(250, upstream=True) == ((25, 49), (248, 250))
    # At least one frame, and never one behind the last.
    assert Extent.of(10.0, [(1.0, 1.02)], upstream=True).spans(250, upstream=True) == ((25, 26),)
    assert Extent.of(10.0, [(5, 10)]).spans(100) == ((99, 100),)


def test_silence_is_whole_samples() -> None:
    extent = Extent.of(5.4, [(-0.700_001, 1)])
    assert extent.before == 33_600 / 48_000
    # 6.3 - 5.4 is a little less than 0.9 in binary: upstream counts one sample less.
    assert round(Extent.of(5.4, [(4, 6.3)]).after * 48_000) == 43_200
    assert round(Extent.of(5.4, [(4, 6.3)], upstream=True).after * 48_000) == 43_199


@pytest.mark.parametrize(
    ("source", "region", "span"),
    [
        # Cut to whole samples, 4.6 s of silence are one sample less; the region is moved by 4.6 s.
        (5.4, (-4.6, 0.2), (0, 120)),
        # And its end is not held within the result, that is a sample shorter than it says.
        (5.0, (-4.7, 5.7), (0, 260)),
    ],
)
def test_upstream_moves_a_region_by_the_silence_before_it_is_cut(
    source: float, region: tuple[float, float], span: tuple[int, int]
) -> None:
    extent = Extent.of(source, [region], upstream=True)
    assert extent.spans(260, upstream=True) == (span,)


@pytest.mark.parametrize(
    ("mode", "strength", "ratio", "frames", "seconds"),
    [
        ("conservative", 0.9, 1.0, 25, 0.05),
        ("balanced", 0.5, 0.5, 12, 0.025),
        ("balanced", 0.8, 0.2, 5, 0.01),
        ("balanced", 0.0, 1.0, 25, 0.05),
        ("balanced", 1.0, 0.0, 0, 0.01),
        ("aggressive", 0.0, 0.0, 0, 0.01),
    ],
)
def test_how_firmly_a_repaint_holds_on(
    mode: Any, strength: float, ratio: float, frames: int, seconds: float
) -> None:
    edit = Edit("repaint", mode=mode, strength=strength)
    assert edit.injection_ratio == pytest.approx(ratio)
    assert edit.crossfade_frames == frames
    assert edit.crossfade_seconds == pytest.approx(seconds)


def test_tasks_without_regions_take_all() -> None:
    samples = np.zeros((2, 96_000), np.float32)
    regions = ((0.5, 1.0),)
    assert Edit("repaint", samples, regions=regions).extent().regions == regions
    assert Edit("cover", samples, regions=regions).extent().whole
    assert Edit("repaint").keeps and not Edit("lego").keeps
    assert Edit("repaint").extent(40).total == pytest.approx(8.0)
    with pytest.raises(UsageError, match="the task cover needs a source"):
        Edit("cover").extent()


def test_what_a_morph_lies_on() -> None:
    assert Edit("morph", morph=Morph()).base_task == "text2music"
    assert not Edit("morph", morph=Morph()).needs_codes
    assert Edit("morph", morph=Morph(ground="cover")).needs_codes
    assert not Edit("cover-nofsq").needs_codes and Edit("cover").needs_codes


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, acestep_cli.pipeline.edit; "
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
