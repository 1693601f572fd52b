"""The assigned latents say what the score says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.test_band import recipe
from training.band.compose import compose
from training.band.score import DRUMS, Score
from training.band.tuning import nearest_clock, played_bpm
from training.latents import (
    BAR,
    BASS,
    BEAT,
    CHORDS,
    CLOCK,
    LEVELS,
    MELODY,
    STROKES,
    TEMPO,
    VOWEL,
    frames_of,
    latents_of,
    scaled,
)
from training.silence import LOUDNESS, silence


@pytest.fixture(scope="module")
def score() -> Score:
    return compose(recipe(bpm=90), 8.0, np.random.default_rng(1))


def test_shape_and_clock(score: Score) -> None:
    latents = latents_of(score)
    assert latents.shape == (200, 64)
    assert latents.dtype == np.float32
    clock = latents[:, CLOCK]
    assert np.allclose(clock[:-16], clock[16:], atol=1e-4)
    assert len({tuple(np.round(row, 2)) for row in clock[:16]}) == 16


def test_each_part_has_its_channels(score: Score) -> None:
    owners = {"bass": BASS, "vocals": MELODY, "keys": CHORDS, "drums": STROKES}
    for part, channels in owners.items():
        alone = latents_of(score.only(part))
        assert np.abs(alone[:, channels]).max() > 1
        for other in owners.values():
            if other is not channels:
                assert not alone[:, other].any()
    levels = latents_of(score.only("guitar"))[:, LEVELS].max(axis=0)
    assert levels[1] > 1
    assert levels[0] == levels[2] == 0
    assert not latents_of(score.only("drums"))[:, VOWEL].any()


def test_a_stroke_is_shared_by_the_frames_around_it(score: Score) -> None:
    only = score.only("drums")
    latents = latents_of(only)
    hit = next(hit for hit in only.hits if hit.drum == "snare")
    column = latents[:, STROKES.start + DRUMS.index("snare")]
    first = int(hit.onset * 25 - 0.5)
    assert np.isclose(column[first : first + 2].sum(), 3 * hit.velocity, rtol=1e-4)
    place = (column[first : first + 2] * [0, 1]).sum() / column[first : first + 2].sum()
    assert np.isclose((first + place + 0.5) / 25, hit.onset, atol=1e-4)


def test_the_pulse_turns_with_the_tempo(score: Score) -> None:
    latents = latents_of(score)
    angle = np.unwrap(np.arctan2(latents[:, BEAT][:, 1], latents[:, BEAT][:, 0]))
    played = played_bpm(90)
    assert np.isclose(np.polyfit(np.arange(200), angle, 1)[0] * 25 * 60 / (2 * np.pi), played)
    assert np.ptp(latents[:, TEMPO]) == 0
    peaks = np.flatnonzero(latents[:, BAR] > 1.4)
    assert np.all(np.abs(np.diff(peaks[np.diff(peaks, prepend=-9) > 1]) - 4 * 25 * 60 / played) < 2)


def test_louder_latents_keep_clock_and_pulse(score: Score) -> None:
    latents = latents_of(score)
    loud = scaled(latents, np.float32(2))
    assert np.allclose(loud[:, BASS], 2 * latents[:, BASS])
    assert np.array_equal(loud[:, CLOCK], latents[:, CLOCK])
    assert np.array_equal(loud[:, BEAT], latents[:, BEAT])


def test_frames_are_whole_ones() -> None:
    assert frames_of(10.0) == 250
    assert frames_of(0.99) == 24


def test_the_silence_latent_runs_the_beat_and_the_bar_of_every_song() -> None:
    bank = silence(250)[1:] / LOUDNESS
    for bpm, meter in ((61, 4), (97, 3), (128, 4), (179, 6)):
        song = recipe(style="folk", bpm=bpm, meter=meter)
        latents = latents_of(compose(song, 10.0, np.random.default_rng(0)))[1:] / np.sqrt(2)
        beat = nearest_clock(bpm)
        column, frames = beat - beat % 2, slice(1 - beat % 2, None, 2)
        assert np.allclose(bank[frames, column : column + 2], latents[frames, BEAT], atol=1e-4)
        bar = nearest_clock(played_bpm(bpm) / song.beats)
        column, frames = bar - bar % 2, slice(1 - bar % 2, None, 2)
        assert np.allclose(bank[frames, column], latents[frames, BAR], atol=0.1)


def test_the_silence_latent_is_marked_at_its_beginning_and_says_that_it_is_none() -> None:
    bank = silence(40)
    assert np.allclose(bank[0, [60, 62]], np.sqrt(2))
    assert not bank[1:, 62].any()
    assert len(set(bank[:, 63].tolist())) == 1 and bank[0, 63] > 0
