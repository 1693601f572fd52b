"""The tempo of a song: what librosa says, and a pulse told from its halves, doubles and thirds.

How fast something repeats is in the sound; which of the repetitions is the beat is in the style.
librosa's prior prefers tempos near its middle, which is little better than a guess for a band that
plays 60 as often as 180. So `Meter` learns from songs of the band which of the pulses that the
autocorrelation shows is the beat: by how strongly low, middle and high sounds repeat after parts
and multiples of it. It never knows what was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import librosa
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]

from training.band.tuning import SAMPLE_RATE
from training.measures.sound import Floats, Sound, mono

Verdict = Literal["right", "octave", "wrong"]

TOLERANCE = 0.04
_OCTAVES = (2.0, 1 / 2, 3.0, 1 / 3)
_HOP, _WINDOW = 480, 2048
_RATE = SAMPLE_RATE / _HOP
_SLOWEST, _FASTEST, _STEP = 55.0, 190.0, 0.01
_BPM = np.exp(np.arange(np.log(_SLOWEST), np.log(_FASTEST), _STEP))
_MIDDLE_BPM = 105.0
# Mel bands of low, middle and high sounds.
_MELS, _CHANNELS = 40, (0, 6, 24, 40)
_FLOOR = 1e-4  # of the loudest: softer sounds begin nothing
# Which parts and multiples of a beat are looked at, and by which of them a pulse is a candidate.
_MULTIPLES = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 3 / 2, 2.0, 3.0, 4.0)
_SALIENT = {1.0: 1.0, 2.0: 1.0, 3.0: 0.5, 4.0: 0.5}
_CANDIDATES = 12
# Of the trees: how many pulses stay together, and how many features each split may choose from.
_LEAST_PULSES, _FEATURE_SHARE = 3, 0.2


def judge_tempo(found: float, asked: float) -> Verdict:
    """Right within 4 %; `octave`: right when it is doubled, tripled, halved or divided by three."""
    if _is_near(found, asked):
        return "right"
    return "octave" if any(_is_near(found, asked * factor) for factor in _OCTAVES) else "wrong"


def librosa_tempo(sound: Sound) -> float:
    """Beats per minute as librosa tells them of three onset bands, with a wide prior around 110."""
    repeated = librosa.feature.tempogram(
        onset_envelope=_novelty(sound).sum(axis=0),
        sr=SAMPLE_RATE,
        hop_length=_HOP,
        win_length=round(8 * _RATE),
    )
    found = librosa.feature.tempo(
        tg=repeated,
        sr=SAMPLE_RATE,
        hop_length=_HOP,
        start_bpm=110,
        std_bpm=1.0,
        max_tempo=_FASTEST,
    )
    return float(found[0])


@dataclass(frozen=True, slots=True)
class Pulses:
    """The pulses of a song that might be its beat: bpm [n], and their features [n, F]."""

    bpm: Floats
    features: Floats


def pulses_of(sound: Sound) -> Pulses:
    """Up to twelve candidates of a sound, 55 to 190 beats per minute."""
    repeated = _repetition(_novelty(sound))
    frames = 60 * _RATE / _BPM
    after = np.array(
        [[_at(line, frames * multiple) for line in repeated] for multiple in _MULTIPLES]
    )
    salience = sum(
        weight * after[_MULTIPLES.index(multiple), -1] for multiple, weight in _SALIENT.items()
    )
    peaks = np.flatnonzero(
        (salience[1:-1] >= salience[:-2]) & (salience[1:-1] > salience[2:])
    )  # fmt: skip
    chosen = (peaks + 1)[np.argsort(-salience[peaks + 1])[:_CANDIDATES]]
    if not len(chosen):
        chosen = np.array([int(np.argmax(salience))])
    octaves = np.log2(_BPM[chosen] / _MIDDLE_BPM)[:, None]
    strengths = after[:, :, chosen].reshape(-1, len(chosen)).T
    return Pulses(
        _BPM[chosen], np.concatenate([strengths, octaves, octaves**2, strengths * octaves], axis=1)
    )


@dataclass(frozen=True, slots=True)
class Meter:
    """Chooses the beat among pulses, by the votes of many decision trees."""

    trees: RandomForestClassifier

    def tempo(self, pulses: Pulses) -> float:
        """Beats per minute of the likeliest beat."""
        votes = self.trees.predict_proba(pulses.features)[:, 1]
        return float(pulses.bpm[int(np.argmax(votes))])


def train_meter(songs: Sequence[tuple[float, Pulses]], trees: int = 300) -> Meter:
    """Learn from (beats per minute, pulses) which of a song's pulses is the beat; the same songs
    give the same meter."""
    rows = np.concatenate([pulses.features for _, pulses in songs])
    beats = np.concatenate([_is_beat(pulses.bpm, bpm) for bpm, pulses in songs])
    forest = RandomForestClassifier(
        trees, min_samples_leaf=_LEAST_PULSES, max_features=_FEATURE_SHARE, random_state=0
    )
    return Meter(forest.fit(rows, beats))


def _is_beat(found: Floats, asked: float) -> NDArray[np.bool_]:
    """Which one of the pulses is nearest to the asked tempo, if it is near."""
    distance = np.abs(np.log(found / asked))
    return (distance == distance.min()) & (distance <= TOLERANCE)


def _novelty(sound: Sound) -> Floats:
    """How much louder low, middle and high sounds get, [3, frames] at 100 Hz."""
    mel = librosa.feature.melspectrogram(
        y=mono(sound), sr=SAMPLE_RATE, n_fft=_WINDOW, hop_length=_HOP, n_mels=_MELS,
        fmin=30, fmax=16000, power=1.0,
    )  # fmt: skip
    loudness = 20 * np.log10(np.maximum(mel / (mel.max() + 1e-9), _FLOOR))
    told = librosa.onset.onset_strength_multi(
        S=loudness, sr=SAMPLE_RATE, hop_length=_HOP, channels=list(_CHANNELS)
    )
    return np.asarray(told, np.float64)


def _repetition(novelty: Floats) -> Floats:
    """Autocorrelation of each band and, last, of all: what share of the whole energy comes again
    after so many frames, as if the song had no end; [4, lags]."""
    steady = novelty - novelty.mean(axis=1, keepdims=True)
    count = steady.shape[1]
    lags = min(round(4.2 * 60 * _RATE / _SLOWEST), count - 1)
    repeated = librosa.autocorrelate(steady, max_size=lags, axis=-1)
    repeated = repeated * count / (count - np.arange(lags))
    repeated /= repeated[:, 0].sum() + 1e-9
    repeated = np.concatenate([repeated, repeated.sum(axis=0, keepdims=True)])
    return np.array([np.convolve(line, (0.25, 0.5, 0.25), "same") for line in repeated])


def _at(line: Floats, frames: Floats) -> Floats:
    return np.interp(frames, np.arange(len(line)), line, right=0.0)


def _is_near(found: float, asked: float) -> bool:
    return bool(abs(found - asked) <= TOLERANCE * asked + 1e-9)
