"""Whether a song is free of what only broken sound has: told by how the band itself measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import librosa
import numpy as np

from training.band.tuning import SAMPLE_RATE
from training.measures.sound import Sound, mono

_BLOCK = SAMPLE_RATE // 100
_WINDOW = 2048
# A click is a bend of the wave this many times as strong as the bends of the 5 ms before and the
# 5 ms behind it on average: noise reaches 4, and behind the attack of a drum the drum sounds on.
# The nearest samples belong to the bend. What is a thousandth of the song's peak is not heard.
_CLICK_RATIO, _CLICK_SHARE = 10.0, 1e-3
_AROUND, _NEAREST = SAMPLE_RATE // 200, 6
_SILENT_SHARE = 1e-3
# Room around the band's range: a share of the range, and for each measure a little at least.
_SLACK = 0.25
_LEAST_SLACK = {"crest": 1.0, "dc": 0.01, "flatness": 2.0, "clicks": 0.5, "silence": 0.02}


def measure_cleanliness(sound: Sound) -> dict[str, float]:
    """All measures of a sound, whatever its level.

    crest: peak over RMS, dB; dc: offset as a share of the RMS; flatness: spectral flatness where
    something sounds, dB (0 white noise); clicks: a second; silence: share of the time.
    """
    wave = mono(sound).astype(np.float64)
    rms, peak = float(np.sqrt((wave**2).mean())), float(np.abs(wave).max())
    if rms == 0:
        return {"crest": 0.0, "dc": 0.0, "flatness": 0.0, "clicks": 0.0, "silence": 1.0}
    return {
        "crest": 20 * float(np.log10(peak / rms)),
        "dc": abs(float(wave.mean())) / rms,
        "flatness": _flatness(sound),
        "clicks": _clicks(wave, peak) / (len(wave) / SAMPLE_RATE),
        "silence": _silence(wave),
    }


@dataclass(frozen=True, slots=True)
class Usual:
    """Lowest and highest value of each measure that passes for clean."""

    ranges: Mapping[str, tuple[float, float]]

    def faults(self, measured: Mapping[str, float]) -> tuple[str, ...]:
        """Names of the measures that are outside; none for a clean song."""
        return tuple(
            name for name, (low, high) in self.ranges.items() if not low <= measured[name] <= high
        )


def usual_of(songs: Sequence[Mapping[str, float]]) -> Usual:
    """The 1st to 99th percentile of `songs`, and some room around."""
    ranges = {}
    for name, least in _LEAST_SLACK.items():
        low, high = np.percentile([song[name] for song in songs], (1, 99))
        slack = max(_SLACK * (high - low), least)
        ranges[name] = float(low - slack), float(high + slack)
    return Usual(ranges)


def _flatness(sound: Sound) -> float:
    power = np.abs(librosa.stft(mono(sound), n_fft=_WINDOW, hop_length=_WINDOW)) ** 2
    loud = power.sum(axis=0) > power.sum(axis=0).max() * 1e-4
    flatness = librosa.feature.spectral_flatness(S=power[:, loud], power=1.0, amin=1e-12)
    return float(10 * np.log10(np.median(flatness)))


def _clicks(wave: np.ndarray, peak: float) -> int:
    bends = np.abs(np.diff(wave, 2))
    blocks = bends[: len(bends) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    places = blocks.argmax(axis=1) + np.arange(len(blocks)) * _BLOCK
    strongest = bends[places]
    energy = np.concatenate([[0.0], np.cumsum(bends**2)])
    before = _mean_energy(energy, places - _NEAREST - _AROUND, places - _NEAREST)
    behind = _mean_energy(energy, places + _NEAREST + 1, places + _NEAREST + 1 + _AROUND)
    usual = np.sqrt(np.maximum(before, behind))
    found = (strongest > _CLICK_RATIO * usual) & (strongest > _CLICK_SHARE * peak)
    return int(found.sum())


def _mean_energy(energy: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean of what `energy` sums up from the samples `first` to `last`, as far as there are any."""
    first, last = (np.clip(place, 0, len(energy) - 1) for place in (first, last))
    return np.asarray((energy[last] - energy[first]) / np.maximum(last - first, 1))


def _silence(wave: np.ndarray) -> float:
    blocks = wave[: len(wave) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    levels = np.sqrt((blocks**2).mean(axis=1))
    return float((levels < _SILENT_SHARE * levels.max()).mean())
