"""What the decoder is trained on: whole songs, drums alone, each drum and the voice alone."""

from __future__ import annotations

import numpy as np
import pytest

from training.autoencoder.decoder import CROP_FRAMES, CROPS, VOICE, _song, batch
from training.band.score import DRUMS, VOWELS
from training.band.tuning import FRAME_SAMPLES
from training.latents import CHANNELS, CLOCK, MELODY, PULSE, STROKES, VOWEL


@pytest.mark.parametrize("drum", DRUMS)
def test_one_drum_strikes_alone_and_once_at_a_time(drum: str) -> None:
    for seed in range(5):
        score = _song(np.random.default_rng(seed), drum)
        assert not score.tones
        assert {hit.drum for hit in score.hits} == {drum}
        onsets = [hit.onset for hit in score.hits]
        assert onsets == sorted(set(onsets))


def test_the_voice_sings_alone_and_every_vowel() -> None:
    songs = [_song(np.random.default_rng(seed), VOICE) for seed in range(8)]
    assert not any(song.hits for song in songs)
    sung = [tone for song in songs for tone in song.tones]
    assert {tone.part for tone in sung} == {VOICE}
    assert {tone.vowel for tone in sung} == set(range(len(VOWELS)))


def test_drums_are_often_bared_and_songs_mostly_whole() -> None:
    random = np.random.default_rng(0)
    songs = [_song(random, None) for _ in range(120)]
    drumming = [song for song in songs if song.hits]
    bare = sum(not song.tones for song in drumming)
    assert len(songs) - len(drumming) > 10
    assert 0.3 < bare / len(drumming) < 0.6


def test_some_batches_are_one_sound_alone_claps_and_voice_among_them() -> None:
    alone = []
    for step in range(40):
        latents, audio = batch(step)
        assert latents.shape == (CROPS, CHANNELS, CROP_FRAMES)
        assert audio.shape == (CROPS, 2, CROP_FRAMES * FRAME_SAMPLES)
        struck = latents[:, STROKES].mean((0, 2)) > 0.02
        chords = latents[:, CLOCK.stop : MELODY.start].abs().mean()
        sung = latents[:, VOWEL].mean() > 0.1
        if chords < 0.12 and struck.sum() + sung == 1:
            alone.append(VOICE if sung else DRUMS[int(struck.nonzero())])
    assert 16 < len(alone) < 32
    assert {"clap", VOICE} <= set(alone)


def test_a_batch_is_a_function_of_its_number() -> None:
    for first, second in zip(batch(3), batch(3), strict=True):
        assert (first == second).all()
    assert (batch(3)[0][:, PULSE] != batch(4)[0][:, PULSE]).any()
