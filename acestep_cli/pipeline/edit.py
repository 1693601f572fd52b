"""An edit: which source, which parts of it, how freely; and what lies where in the result.

Facts: pipeline 7.10, 8.2 and 8.6. Imports nothing heavy: times are known before torch is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Self

from acestep_cli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from acestep_cli.audio.level import Samples

SAMPLE_RATE = 48_000
HOP = 1920
FRAME_SECONDS = HOP / SAMPLE_RATE
LONGEST_SECONDS = 600.0
# A cut between two sounds that are not faded into each other can be heard.
SHORTEST_FADE = 0.01

Task = Literal["cover", "cover-nofsq", "repaint", "extract", "lego", "complete", "morph"]
Ground = Literal["text2music", "cover", "cover-nofsq"]
Region = tuple[float, float]
REGION_TASKS = ("repaint", "lego")


@dataclass(frozen=True, slots=True)
class Extent:
    """What lies where in a result, in seconds, all of them whole samples at 48 kHz.

    The source is `source` seconds long and has `before` seconds of silence in front of it and
    `after` behind it. regions: what is made anew, in seconds of the result, one behind the other
    with something kept between them, each within 0..total; one from 0 to `total` where nothing is
    kept.
    """

    source: float
    before: float
    after: float
    regions: tuple[Region, ...]

    @classmethod
    def of(cls, source: float, regions: Sequence[Region] = (), *, upstream: bool = False) -> Self:
        """The extent of painting `regions` of a source that is `source` seconds long.

        Regions are in seconds of the source; they may begin before it (down to minus the longest
        song) or end behind it, and then the result is longer. minus infinity and infinity are its
        start and end; no region means all of it. upstream: silence is cut to whole samples and not
        rounded, regions are moved by what it was before that and not held within the result, and
        nothing is refused.

        UsageError for a region that is no span of time, that is shorter than a frame (0.04 s), that
        does not touch the source or that overlaps another, and for a result above 600 s.
        """
        asked = sorted(_closed(region, source) for region in regions)
        if not upstream:
            _refuse(asked, source)
        count = math.trunc if upstream else round
        early = max([0.0, *(-start for start, _ in asked)])
        before = count(early * SAMPLE_RATE) / SAMPLE_RATE
        after = count(max([0.0, *(end - source for _, end in asked)]) * SAMPLE_RATE) / SAMPLE_RATE
        total = before + source + after
        if total > LONGEST_SECONDS + FRAME_SECONDS and not upstream:
            raise UsageError(
                f"the result would be {total:g} s long; at most {LONGEST_SECONDS:g} s are made",
                "use a shorter source or add less",
            )
        found = asked or [(0.0, source)]
        shift, last = (early, math.inf) if upstream else (before, total)
        shifted = ((max(0.0, start + shift), min(last, end + shift)) for start, end in found)
        return cls(source, before, after, _joined(shifted))

    @property
    def total(self) -> float:
        """Seconds of the result."""
        return self.before + self.source + self.after

    @property
    def samples(self) -> int:
        """Samples of the result at 48 kHz."""
        return round(self.total * SAMPLE_RATE)

    @property
    def whole(self) -> bool:
        """Whether nothing of the source is kept."""
        return self.spans(self.samples, 1) == ((0, self.samples),)

    def spans(
        self, length: int, hop: int = HOP, *, upstream: bool = False
    ) -> tuple[tuple[int, int], ...]:
        """The regions in steps of `hop` samples at 48 kHz (frames): first and end of each.

        Every step that a region reaches into belongs to it (upstream: its last step only when
        whole); at least one step each, all below `length`.
        """
        return tuple(_span(region, length, hop, upstream=upstream) for region in self.regions)


@dataclass(frozen=True, slots=True)
class Morph:
    """What a source says of itself and how far it is carried from there (facts 7.10).

    n_min, n_max: shares of the steps, 0 <= n_min <= n_max <= 1; n_avg: draws averaged in a step, 1
    or more. ground: what lies under both trajectories: silence, or the source as a cover sees it.
    """

    caption: str = ""
    lyrics: str = ""
    n_min: float = 0.0
    n_max: float = 1.0
    n_avg: int = 1
    ground: Ground = "text2music"


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """What is done with a source; the same for all items of a job.

    samples: float32 [2, S] at 48 kHz; None where the audio codes of an item's plan stand for the
    source. latents: [T, 64], what `samples` were decoded from, used instead of encoding them again.
    regions: see `Extent.of`; only repaint and lego have any. mask_mode: `auto` leaves it to the
    model where to make sound. mode, strength (0 keeps, 1 is free): how firmly a repaint holds on to
    what it keeps. tracks: what a complete adds, and what extract or lego mean unless an item has a
    track of its own. morph: for the task of that name.
    """

    task: Task
    samples: Samples | None = None
    latents: Tensor | None = None
    regions: tuple[Region, ...] = ()
    mask_mode: Literal["explicit", "auto"] = "explicit"
    mode: Literal["conservative", "balanced", "aggressive"] = "balanced"
    strength: float = 0.5
    tracks: tuple[str, ...] = ()
    morph: Morph | None = None

    def extent(self, codes: int = 0, *, upstream: bool = False) -> Extent:
        """What lies where; `codes` is the number of audio codes that stand for the source (0: its
        samples do). UsageError where there is neither, and as `Extent.of`."""
        if not codes and self.samples is None:
            raise UsageError(f"the task {self.task} needs a source", "name an audio file")
        seconds = codes * 5 * FRAME_SECONDS
        if not codes and self.samples is not None:
            seconds = self.samples.shape[1] / SAMPLE_RATE
        regions = self.regions if self.task in REGION_TASKS else ()
        return Extent.of(seconds, regions, upstream=upstream)

    @property
    def base_task(self) -> str:
        """The task whose instruction the DiT is given."""
        return self.task if self.morph is None else self.morph.ground

    @property
    def needs_codes(self) -> bool:
        """Whether the source is followed as its audio codes tell it."""
        return self.base_task == "cover"

    @property
    def keeps(self) -> bool:
        """Whether what lies outside the regions has to stay as it was."""
        return self.task == "repaint"

    @property
    def injection_ratio(self) -> float:
        """Share of the steps after which kept frames are put back."""
        return self._hold

    @property
    def crossfade_frames(self) -> int:
        """Latent frames of the ramp outside each edge of a region."""
        return round(25 * self._hold)

    @property
    def crossfade_seconds(self) -> float:
        """Seconds of the crossfade of waveforms at each edge: upstream's, but always some."""
        return max(SHORTEST_FADE, 0.05 * self._hold)

    @property
    def _hold(self) -> float:
        fixed = {"conservative": 1.0, "aggressive": 0.0}
        return fixed.get(self.mode, 1 - min(1.0, max(0.0, self.strength)))


