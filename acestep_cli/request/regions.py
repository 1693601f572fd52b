"""Regions of a source, in seconds: how people write them, and where they lie in a source.

A region is a pair (start, end); end None is the source's end. It may begin before the source or end
behind it, which makes the song longer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from acestep_cli.errors import UsageError
from acestep_cli.request.problems import BadValue, Problem, shown
from acestep_cli.request.request import SongRequest

Region = tuple[float, float | None]
Seconds = Callable[[str], float]

MOST_REGIONS = 100
EARLIEST, LATEST = -600.0, 1200.0
REGION_TASKS = ("repaint", "lego", "continuation")

_REMEDY = "write START-END in seconds or m:ss, such as 10-20, 0:45.5-1:02, 45.5- or -10"
# A start may be negative; without one a leading dash belongs to the open start.
_SPAN = re.compile(r"(-?[^-]+?)?\s*(?:-|\.\.)\s*([^-]+)?")
_DASHES = str.maketrans("–—−", "---")


def parse_region(text: str, seconds: Seconds) -> Region:
    """`10-20`, `0:45.5-1:02`, `45.5-` (to the end), `-10` (from the beginning) or `-5-10` (from 5 s
    before the source) as a pair; `seconds` reads one time. BadValue for anything else."""
    body = text.strip().translate(_DASHES)
    span = _SPAN.fullmatch(body)
    if span is None or not any(span.groups()):
        raise BadValue(f"{shown(text)} is not a region", _REMEDY)
    try:
        start = seconds(span[1]) if span[1] else 0.0
        end = seconds(span[2]) if span[2] else None
    except BadValue:
        raise BadValue(f"{shown(text)} is not a region", _REMEDY) from None
    return start, end


def ordered(regions: Sequence[Region]) -> tuple[Region, ...]:
    """`regions` by their start; those that touch become one."""
    merged: list[Region] = []
    for region in sorted(regions, key=lambda region: (region[0], _end(region))):
        if merged and merged[-1][1] == region[0]:
            merged[-1] = merged[-1][0], region[1]
        else:
            merged.append(region)
    return tuple(merged)


def check_regions(name: str, regions: Sequence[Region]) -> Iterator[Problem]:
    """What is wrong with `regions` in the order of their starts: values, order, overlap, number."""
    for region in regions:
        start, end = region
        if not EARLIEST <= start <= LATEST or (end is not None and not EARLIEST <= end <= LATEST):
            yield Problem(
                name,
                f"the region {format_region(region)} is not within {EARLIEST:g} to {LATEST:g} s",
                "give times within the source",
            )
        elif end is not None and end <= start:
            yield Problem(
                name,
                f"the region {format_region(region)} ends at {end:g} s and starts at {start:g} s",
                "give the earlier time first",
            )
    for one, other in pairwise(regions):
        if other[0] < _end(one):
            yield Problem(
                name,
                f"the regions {format_region(one)} and {format_region(other)} overlap",
                "join them into one, or move their ends apart",
            )
    if len(regions) > MOST_REGIONS:
        yield Problem(
            name,
            f"there are {len(regions)} regions, more than {MOST_REGIONS}",
            f"give at most {MOST_REGIONS} regions",
        )


def format_region(region: Region) -> str:
    """The text that `parse_region` reads back: `10-20`, `45.5-`."""
    start, end = region
    return f"{_plain(start)}-{'' if end is None else _plain(end)}"


def asked_regions(request: SongRequest) -> tuple[Region, ...]:
    """What `request` names, as several regions or as one; empty: nothing, which means all."""
    if request.regions:
        return request.regions
    one = request.repainting_start, request.repainting_end
    return () if one == (0.0, None) else (one,)


def placed_regions(request: SongRequest, length: float) -> tuple[tuple[float, float], ...]:
    """The regions of `request` in a source of `length` seconds, in order, open ends filled in; for
    a continuation what is added before the source and behind it; empty: all of it.

    Whether they touch the source is left to who places them. UsageError for a continuation that
    ends within it.
    """
    if request.task_type not in REGION_TASKS:
        return ()
    if request.task_type == "continuation":
        return _added(request, length)
    return tuple((start, _end((start, end), length)) for start, end in asked_regions(request))


def _added(request: SongRequest, length: float) -> tuple[tuple[float, float], ...]:
    """What a continuation adds: by its own seconds, by region, or up to the length of the result
    (pipeline facts 8.1)."""
    before, end = max(request.extend_before, -request.repainting_start), request.repainting_end
    after = request.extend_after
    if not after and end is not None:
        after = end - length
    elif not after and request.duration is not None:
        after = request.duration - length - max(before, 0.0)
    if after < 0 or (after == 0 and before <= 0):
        raise UsageError(
            f"a continuation ends behind the source, which has {length:.2f} s",
            "say with --after how many seconds are added",
        )
    added = [(-before, 0.0)] if before > 0 else []
    return (*added, *([(length, length + after)] if after else []))


def _end(region: Region, otherwise: float = math.inf) -> float:
    return otherwise if region[1] is None else region[1]


def _plain(number: float) -> str:
    return f"{number:.12g}"
