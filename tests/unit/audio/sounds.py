"""Sounds for the tests, and where one lies inside another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
Samples = NDArray[np.float32]


def music(seconds: float = 1.0, *, channels: int = 2, rate: int = RATE, seed: int = 0) -> Samples:
    """Decaying partials that differ between channels, with some noise; peak 0.89."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.03 * draw.standard_normal((channels, time.size))
    for _ in range(16):
        phase = draw.uniform(0, 6, (channels, 1))
        decay = np.exp(-3 * ((time * draw.uniform(0.5, 2)) % 1))
        sound += draw.uniform(0.2, 1) * decay * np.sin(draw.uniform(500, 2e4) * time + phase)
    return (sound * (0.89 / np.abs(sound).max())).astype(np.float32)


def sine(frequency: float, seconds: float, *, rate: int = RATE, amplitude: float = 1.0) -> Samples:
    """One channel of a sine."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[None]


def offset(original: Samples, copy: Samples) -> int:
    """By how many samples `copy` comes late, from the first channel's cross-correlation."""
    length = min(original.shape[1], copy.shape[1])
    spectra = [np.fft.rfft(each[0, :length], 2 * length) for each in (original, copy)]
    lag = int(np.argmax(np.fft.irfft(spectra[0].conj() * spectra[1])))
    return lag if lag < length else lag - 2 * length


def similarity(original: Samples, copy: Samples) -> float:
    """Normalised correlation of two sounds of the same length, 1 for equal ones."""
    return float(
        (original * copy).sum() / np.sqrt((original.astype(float) ** 2).sum() * (copy**2).sum())
    )
