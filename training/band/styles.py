"""What each style plays in one bar: where drums, bass, chords and melody fall, in beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# (place in beats, velocity)
Pattern = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. drums: strokes of each drum; bass: (place, length, chord tone 0 root or 2 fifth);
    chords: for each part its (place, length) - the guitar of some styles picks single tones."""

    drums: Mapping[str, Pattern]
    bass: tuple[tuple[float, float, int], ...]
    chords: Mapping[str, tuple[tuple[float, float], ...]]
    picked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """bars: by beats of a bar; parts: its full band; melody: chance that a beat has a note;
    words: how captions call it."""

    bars: Mapping[int, Bar]
    parts: tuple[str, ...]
    melody: float
    words: tuple[str, ...]


def _eighths(beats: int, on: float, off: float) -> Pattern:
    return tuple((index / 2, off if index % 2 else on) for index in range(2 * beats))


def _beats(beats: int, velocity: float) -> Pattern:
    return tuple((float(beat), velocity) for beat in range(beats))


_ROCK = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 1.0), (2, 0.9), (2.5, 0.7)),
                "snare": ((1, 0.9), (3, 0.9)),
                "hat": _eighths(4, 0.9, 0.6),
            },
            bass=tuple((index / 2, 0.45, 0) for index in range(8)),
            chords={
                "guitar": tuple((index / 2, 0.45) for index in range(8)),
                "keys": ((0.0, 1.9), (2.0, 1.9)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "kick": ((0, 1.0),),
                "snare": ((1, 0.7), (2, 0.9)),
                "hat": _eighths(3, 0.9, 0.6),
            },
            bass=tuple((index / 2, 0.45, 0) for index in range(6)),
            chords={
                "guitar": tuple((index / 2, 0.45) for index in range(6)),
                "keys": ((0.0, 2.9),),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "guitar", "keys", "lead"),
    melody=0.6,
    words=("rock", "indie rock", "alternative rock"),
)

_HOUSE = Style(
    bars={
        4: Bar(
            drums={
                "kick": _beats(4, 1.0),
                "clap": ((1, 0.8), (3, 0.8)),
                "cymbal": ((0.5, 0.7), (1.5, 0.7), (2.5, 0.7), (3.5, 0.7)),
                "hat": _eighths(4, 0.5, 0.3),
            },
            bass=((0.5, 0.4, 0), (1.5, 0.4, 0), (2.5, 0.4, 0), (3.5, 0.4, 2)),
            chords={
                "keys": ((0.0, 0.4), (1.5, 0.4), (3.0, 0.4)),
                "guitar": ((0.5, 0.3), (1.5, 0.3), (2.5, 0.3), (3.5, 0.3)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "kick": _beats(3, 1.0),
                "clap": ((2, 0.8),),
                "cymbal": ((0.5, 0.7), (1.5, 0.7), (2.5, 0.7)),
                "hat": _eighths(3, 0.5, 0.3),
            },
            bass=((0.5, 0.4, 0), (1.5, 0.4, 0), (2.5, 0.4, 2)),
            chords={
                "keys": ((0.0, 0.4), (1.5, 0.4)),
                "guitar": ((0.5, 0.3), (1.5, 0.3), (2.5, 0.3)),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "keys", "pad"),
    melody=0.5,
    words=("house", "electronic dance", "club house"),
)

_BALLAD = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 0.8), (2, 0.6)),
                "snare": ((2, 0.5),),
                "hat": _beats(4, 0.5),
            },
            bass=((0.0, 1.8, 0), (2.0, 1.8, 2)),
            chords={
                "keys": ((0.0, 0.9), (1.0, 0.9), (2.0, 0.9), (3.0, 0.9)),
                "guitar": tuple((index / 2, 0.9) for index in range(8)),
                "pad": ((0.0, 4.0),),
            },
            picked=("guitar",),
        ),
        3: Bar(
            drums={"kick": ((0, 0.8),), "snare": ((2, 0.4),), "hat": _beats(3, 0.5)},
            bass=((0.0, 2.8, 0),),
            chords={
                "keys": ((0.0, 0.9), (1.0, 0.9), (2.0, 0.9)),
                "guitar": tuple((index / 2, 0.9) for index in range(6)),
                "pad": ((0.0, 3.0),),
            },
            picked=("guitar",),
        ),
    },
    parts=("drums", "bass", "keys", "pad", "lead"),
    melody=0.4,
    words=("ballad", "piano ballad", "slow ballad"),
)

_FOLK = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 0.9), (2, 0.9)),
                "clap": ((1, 0.6), (3, 0.6)),
                "hat": _eighths(4, 0.4, 0.6),
            },
            bass=((0.0, 0.9, 0), (2.0, 0.9, 2)),
            chords={
                "guitar": tuple((index / 2, 0.6) for index in range(8)),
                "keys": ((1.0, 0.5), (3.0, 0.5)),
                "pad": ((0.0, 4.0),),
            },
            picked=("guitar",),
        ),
        3: Bar(
            drums={"kick": ((0, 0.9),), "clap": ((1, 0.5), (2, 0.5)), "hat": _eighths(3, 0.4, 0.6)},
            bass=((0.0, 0.9, 0), (2.0, 0.9, 2)),
            chords={
                "guitar": tuple((index / 2, 0.6) for index in range(6)),
                "keys": ((1.0, 0.5), (2.0, 0.5)),
                "pad": ((0.0, 3.0),),
            },
            picked=("guitar",),
        ),
    },
    parts=("drums", "bass", "guitar", "lead"),
    melody=0.6,
    words=("folk", "acoustic folk", "country folk"),
)

STYLES: Mapping[str, Style] = {"rock": _ROCK, "house": _HOUSE, "ballad": _BALLAD, "folk": _FOLK}
