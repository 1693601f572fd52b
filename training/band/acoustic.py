"""What ballads, folk and jazz play in one bar."""

from __future__ import annotations

from training.band.bars import (
    Bar,
    Style,
    beats,
    eighths,
    strummed,
    thirds,
)

BALLAD = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 0.8), (2, 0.6)),
                "snare": ((2, 0.5),),
                "hat": beats(4, 0.5),
            },
            bass=((0.0, 1.8, 0), (2.0, 1.8, 2)),
            chords={
                "keys": ((0.0, 0.9), (1.0, 0.9), (2.0, 0.9), (3.0, 0.9)),
                "guitar": strummed(4, 2, 0.9),
                "pad": ((0.0, 4.0),),
            },
            picked=("guitar",),
        ),
        3: Bar(
            drums={"kick": ((0, 0.8),), "snare": ((2, 0.4),), "hat": beats(3, 0.5)},
            bass=((0.0, 2.8, 0),),
            chords={
                "keys": ((0.0, 0.9), (1.0, 0.9), (2.0, 0.9)),
                "guitar": strummed(3, 2, 0.9),
                "pad": ((0.0, 3.0),),
            },
            picked=("guitar",),
        ),
        6: Bar(
            drums={"kick": ((0, 0.8),), "snare": ((1, 0.5),), "hat": thirds(2, 0.5, 0.3)},
            bass=((0.0, 0.9, 0), (1.0, 0.9, 2)),
            chords={
                "keys": strummed(2, 3, 0.6),
                "guitar": strummed(2, 3, 0.6),
                "pad": ((0.0, 2.0),),
            },
            picked=("keys", "guitar"),
        ),
    },
    parts=("drums", "bass", "keys", "pad", "lead"),
    melody=0.4,
    words=("ballad", "piano ballad", "sentimental ballad"),
)

FOLK = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 0.9), (2, 0.9)),
                "clap": ((1, 0.6), (3, 0.6)),
                "hat": eighths(4, 0.4, 0.6),
            },
            bass=((0.0, 0.9, 0), (2.0, 0.9, 2)),
            chords={
                "guitar": strummed(4, 2, 0.6),
                "keys": ((1.0, 0.5), (3.0, 0.5)),
                "pad": ((0.0, 4.0),),
            },
            picked=("guitar",),
        ),
        3: Bar(
            drums={"kick": ((0, 0.9),), "clap": ((1, 0.5), (2, 0.5)), "hat": eighths(3, 0.4, 0.6)},
            bass=((0.0, 0.9, 0), (2.0, 0.9, 2)),
            chords={
                "guitar": strummed(3, 2, 0.6),
                "keys": ((1.0, 0.5), (2.0, 0.5)),
                "pad": ((0.0, 3.0),),
            },
            picked=("guitar",),
        ),
        6: Bar(
            drums={
                "kick": beats(2, 0.9),
                "clap": ((2 / 3, 0.4), (5 / 3, 0.6)),
                "hat": thirds(2, 0.6, 0.4),
            },
            bass=((0.0, 0.6, 0), (1.0, 0.6, 2)),
            chords={
                "guitar": strummed(2, 3, 0.3),
                "keys": ((2 / 3, 0.3), (5 / 3, 0.3)),
                "pad": ((0.0, 2.0),),
            },
            picked=("guitar",),
        ),
    },
    parts=("drums", "bass", "guitar", "lead"),
    melody=0.6,
    words=("folk", "acoustic folk", "country folk"),
)

JAZZ = Style(
    bars={
        4: Bar(
            drums={
                "cymbal": ((0, 0.7), (1, 0.8), (5 / 3, 0.5), (2, 0.7), (3, 0.8), (11 / 3, 0.5)),
                "hat": ((1, 0.6), (3, 0.6)),
                "kick": ((0, 0.5), (8 / 3, 0.4)),
            },
            bass=((0.0, 0.9, 0), (1.0, 0.9, 1), (2.0, 0.9, 2), (3.0, 0.9, 1)),
            chords={
                "keys": ((2 / 3, 0.3), (2.0, 0.6), (11 / 3, 0.3)),
                "guitar": strummed(4, 1, 0.4),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "cymbal": ((0, 0.7), (1, 0.7), (5 / 3, 0.5), (2, 0.7)),
                "hat": ((1, 0.6), (2, 0.6)),
                "kick": ((0, 0.5),),
            },
            bass=((0.0, 0.9, 0), (1.0, 0.9, 1), (2.0, 0.9, 2)),
            chords={
                "keys": ((1.0, 0.4), (5 / 3, 0.3)),
                "guitar": strummed(3, 1, 0.4),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "keys", "lead"),
    melody=0.7,
    words=("jazz", "swing", "jazz trio"),
)
