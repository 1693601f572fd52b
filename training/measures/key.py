"""The key of a song, by how well its pitch classes fit the profile of each of the 24 keys."""

from __future__ import annotations

from typing import Literal

import numpy as np

from training.band.tuning import NOTE_NAMES
from training.measures.sound import Floats, Sound, chroma

Verdict = Literal["right", "relative", "wrong"]

# Albrecht and Shanahan, 2013: how often each tone, from the tonic upwards, is in pieces of a key.
# On the band they find more than nine keys in ten, Krumhansl and Kessler's profiles eight.
_PROFILES = {
    "major": (238, 6, 111, 6, 137, 94, 16, 214, 9, 80, 8, 81),
    "minor": (220, 6, 104, 123, 19, 103, 12, 214, 62, 22, 61, 52),
}


def estimate_key(sound: Sound) -> str:
    """The likeliest key as prompts write it (`F# minor`); some key for silence too."""
    return key_of(chroma(sound))


def key_of(pitches: Floats) -> str:
    """The likeliest key of a chroma [12, frames]."""
    told = pitches.mean(axis=1)
    fits = {
        f"{NOTE_NAMES[root]} {mode}": _likeness(told, np.roll(profile, root))
        for mode, profile in _PROFILES.items()
        for root in range(12)
    }
    return max(fits, key=lambda name: fits[name])


def judge_key(found: str, asked: str) -> Verdict:
    """`relative`: the other mode with the same tones (C major and A minor)."""
    if found == asked:
        return "right"
    return "relative" if _relative(found) == asked else "wrong"


def _relative(key: str) -> str:
    note, mode = key.split()
    root = NOTE_NAMES.index(note)
    if mode == "major":
        return f"{NOTE_NAMES[(root + 9) % 12]} minor"
    return f"{NOTE_NAMES[(root + 3) % 12]} major"


def _likeness(told: Floats, profile: Floats) -> float:
    told, profile = told - told.mean(), profile - profile.mean()
    size = float(np.linalg.norm(told) * np.linalg.norm(profile))
    return float(told @ profile) / size if size > 0 else 0.0
