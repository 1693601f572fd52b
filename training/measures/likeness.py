"""How alike two sounds are."""

from __future__ import annotations

import librosa
import numpy as np

from training.band.tuning import SAMPLE_RATE
from training.measures.sound import Sound, chroma, mono


def si_sdr(estimate: Sound, truth: Sound) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019), over the samples
    that both have; minus infinity for a silent estimate. ValueError where the truth is silent."""
    count = min(estimate.shape[1], truth.shape[1])
    heard, true = (_centred(sound[:, :count]) for sound in (estimate, truth))
    energy = float(true @ true)
    if energy == 0:
        raise ValueError("the truth is silent: nothing can be like it")
    wanted = float(heard @ true) / energy * true
    rest = heard - wanted
    target, noise = float(wanted @ wanted), float(rest @ rest)
    if target == 0:
        return -np.inf
    return np.inf if noise == 0 else float(10 * np.log10(target / noise))


def chroma_correlation(one: Sound, other: Sound) -> float:
    """Correlation, -1 to 1, of the pitch classes of both songs at the same times; 0 where one of
    them has none or always the same."""
    first, second = chroma(one), chroma(other)
    count = min(first.shape[1], second.shape[1])
    left, right = (part[:, :count] - part[:, :count].mean() for part in (first, second))
    size = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float((left * right).sum()) / size if size > 0 else 0.0


def region_difference(one: Sound, other: Sound, start: float, end: float) -> float:
    """RMS of the difference from second `start` to `end`, as a share of the RMS of `one` there: 0
    for the same samples, about 1.4 for unrelated sound as loud. Infinite where `one` is silent and
    `other` is not."""
    inside = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    before, after = (sound[:, inside].astype(np.float64) for sound in (one, other))
    changed, size = np.linalg.norm(after - before), np.linalg.norm(before)
    if changed == 0:
        return 0.0
    return float(changed / size) if size > 0 else float(np.inf)


def timbre_distance(one: Sound, other: Sound) -> float:
    """Euclidean distance of the mean mel-frequency cepstra 1 to 12 (librosa), which say nothing of
    level, key and tempo."""
    first, second = (
        librosa.feature.mfcc(y=mono(sound), sr=SAMPLE_RATE, n_mfcc=13)[1:].mean(axis=1)
        for sound in (one, other)
    )
    return float(np.linalg.norm(first - second))


def _centred(sound: Sound) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Both channels without their means, one behind the other."""
    centred = sound.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred.ravel()
