"""How loud each pitch of each part is, at 400 Hz: what sound and latents are both made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.band.score import Score, Tone
from training.band.tuning import CONTROL_SAMPLES, SAMPLE_RATE

Envelope = NDArray[np.float32]
CONTROL_RATE = SAMPLE_RATE // CONTROL_SAMPLES
_BREATHING = 0.25  # level of a sung tone from which on its breath is as loud as it gets

# Attack, decay to silence (1 / e) while held, and after release, in seconds; sustained level.
_SHAPES = {
    "bass": (0.005, 0.9, 0.04, 0.0),
    "keys": (0.005, 0.7, 0.08, 0.0),
    "guitar": (0.0025, 0.35, 0.06, 0.0),
    "pad": (0.12, 1.0, 0.15, 0.8),
    "lead": (0.02, 0.4, 0.05, 0.75),
    "vocals": (0.04, 0.5, 0.06, 0.8),
}


def part_envelopes(score: Score, part: str) -> dict[tuple[int, int], Envelope]:
    """Envelope of each (pitch class, vowel) that `part` plays, float32 in [0, 1], one value each
    2.5 ms and one behind the end."""
    count = round(score.seconds * CONTROL_RATE) + 1
    found: dict[tuple[int, int], Envelope] = {}
    for tone in score.tones:
        if tone.part != part:
            continue
        line = found.setdefault((tone.pitch_class, tone.vowel), np.zeros(count, np.float32))
        start = round(tone.onset * CONTROL_RATE)
        shape = _tone_shape(tone)[: max(count - start, 0)]
        line[start : start + len(shape)] = np.maximum(line[start : start + len(shape)], shape)
    return found


def breath_of(level: Envelope) -> Envelope:
    """How open the breath under a sung tone of each `level` in [0, 1] is, in [0, 1]."""
    return np.minimum(1, level / _BREATHING)


def _tone_shape(tone: Tone) -> Envelope:
    attack, decay, release, sustain = _SHAPES[tone.part]
    time = np.arange(round((tone.length + 5 * release) * CONTROL_RATE) + 1) / CONTROL_RATE
    held = sustain + (1 - sustain) * np.exp(-np.maximum(time - attack, 0) / decay)
    rise = np.minimum(1, (time + 1 / CONTROL_RATE) / attack)
    fall = np.exp(-np.maximum(time - tone.length, 0) / release)
    return (tone.velocity * rise * held * fall).astype(np.float32)
