"""Train the decoder: assigned latents to sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from training.autoencoder.layers import Decoder
from training.autoencoder.losses import SIZES, sound_loss
from training.autoencoder.sizes import DECODER_WIDTHS, STRIDES
from training.autoencoder.vowels import lay_vowels
from training.band.compose import compose
from training.band.recipes import draw_recipe
from training.band.score import VOWELS, Hit, Score
from training.band.singing import VOICE
from training.band.synth import breaths, render
from training.band.tuning import FRAME_SAMPLES
from training.latents import MELODY, PULSE, VOWEL, VOWEL_SCALE, latents_of
from training.loop import Plan, Run, train

BREATH = "breath"
PLAN = Plan("decoder", steps=9000, rate=2e-3, betas=(0.8, 0.99), warmup=100)
SONG_SECONDS = 8.0
CROPS, CROP_FRAMES, MARGIN = 3, 52, 3
# How often a batch is one sound alone, which of them, and how often else drums play alone. A voice
# sings half of the time over one other part: breaths learnt alone were half as loud over a bass.
_ONE_SOUND, _BARED = 0.55, 0.3
_SOUNDS = {
    "kick": 0.05, "snare": 0.1, "hat": 0.07, "cymbal": 0.08, "clap": 0.2,
    VOICE: 0.38, BREATH: 0.12,
}  # fmt: skip
_OVER, _OTHERS = 0.5, ("bass", "keys", "guitar", "pad")
# Standard deviation by which a vowel is off all along: neighbours are 0.4 apart, and what a sampler
# leaves a quarter of that beside one of them has to sound like it, not like a half-open other.
_VOWEL_OFF = 0.09


def train_decoder(run: Run) -> Decoder:
    """The trained decoder; its state lies where `run` says."""
    torch.manual_seed(0)
    decoder = Decoder(DECODER_WIDTHS, STRIDES[::-1])
    lay_vowels(decoder)

    def draw(step: int) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        # Every other resolution each step: the spectra are a third of the work.
        return *batch(step), SIZES[step % 2 :: 2]

    def loss(drawn: tuple[Tensor, Tensor, tuple[int, ...]]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, audio, sizes = drawn
        made = decoder(latents)
        inside = slice(MARGIN * FRAME_SAMPLES, -MARGIN * FRAME_SAMPLES)
        return sound_loss(made[..., inside], audio[..., inside], sizes)

    return train(decoder, PLAN, draw, loss, run)  # type: ignore[return-value]


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Latents [B, 64, T], disturbed a little, and the sound [B, 2, 1920 T] they stand for."""
    random = np.random.default_rng((1, step))
    alone = None
    if random.random() < _ONE_SOUND:
        alone = str(random.choice(list(_SOUNDS), p=list(_SOUNDS.values())))
    latents, audio = [], []
    for _ in range(CROPS):
        score = _song(random, alone)
        whole = latents_of(score)
        if alone == BREATH:
            whole[:, MELODY] = 0
        sound = breaths(score) if alone == BREATH else render(score)
        first = int(random.integers(len(whole) - CROP_FRAMES + 1))
        latents.append(disturbed(whole[first : first + CROP_FRAMES], random).T)
        audio.append(sound[:, first * FRAME_SAMPLES : (first + CROP_FRAMES) * FRAME_SAMPLES])
    return torch.from_numpy(np.stack(latents)), torch.from_numpy(np.stack(audio))


def _song(random: np.random.Generator, alone: str | None) -> Score:
    """A song, which may be drums alone; with `alone` nothing but that drum, or the voice over one
    other part at most. Under chords the errors of drums hardly count, nor under tones those of
    breaths: claps stayed silent, and all vowels were one, until there were whole batches of them.
    """
    recipe = draw_recipe(random)
    if alone in (VOICE, BREATH):
        over = random.random() < _OVER and alone == VOICE
        parts = (str(random.choice(_OTHERS)), VOICE) if over else (VOICE,)
        return compose(replace(recipe, parts=parts), SONG_SECONDS, random)
    if alone is not None or ("drums" in recipe.parts and random.random() < _BARED):
        recipe = replace(recipe, parts=("drums",))
    score = compose(recipe, SONG_SECONDS, random)
    if alone is None:
        return score
    return replace(score, hits=tuple(replace(hit, drum=alone) for hit in _apart(score.hits)))


def _apart(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """The first of the strokes of each moment."""
    first = {hit.onset: hit for hit in reversed(hits)}
    return tuple(first[onset] for onset in sorted(first))


def disturbed(latents: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The latents [T, 64] with a little noise and a vowel that is a little off, as a sampler leaves
    them, and with a pulse that is often wrong or missing: it says nothing that the strokes do not.
    """
    noisy = latents + random.normal(0, random.uniform(0, 0.12), latents.shape)
    sounding = np.clip(latents[:, VOWEL] / (VOWEL_SCALE / len(VOWELS)), 0, 1)
    noisy[:, VOWEL] += random.normal(0, _VOWEL_OFF) * sounding
    if random.random() < 0.7:
        noisy[:, PULSE] = random.uniform(0, 1) * random.normal(0, 1, noisy[:, PULSE].shape)
    return noisy.astype(np.float32)
