"""What a bar and a style are, and the rows of strokes that many styles share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# (place in beats, velocity)
Pattern = tuple[tuple[float, float], ...]
# (place in beats, length in beats)
Strum = tuple[tuple[float, float], ...]

# Beats of a bar by what a time signature is called: six eighths are two beats of three.
BEATS: Mapping[int, int] = {3: 3, 4: 4, 6: 2}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. drums: strokes of each drum; bass: (place, length, chord tone 0 root, 1 third or 2
    fifth); chords: for each part its strums - parts that are `picked` play single tones."""

    drums: Mapping[str, Pattern]
    bass: tuple[tuple[float, float, int], ...]
    chords: Mapping[str, Strum]
    picked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """bars: by time signature, a key of BEATS; parts: its full band; melody: chance that a beat has
    a note; words: how captions call it."""

    bars: Mapping[int, Bar]
    parts: tuple[str, ...]
    melody: float
    words: tuple[str, ...]


def beats(count: int, velocity: float) -> Pattern:
    """A stroke on each beat."""
    return tuple((float(beat), velocity) for beat in range(count))


def eighths(count: int, on: float, off: float) -> Pattern:
    """Two strokes a beat."""
    return tuple((index / 2, off if index % 2 else on) for index in range(2 * count))


def thirds(count: int, on: float, off: float) -> Pattern:
    """Three strokes a beat."""
    return tuple((index / 3, off if index % 3 else on) for index in range(3 * count))


def strummed(count: int, each: int, length: float) -> Strum:
    """`each` strums of a length on every beat, evenly."""
    return tuple((index / each, length) for index in range(each * count))


def between(count: int, length: float) -> Strum:
    """A strum in the middle of each beat."""
    return tuple((beat + 0.5, length) for beat in range(count))


def pedal(count: int, each: int, length: float) -> tuple[tuple[float, float, int], ...]:
    """A bass that repeats the root `each` times a beat."""
    return tuple((index / each, length, 0) for index in range(each * count))
