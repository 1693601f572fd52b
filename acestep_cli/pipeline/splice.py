"""New sound into a source's waveform: what is kept stays as it is, sample for sample.

The networks hear and make 48 kHz stereo; the source has its own rate and channels, and only what is
made is changed to fit them. At each edge the two are faded into each other inside the region (facts
pipeline 8.6, where the fade lies outside), and the made part is brought to the loudness of its
neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from acestep_cli.audio.level import peak
from acestep_cli.audio.resample import resample
from acestep_cli.pipeline.edit import SAMPLE_RATE, SHORTEST_FADE, Extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from acestep_cli.audio.level import Samples

LARGEST_GAIN_DB = 4.0
# How much sound on each side of an edge tells how loud it is there, and how little says nothing.
_HEARD_SECONDS, _LEAST_SECONDS = 1.0, 0.05
# Below this (-60 dBFS) a pause lies at the edge, which says nothing of the loudness.
_PAUSE = 1e-3
# Two sounds that agree so far (correlation) are the same one.
_ALIKE = 0.7
# What the resampler's kernel reaches over, and more.
_REACH_SECONDS = 0.05


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things lie in the result, in samples at the source's rate: the source from `first` to
    before `end`, and the regions."""

    first: int
    end: int
    total: int
    regions: tuple[Span, ...]

    def laid(self, source: Samples) -> Samples:
        """`source` [C, n] in its place, silence before and behind it: [C, total]."""
        result = np.zeros((source.shape[0], self.total), source.dtype)
        result[:, self.first : self.end] = source
        return result

    def beside(self, number: int, most: int) -> tuple[Span, Span]:
        """What is kept on both sides of a region, at most `most` samples each; maybe nothing."""
        start, end = self.regions[number]
        left = self.regions[number - 1][1] if number else self.first
        right = self.regions[number + 1][0] if number + 1 < len(self.regions) else self.end
        return (
            (min(start, max(left, start - most)), start),
            (end, max(end, min(right, end + most))),
        )


def splice(
    source: Samples,
    rate: int,
    made: Samples,
    extent: Extent,
    crossfade: float = SHORTEST_FADE,
) -> Samples:
    """`source` with the regions of `extent` taken from `made`: [C, m] at `rate`, in its own dtype.

    source: [C, n] at `rate` (Hz), float32 or, where that cannot hold its samples, float64; made:
    float32 [2, S] at 48 kHz, the whole result of `extent` as it was decoded. Outside the regions
    the result is the source, bit for bit. crossfade: seconds of the raised-cosine fade inside each
    edge that has the source beside it, at most half the region where both have; behind the source's
    end (and before its start) its mirror image fades out. Where `made` renders what is kept at
    another level (as the latents of a song do that was levelled afterwards), the made part of a
    region is brought to the source's; then it gets the loudness of what is kept beside it, by at
    most 4 dB, and it never exceeds full scale. Of a source with more than two channels the others
    are silent in the regions.
    """
    places = _places(source.shape[1], rate, extent)
    result = places.laid(source)
    for number, (start, end) in enumerate(places.regions):
        new = _excerpt(made, rate, source.shape[0], start, end)
        rise, fall = _fades(round(crossfade * rate), start, end, places.total)
        beside = places.beside(number, round(_HEARD_SECONDS * rate))
        kept = [result[:2, first:last] for first, last in beside]
        new *= _rendering(kept, [_excerpt(made, rate, source.shape[0], *one)[:2] for one in beside])
        new *= _gains(new[:2], kept, rate, rise, fall)
        height = peak(new)
        if height > 1:
            new /= np.float32(height)
        if rise:
            _fade_in(new, _continued(source, places, range(start, start + rise)))
        if fall:
            _fade_in(new[:, ::-1], _continued(source, places, range(end - 1, end - 1 - fall, -1)))
        result[:, start:end] = new
    return result


def at_rate(made: Samples, rate: int, channels: int) -> Samples:
    """`made` [2, S] at 48 kHz as [C, round(S * rate / 48000)] at `rate` (Hz); mono is the mean of
    both channels, more than two stay two."""
    return _excerpt(made, rate, min(channels, 2), 0, round(made.shape[1] * rate / SAMPLE_RATE))


def mixed(
    source: Samples,
    rate: int,
    made: Samples,
    extent: Extent,
    crossfade: float = SHORTEST_FADE,
) -> Samples:
    """`source` with `made` added in the regions of `extent`, faded in and out at their edges.

    Arguments and result as in `splice`; nothing is levelled, so the sum may exceed full scale.
    """
    places = _places(source.shape[1], rate, extent)
    result = places.laid(source)
    for start, end in places.regions:
        new = _excerpt(made, rate, source.shape[0], start, end)
        rise, fall = _fades(round(crossfade * rate), start, end, places.total)
        if rise:
            _fade_in(new, np.zeros_like(new[:, :rise]))
        if fall:
            _fade_in(new[:, ::-1], np.zeros_like(new[:, :fall]))
        result[:, start:end] += new
    return result


