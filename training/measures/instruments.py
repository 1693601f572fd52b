"""Which of some named bands plays, by measures of the sound that were taken of each band before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from training.measures.sound import Floats, Sound, power_spectra

# Edges in hertz of the bands whose shares of the energy are told.
_EDGES = (30, 95, 190, 400, 1000, 2500, 6000, 16000)
# Weaker than this share of the whole, energy is nothing that anybody plays.
_FLOOR = 1e-4
# How far the covariance is drawn towards its diagonal; few songs are known.
_SHRINKAGE = 0.2


def band_features(sound: Sound) -> Floats:
    """Shares of the energy (dB), spectral flatness (dB) low and high, how much of the spectrum its
    strongest lines hold, and how suddenly low and high tones begin; whatever the level is."""
    power, hertz = power_spectra(sound)
    parts = [power[(hertz >= low) & (hertz < high)] for low, high in pairwise(_EDGES)]
    lines = np.array([part.sum(axis=0) for part in parts])
    whole = lines.sum() + 1e-20
    shares = 10 * np.log10(lines.sum(axis=1) / whole + _FLOOR)
    tonal, bright = np.concatenate(parts[2:4]), np.concatenate(parts[5:7])
    return np.array(
        [
            *shares,
            _flatness(tonal),
            _flatness(bright),
            _lines(tonal),
            *(_suddenness(lines[at] / whole) for at in (0, 1, 2, 6)),
        ]
    )


@dataclass(frozen=True, slots=True)
class Ear:
    """Tells bands apart by what is linear in their features."""

    names: tuple[str, ...]
    weights: Floats  # [features, bands]
    offsets: Floats  # [bands]

    def named(self, features: Floats) -> str:
        """The band that a sound with these features is likeliest to be."""
        return self.names[int(np.argmax(features @ self.weights + self.offsets))]


def train_ear(songs: Sequence[tuple[str, Floats]]) -> Ear:
    """Learn from (band, its features): a linear discriminant with equal chances for all."""
    names = tuple(sorted({name for name, _ in songs}))
    groups = [np.array([row for name, row in songs if name == band]) for band in names]
    centres = np.array([group.mean(axis=0) for group in groups])
    spread = np.concatenate([group - centre for group, centre in zip(groups, centres, strict=True)])
    covariance = spread.T @ spread / len(spread)
    diagonal = np.diag(np.diag(covariance) + 1e-2)
    weights = np.linalg.solve((1 - _SHRINKAGE) * covariance + _SHRINKAGE * diagonal, centres.T)
    return Ear(names, weights, -0.5 * np.einsum("bf,fb->b", centres, weights))


def _flatness(power: Floats) -> float:
    loud = power.sum(axis=0) > 1e-4 * power.sum(axis=0).max()
    if not loud.any():
        return 0.0
    told = power[:, loud] + 1e-6 * power.max()
    return float(10 * np.log10(np.median(np.exp(np.log(told).mean(axis=0)) / told.mean(axis=0))))


def _lines(power: Floats) -> float:
    """Share of the energy that the strongest twentieth of all pitches holds."""
    told = np.sort(power.sum(axis=1))
    return float(told[-max(len(told) // 20, 1) :].sum() / (told.sum() + 1e-20))


def _suddenness(line: Floats) -> float:
    """Share of the energy, 0 to 1, that comes within 20 ms of less than half of it; what is
    weaker than the floor counts as steady."""
    rise = np.diff(line, prepend=0)
    sudden = rise[1:] > line[:-1]
    return float(rise[1:][sudden].sum() / (line.sum() + _FLOOR))
