"""What rock, house, funk, reggae and pop play in one bar."""

from __future__ import annotations

from training.band.bars import (
    Bar,
    Style,
    beats,
    between,
    eighths,
    pedal,
    strummed,
    thirds,
)

ROCK = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 1.0), (2, 0.9), (2.5, 0.7)),
                "snare": ((1, 0.9), (3, 0.9)),
                "hat": eighths(4, 0.9, 0.6),
            },
            bass=pedal(4, 2, 0.45),
            chords={
                "guitar": strummed(4, 2, 0.45),
                "keys": ((0.0, 1.9), (2.0, 1.9)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "kick": ((0, 1.0),),
                "snare": ((1, 0.7), (2, 0.9)),
                "hat": eighths(3, 0.9, 0.6),
            },
            bass=pedal(3, 2, 0.45),
            chords={
                "guitar": strummed(3, 2, 0.45),
                "keys": ((0.0, 2.9),),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "guitar", "keys", "lead"),
    melody=0.6,
    words=("rock", "indie rock", "alternative rock"),
)

HOUSE = Style(
    bars={
        4: Bar(
            drums={
                "kick": beats(4, 1.0),
                "clap": ((1, 0.8), (3, 0.8)),
                "cymbal": ((0.5, 0.7), (1.5, 0.7), (2.5, 0.7), (3.5, 0.7)),
                "hat": eighths(4, 0.5, 0.3),
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
                "kick": beats(3, 1.0),
                "clap": ((2, 0.8),),
                "cymbal": ((0.5, 0.7), (1.5, 0.7), (2.5, 0.7)),
                "hat": eighths(3, 0.5, 0.3),
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

FUNK = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 1.0), (0.75, 0.7), (2.5, 0.9)),
                "snare": ((1, 0.9), (3, 0.9)),
                "hat": tuple((index / 4, 0.4 if index % 2 else 0.7) for index in range(16)),
            },
            bass=((0.0, 0.4, 0), (0.75, 0.2, 0), (1.5, 0.3, 2), (2.5, 0.4, 0), (3.25, 0.4, 2)),
            chords={
                "guitar": (
                    (0.5, 0.2),
                    (0.75, 0.2),
                    (1.5, 0.2),
                    (2.5, 0.2),
                    (2.75, 0.2),
                    (3.5, 0.2),
                ),
                "keys": ((0.0, 0.4), (1.75, 0.2), (3.75, 0.2)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "kick": ((0, 1.0), (1.5, 0.8)),
                "snare": ((1, 0.8), (2, 0.9)),
                "hat": tuple((index / 4, 0.4 if index % 2 else 0.7) for index in range(12)),
            },
            bass=((0.0, 0.4, 0), (0.75, 0.2, 0), (1.5, 0.4, 2), (2.25, 0.4, 0)),
            chords={
                "guitar": ((0.5, 0.2), (0.75, 0.2), (1.5, 0.2), (2.5, 0.2), (2.75, 0.2)),
                "keys": ((0.0, 0.4), (1.75, 0.2)),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "guitar", "keys"),
    melody=0.4,
    words=("funk", "funky soul", "groovy funk"),
)

REGGAE = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((2, 1.0),),
                "clap": ((2, 0.7),),
                "hat": eighths(4, 0.4, 0.8),
            },
            bass=((0.0, 0.7, 0), (1.5, 0.4, 2), (2.0, 0.4, 0), (3.0, 0.8, 0)),
            chords={
                "guitar": between(4, 0.25),
                "keys": ((1.0, 0.3), (3.0, 0.3)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={"kick": ((2, 1.0),), "clap": ((2, 0.7),), "hat": eighths(3, 0.4, 0.8)},
            bass=((0.0, 0.7, 0), (1.5, 0.4, 2), (2.0, 0.8, 0)),
            chords={
                "guitar": between(3, 0.25),
                "keys": ((1.0, 0.3), (2.0, 0.3)),
                "pad": ((0.0, 3.0),),
            },
        ),
    },
    parts=("drums", "bass", "guitar", "keys"),
    melody=0.3,
    words=("reggae", "roots reggae", "laid-back reggae"),
)

POP = Style(
    bars={
        4: Bar(
            drums={
                "kick": ((0, 1.0), (1.5, 0.7), (2, 0.8)),
                "snare": ((1, 0.7), (3, 0.7)),
                "clap": ((1, 0.6), (3, 0.6)),
                "hat": eighths(4, 0.6, 0.5),
                "cymbal": ((0, 0.6),),
            },
            bass=((0.0, 0.9, 0), (1.5, 0.4, 0), (2.0, 0.9, 0), (3.5, 0.4, 2)),
            chords={
                "keys": strummed(4, 2, 0.4),
                "guitar": ((0.0, 1.4), (1.5, 0.4), (2.0, 1.9)),
                "pad": ((0.0, 4.0),),
            },
        ),
        3: Bar(
            drums={
                "kick": ((0, 1.0), (1.5, 0.7)),
                "snare": ((2, 0.7),),
                "clap": ((2, 0.6),),
                "hat": eighths(3, 0.6, 0.5),
                "cymbal": ((0, 0.6),),
            },
            bass=((0.0, 1.4, 0), (1.5, 0.4, 0), (2.0, 0.9, 2)),
            chords={
                "keys": strummed(3, 2, 0.4),
                "guitar": ((0.0, 1.4), (1.5, 1.4)),
                "pad": ((0.0, 3.0),),
            },
        ),
        6: Bar(
            drums={
                "kick": ((0, 1.0), (5 / 3, 0.6)),
                "snare": ((1, 0.8),),
                "clap": ((1, 0.6),),
                "hat": thirds(2, 0.7, 0.5),
            },
            bass=((0.0, 0.6, 0), (2 / 3, 0.3, 0), (1.0, 0.9, 0)),
            chords={
                "keys": strummed(2, 3, 0.3),
                "guitar": ((0.0, 0.9), (1.0, 0.9)),
                "pad": ((0.0, 2.0),),
            },
        ),
    },
    parts=("drums", "bass", "keys", "pad", "lead"),
    melody=0.6,
    words=("pop", "pop song", "dance pop"),
)
