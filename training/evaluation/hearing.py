"""All that is measured of one sound, and sounds as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from training.band.synth import render
from training.band.tuning import SAMPLE_RATE
from training.evaluation.requests import Asked
from training.measures.cleanliness import measure_cleanliness
from training.measures.instruments import band_features
from training.measures.key import estimate_key
from training.measures.sound import Floats, Sound
from training.measures.tempo import Pulses, librosa_tempo, pulses_of


@dataclass(frozen=True, slots=True)
class Heard:
    """What the measures say of a sound."""

    pulses: Pulses
    librosa_tempo: float
    key: str
    features: Floats
    cleanliness: dict[str, float]
    samples: int


def hear(sound: Sound) -> Heard:
    """Measure `sound`."""
    return Heard(
        pulses_of(sound),
        librosa_tempo(sound),
        estimate_key(sound),
        band_features(sound),
        measure_cleanliness(sound),
        sound.shape[1],
    )


def hear_file(path: Path) -> Heard:
    """Measure the sound of a file."""
    return hear(read_sound(path))


def hear_truth(asked: Asked) -> Heard:
    """Measure what the band itself plays."""
    return hear(render(asked.truth()))


def read_sound(path: Path) -> Sound:
    """Float32 [2, samples]; ValueError for another rate or number of channels."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE or sound.shape[1] != 2:
        raise ValueError(f"{path} has {sound.shape[1]} channels at {rate} Hz")
    return np.ascontiguousarray(sound.T)


def write_sound(path: Path, sound: Sound) -> Path:
    """Write a float wav; `path` again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound.T, SAMPLE_RATE, subtype="FLOAT")
    return path
