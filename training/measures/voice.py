"""Which vowel a voice sings, in a song or on a beat: how its energy lies around the formants."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.band.tuning import SAMPLE_RATE
from training.measures.sound import Floats, Sound, power_spectra

# Thirds of octaves from below the first formants of all vowels to above the second ones.
_EDGES = 280 * 2 ** (np.arange(12) / 3)
_FLOOR = 1e-4


def sound_of_beat(sound: Sound, beat_seconds: float, beats: int, beat: int) -> Sound:
    """What of a sound [2, samples] is heard on `beat`, from 0, of all bars of so many beats, one
    after the other."""
    length = beat_seconds * SAMPLE_RATE
    starts = np.arange(beat * length, sound.shape[1], beats * length)
    return np.concatenate([sound[:, round(at) : round(at + length)] for at in starts], axis=1)


def vowel_features(sound: Sound) -> Floats:
    """Shares of the energy in thirds of octaves from 280 Hz to 3.6 kHz (dB), [11], whatever the
    level is. What else plays should have little there."""
    power, hertz = power_spectra(sound)
    lines = power.sum(axis=1)
    shares = [lines[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(_EDGES)]
    whole = sum(shares) + 1e-20
    return np.array(10 * np.log10(np.array(shares) / whole + _FLOOR))
