"""The measures on sounds whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.band.tuning import NOTE_NAMES, SAMPLE_RATE
from training.measures.cleanliness import measure_cleanliness, usual_of
from training.measures.key import estimate_key, judge_key
from training.measures.likeness import (
    chroma_correlation,
    region_difference,
    si_sdr,
    timbre_distance,
)
from training.measures.sound import Sound
from training.measures.tempo import judge_tempo, librosa_tempo, pulses_of

SECONDS = 6


def tone(hertz: float, seconds: float = SECONDS) -> Sound:
    wave = 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.stack([wave, wave]).astype(np.float32)


def noise(seed: int, seconds: float = SECONDS) -> Sound:
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((2, round(seconds * SAMPLE_RATE)))).astype(np.float32)


def ticks(bpm: float) -> Sound:
    out = np.zeros((2, SECONDS * SAMPLE_RATE), np.float32)
    burst = noise(0, 0.03)
    for place in np.arange(0.1, SECONDS - 0.1, 60 / bpm):
        start = round(place * SAMPLE_RATE)
        out[:, start : start + burst.shape[1]] += burst
    return out


def chords(*pitches: tuple[int, ...], octave: int = 0) -> Sound:
    """Two seconds of each chord, in semitones above C4."""
    return np.concatenate(
        [
            sum((tone(261.63 * 2 ** ((pitch + octave) / 12), 2) for pitch in chord), tone(0, 2))
            for chord in pitches
        ],
        axis=1,
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (100, "right"), (104, "right"), (96, "right"), (105, "wrong"), (200, "octave"),
        (48.5, "octave"), (305, "octave"), (33.3, "octave"), (150, "wrong"),
    ],
)  # fmt: skip
def test_a_tempo_is_right_or_an_octave_apart_or_wrong(found: float, verdict: str) -> None:
    assert judge_tempo(found, 100) == verdict


@pytest.mark.parametrize("bpm", [72, 118, 171])
def test_ticks_have_their_tempo(bpm: float) -> None:
    sound = ticks(bpm)
    assert judge_tempo(librosa_tempo(sound), bpm) != "wrong"
    assert any(judge_tempo(found, bpm) == "right" for found in pulses_of(sound).bpm)


def test_a_silence_has_some_tempo_and_some_key() -> None:
    silence = np.zeros((2, SECONDS * SAMPLE_RATE), np.float32)
    assert len(pulses_of(silence).bpm) and estimate_key(silence)


@pytest.mark.parametrize("root", [0, 6, 9])
def test_keys_of_cadences(root: int) -> None:
    major = chords((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7), octave=root)
    minor = chords((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7), octave=root)
    assert estimate_key(major) == f"{NOTE_NAMES[root]} major"
    assert estimate_key(minor) == f"{NOTE_NAMES[root]} minor"


def test_relative_keys_are_told_apart_from_wrong_ones() -> None:
    assert judge_key("A minor", "A minor") == "right"
    assert judge_key("C major", "A minor") == judge_key("A minor", "C major") == "relative"
    assert judge_key("A major", "A minor") == judge_key("G major", "C major") == "wrong"


def test_si_sdr_knows_no_level() -> None:
    truth, other = tone(440), noise(1)
    mixed = truth + 0.1 * np.linalg.norm(truth) / np.linalg.norm(other) * other
    assert si_sdr(mixed, truth) == pytest.approx(20, abs=0.2)
    assert si_sdr(0.3 * mixed, truth) == pytest.approx(si_sdr(mixed, truth), abs=1e-3)
    assert si_sdr(other, truth) < -30
    assert si_sdr(truth, truth) > 100
    assert si_sdr(np.zeros_like(truth), truth) == -np.inf
    with pytest.raises(ValueError, match="silent"):
        si_sdr(truth, np.zeros_like(truth))


def test_the_same_harmony_is_alike_whoever_plays_it() -> None:
    song = chords((0, 4, 7), (5, 9, 12), (7, 11, 14))
    higher = chords((0, 4, 7), (5, 9, 12), (7, 11, 14), octave=12)
    other = chords((1, 5, 8), (3, 6, 10), (6, 10, 13))
    assert chroma_correlation(song, higher) > 0.8
    assert chroma_correlation(song, other) < 0.3
    assert chroma_correlation(song, np.zeros_like(song)) == 0


def test_timbre_knows_no_level_and_no_pitch() -> None:
    low, high = chords((0, 4, 7)), chords((2, 6, 9))
    assert timbre_distance(low, 0.5 * low) < 0.1
    assert timbre_distance(low, high) < timbre_distance(low, noise(1)) / 3


def test_a_difference_counts_where_it_is_asked_for() -> None:
    before, after = noise(1), noise(1)
    after[:, SAMPLE_RATE : 2 * SAMPLE_RATE] = noise(2, 1)
    assert region_difference(before, after, 0, 1) == 0
    assert region_difference(before, after, 1, 2) == pytest.approx(np.sqrt(2), abs=0.02)
    assert region_difference(np.zeros_like(after), after, 1, 2) == np.inf


def test_faults_are_found() -> None:
    random = np.random.default_rng(0)
    songs = [tone(hertz) * (1 + 0.1 * noise(1)) for hertz in random.uniform(100, 900, 8)]
    usual = usual_of([measure_cleanliness(song) for song in songs])
    song = songs[0]
    assert usual.faults(measure_cleanliness(0.3 * song)) == ()
    clicking = song.copy()
    clicking[:, ::9600] += 0.5
    assert "clicks" in usual.faults(measure_cleanliness(clicking))
    assert "dc" in usual.faults(measure_cleanliness(song + 0.05))
    assert "flatness" in usual.faults(measure_cleanliness(song + noise(3)))
    cut = song.copy()
    cut[:, SAMPLE_RATE : 3 * SAMPLE_RATE] = 0
    assert "silence" in usual.faults(measure_cleanliness(cut))
    assert usual.faults(measure_cleanliness(np.zeros_like(song)))
