"""What the decoder is trained on: whole songs, drums alone, each drum and the voice alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.autoencoder import decoder as training
from training.autoencoder.decoder import (
    _OTHERS,
    BREATH,
    CROP_FRAMES,
    CROPS,
    VOICE,
    _song,
    batch,
    disturbed,
)
from training.autoencoder.layers import Decoder, DecoderBlock, _snake_plain
from training.autoencoder.sizes import DECODER_WIDTHS, STRIDES
from training.autoencoder.vowels import lay_vowels
from training.band.score import DRUMS, VOWELS
from training.band.tuning import FRAME_SAMPLES
from training.latents import CHANNELS, CLOCK, MELODY, PULSE, STROKES, VOWEL, VOWEL_SCALE

SUNG = torch.arange(len(VOWELS) + 1) / len(VOWELS) * float(VOWEL_SCALE)


def untrained() -> Decoder:
    torch.manual_seed(0)
    return Decoder(DECODER_WIDTHS, STRIDES[::-1])


def heard(decoder: Decoder) -> torch.Tensor:
    """What the first layer says of no vowel and of each, steadily sung, [6, units]."""
    latents = torch.zeros(len(SUNG), CHANNELS, 1, 9)
    latents[:, VOWEL] = SUNG[:, None, None]
    snake = first_block(decoder).snake1
    rate, gain = snake.alpha.exp()[..., None], (-snake.beta).exp()[..., None]
    with torch.no_grad():
        return _snake_plain(decoder.conv1(latents), rate, gain)[..., 0, 4]


def first_block(decoder: Decoder) -> DecoderBlock:
    block = decoder.block[0]
    assert isinstance(block, DecoderBlock)
    return block


def off_choice(said: torch.Tensor) -> float:
    """How far from telling one vowel from all others the best small sum of what is said stays."""
    vowels = len(SUNG)
    said = torch.cat([said, torch.ones(vowels, 1)], dim=1)
    small = 0.05 * torch.eye(said.shape[1])
    rows = torch.cat([said, small])
    wanted = torch.cat([torch.eye(vowels), torch.zeros(len(small), vowels)])
    sums = torch.linalg.lstsq(rows, wanted).solution
    return float((said @ sums - torch.eye(vowels)).abs().max())


def test_laid_waves_tell_every_vowel_from_all_others() -> None:
    decoder = untrained()
    plain = off_choice(heard(decoder))
    lay_vowels(decoder)
    assert off_choice(heard(decoder)) < 0.03 < 0.6 < plain


def test_vowels_are_laid_once_and_without_a_sound() -> None:
    decoder = untrained()
    lay_vowels(decoder)
    laid = {name: value.clone() for name, value in decoder.state_dict().items()}
    silent = first_block(decoder).conv_t1.weight.flatten(1).abs().sum(dim=1) == 0
    assert int(silent.sum()) == 5
    lay_vowels(decoder)
    assert all(torch.equal(value, laid[name]) for name, value in decoder.state_dict().items())


def test_waves_that_training_has_bent_are_not_laid_again() -> None:
    decoder = untrained()
    lay_vowels(decoder)
    with torch.no_grad():
        # Half of what these units hear becomes something else, as in long training.
        decoder.conv1.weight[:, 0, 0] += 1.0
    bent = decoder.conv1.weight.clone()
    lay_vowels(decoder)
    assert torch.equal(decoder.conv1.weight, bent)


def test_a_breath_sounds_without_its_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_ONE_SOUND", 1.0)
    monkeypatch.setattr(training, "_SOUNDS", {BREATH: 1.0})
    breath, tones = batch(1)[1], batch(1)[0][:, MELODY]
    assert tones.abs().max() < 0.3  # what is disturbed
    monkeypatch.setattr(training, "_SOUNDS", {VOICE: 1.0})
    monkeypatch.setattr(training, "_OVER", 0.0)
    voice = batch(1)[1]
    assert float(breath.square().mean() / voice.square().mean()) == pytest.approx(0.48, abs=0.01)


def test_a_vowel_is_off_where_it_is_sung_and_alike_all_along() -> None:
    latents = np.zeros((40, CHANNELS), np.float32)
    latents[:20, VOWEL] = float(VOWEL_SCALE)
    off = [
        (disturbed(latents, np.random.default_rng(seed)) - latents)[:, VOWEL] for seed in range(60)
    ]
    sung, silent = (
        np.array([one[part].mean() for one in off]) for part in (slice(20), slice(20, 40))
    )
    assert sung.std() == pytest.approx(training._VOWEL_OFF, rel=0.05)
    assert silent.std() < 0.02


@pytest.mark.parametrize("drum", DRUMS)
def test_one_drum_strikes_alone_and_once_at_a_time(drum: str) -> None:
    for seed in range(5):
        score = _song(np.random.default_rng(seed), drum)
        assert not score.tones
        assert {hit.drum for hit in score.hits} == {drum}
        onsets = [hit.onset for hit in score.hits]
        assert onsets == sorted(set(onsets))


def test_the_voice_sings_every_vowel_alone_or_over_one_other_part() -> None:
    songs = [_song(np.random.default_rng(seed), VOICE) for seed in range(40)]
    assert not any(song.hits for song in songs)
    parts = [{tone.part for tone in song.tones} for song in songs]
    assert all(VOICE in heard and len(heard) <= 2 for heard in parts)
    assert 10 < parts.count({VOICE}) < 30
    assert {part for heard in parts for part in heard} == {VOICE, *_OTHERS}
    sung = [tone for song in songs for tone in song.tones if tone.part == VOICE]
    assert {tone.vowel for tone in sung} == set(range(len(VOWELS)))
    breaths = [_song(np.random.default_rng(seed), BREATH) for seed in range(20)]
    assert {tone.part for song in breaths for tone in song.tones} == {VOICE}


def test_drums_are_often_bared_and_songs_mostly_whole() -> None:
    songs = [_song(np.random.default_rng(seed), None) for seed in range(120)]
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