def _places(length: int, rate: int, extent: Extent) -> _Places:
    """The source's edges are met exactly, although a sample of 48 kHz is none at other rates."""
    first = round(extent.before * rate)

    def place(second: float) -> int:
        if second <= extent.before:
            return min(round(second * rate), first)
        inside = second - extent.before
        if inside < extent.source:
            return first + min(round(inside * rate), length)
        return first + length + round((inside - extent.source) * rate)

    regions = tuple((place(start), place(end)) for start, end in extent.regions)
    return _Places(
        first=first,
        end=first + length,
        total=place(extent.total),
        regions=tuple((start, end) for start, end in regions if end > start),
    )


def _excerpt(made: Samples, rate: int, channels: int, start: int, end: int) -> Samples:
    """Samples `start` to before `end` of `made` once it is at `rate` with that many channels.

    Only what is needed is resampled, from where a sample of both rates falls on one moment.
    """
    if start >= end:
        return np.zeros((channels, 0), np.float32)
    divisor = math.gcd(rate, SAMPLE_RATE)
    step, other = rate // divisor, SAMPLE_RATE // divisor
    reach = math.ceil(_REACH_SECONDS * rate)
    begin = max(0, start - reach) // step
    stop = -(-(end + reach) // step)
    part = _with_channels(made[:, begin * other : stop * other], channels)
    changed = resample(part, SAMPLE_RATE, rate, "fine")
    cut = changed[:, start - begin * step : end - begin * step]
    own = np.zeros((channels, end - start), np.float32)
    own[:, : cut.shape[1]] = cut
    return own


def _with_channels(stereo: Samples, channels: int) -> Samples:
    if channels == 1:
        return stereo.mean(axis=0, keepdims=True, dtype=np.float32)
    if channels == len(stereo):
        return stereo
    return np.pad(stereo, ((0, channels - 2), (0, 0)))


def _fades(samples: int, start: int, end: int, total: int) -> tuple[int, int]:
    """Lengths of the fades at both edges of a region; none where the result begins or ends."""
    left, right = start > 0, end < total
    longest = (end - start) // 2 if left and right else end - start
    length = min(max(samples, 1), longest)
    return length * left, length * right


def _rendering(kept: Sequence[Samples], told: Sequence[Samples]) -> np.float32:
    """The factor from `told`, how the networks tell what is `kept`, to that; 1 where the two are
    not the same sound."""
    source, rendered = (
        np.concatenate([part.ravel() for part in parts]).astype(np.float64)
        for parts in (kept, told)
    )
    energy, other = float(source @ source), float(rendered @ rendered)
    common = float(source @ rendered)
    if energy == 0 or other == 0 or common < _ALIKE * math.sqrt(energy * other):
        return np.float32(1)
    return np.float32(np.clip(math.sqrt(energy / other), 0.1, 10))


def _gains(
    new: Samples, kept: Sequence[Samples], rate: int, rise: int, fall: int
) -> NDArray[np.float32]:
    """What `new` [C, n] is multiplied with: one factor, or [n] that go from edge to edge."""
    heard = round(_HEARD_SECONDS * rate)
    length, (before, after) = new.shape[1], kept
    left = right = None
    if rise:
        left = _difference(before, new[:, rise : length - fall][:, :heard], rate)
    if fall:
        right = _difference(after, new[:, rise : length - fall][:, -heard:], rate)
    if left is None or right is None:
        return np.float32(10 ** ((left or right or 0.0) / 20)) * np.ones(1, np.float32)
    return np.logspace(left / 20, right / 20, length, dtype=np.float32)


def _difference(kept: Samples, new: Samples, rate: int) -> float | None:
    """By how many dB `new` is to change to be as loud as `kept`; None where that cannot be told."""
    if min(kept.shape[1], new.shape[1]) < _LEAST_SECONDS * rate:
        return None
    heights = [math.sqrt(float(np.mean(np.square(part, dtype=np.float64)))) for part in (kept, new)]
    if min(heights) < _PAUSE:
        return None
    change = 20 * math.log10(heights[0] / heights[1])
    return min(max(change, -LARGEST_GAIN_DB), LARGEST_GAIN_DB)


def _continued(source: Samples, places: _Places, positions: range) -> Samples:
    """The source at `positions` of the result; beyond its ends its mirror image."""
    last = source.shape[1] - 1
    index: NDArray[Any] = np.abs(np.asarray(positions) - places.first)
    mirrored = np.where(index > last, 2 * last - index, index)
    return source[:, np.clip(mirrored, 0, last)]


def _fade_in(new: Samples, old: Samples) -> None:
    """Replace the first samples of `new` by a raised-cosine fade from `old` to them, in place."""
    length = old.shape[1]
    weight = np.sin((np.arange(length) + 0.5) * (math.pi / 2 / length)) ** 2
    new[:, :length] = weight * new[:, :length] + (1 - weight) * old