def _closed(region: Region, source: float) -> Region:
    """Infinite ends are those of the source."""
    start, end = region
    return 0.0 if start == -math.inf else start, source if end == math.inf else end


def _refuse(regions: Sequence[Region], source: float) -> None:
    for start, end in regions:
        told = f"the region from {start:g} to {end:g} s"
        if not (math.isfinite(start) and math.isfinite(end)):
            raise UsageError(f"{told} is no span of time", "give seconds or m:ss")
        if start > source or end < 0:
            where = f"begins at {start:g} s" if start > source else f"ends at {end:g} s"
            raise UsageError(
                f"the region {where}, which lies outside the source of {source:g} s",
                "begin inside it or where it ends",
            )
        if end <= start:
            raise UsageError(f"{told} does not end behind its start", "give the earlier time first")
        if end - start < FRAME_SECONDS:
            raise UsageError(
                f"{told} is shorter than {FRAME_SECONDS:g} s, the least that can be made",
                "choose a longer one",
            )
    for before, after in pairwise(regions):
        if after[0] < before[1]:
            raise UsageError(
                f"the regions {before[0]:g}-{before[1]:g} and {after[0]:g}-{after[1]:g} overlap",
                "join them to one",
            )


def _joined(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Sorted regions, with those in one that touch each other."""
    joined: list[Region] = []
    for start, end in regions:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _span(region: Region, length: int, hop: int, *, upstream: bool) -> tuple[int, int]:
    if upstream:
        first, end = (int(second * SAMPLE_RATE // hop) for second in region)
    else:
        begun, ended = (round(second * SAMPLE_RATE) for second in region)
        first, end = begun // hop, -(-ended // hop)
    first = min(max(first, 0), length - 1)
    return first, min(max(end, first + 1), length)
