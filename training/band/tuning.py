"""Pitches, frames and the grid on which the band plays.

Every fundamental is a whole multiple of 1.5625 Hz, a sixteenth of the 25 Hz frame rate, so that the
phases of all tones repeat after 16 frames and a latent needs one clock instead of a phase for each
pitch. The multiples below are within 8 cents of equal temperament at A = 441.8 Hz.
"""

from __future__ import annotations

import math

SAMPLE_RATE = 48_000
FRAME_SAMPLES = 1920  # 25 latent frames a second
CONTROL_SAMPLES = 120  # envelopes are drawn at 400 Hz
CONTROLS_PER_FRAME = FRAME_SAMPLES // CONTROL_SAMPLES
GRID_SECONDS = 0.01  # every onset lies on this grid

CLOCK_FRAMES = 16
BASE_HERTZ = SAMPLE_RATE / FRAME_SAMPLES / CLOCK_FRAMES
PERIOD_SAMPLES = CLOCK_FRAMES * FRAME_SAMPLES

NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Multiples of BASE_HERTZ of the bass, by pitch class from C; the lowest tone is G2.
BASS_MULTIPLES = (84, 89, 94, 100, 106, 112, 119, 63, 67, 71, 75, 79)
LOWEST_PITCH_CLASS = 7
CHORD_OCTAVE, LEAD_OCTAVE = 2, 4  # chords sound one octave above the bass, the lead two


# The tempos of the band's metronome, from SLOWEST_CLOCK_BPM up. Beats take the nearest of them, at
# most 2.1 per cent away; slower ones are for bars, of which a quarter of each tempo is one too.
SLOWEST_CLOCK_BPM = 15.0
CLOCKS_PER_OCTAVE = 17
CLOCKS = 62


def clock_bpm(clock: int) -> float:
    """Beats per minute of a clock, 0 to CLOCKS - 1."""
    return float(SLOWEST_CLOCK_BPM * 2.0 ** (clock / CLOCKS_PER_OCTAVE))


def nearest_clock(bpm: float) -> int:
    """The clock, 0 to CLOCKS - 1, whose tempo is nearest to `bpm`."""
    octaves = math.log2(bpm / SLOWEST_CLOCK_BPM)
    return min(max(round(octaves * CLOCKS_PER_OCTAVE), 0), CLOCKS - 1)


def played_bpm(bpm: float) -> float:
    """The tempo that the band plays when it is asked for `bpm`: that of the nearest clock."""
    return clock_bpm(nearest_clock(bpm))


def on_grid(seconds: float) -> float:
    """`seconds` moved to the nearest 10 ms."""
    return round(seconds / GRID_SECONDS) * GRID_SECONDS
