"""Train the encoder: sound to the latents that were assigned to it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.autoencoder.layers import Encoder
from training.autoencoder.sizes import ENCODER_WIDTHS, STRIDES
from training.band.compose import compose
from training.band.recipes import draw_recipe
from training.band.score import PARTS, Score
from training.band.synth import render
from training.band.tuning import FRAME_SAMPLES
from training.latents import CLOCK, PULSE, STROKES, latents_of, scaled
from training.loop import Plan, Run, train

PLAN = Plan("encoder", steps=2500, rate=2e-3, betas=(0.9, 0.99), warmup=100, stretch=5)
SONG_SECONDS = 8.0
CROPS, CROP_FRAMES, MARGIN = 3, 56, 4


def train_encoder(run: Run) -> Encoder:
    """The trained encoder; its state lies where `run` says."""
    torch.manual_seed(1)
    encoder = Encoder(ENCODER_WIDTHS, STRIDES)

    def loss(drawn: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, audio = drawn
        error = (encoder(audio) - latents)[..., MARGIN:-MARGIN].square().mean((0, 2))
        return error.mean(), {"clock": error[CLOCK].mean(), "strokes": error[STROKES].mean()}

    return train(encoder, PLAN, batch, loss, run)  # type: ignore[return-value]


def batch(step: int) -> tuple[Tensor, Tensor]:
    """Latents [B, 64, T] without a pulse, which a few frames of sound do not tell, and the sound
    [B, 2, 1920 T]: whole songs or some of their parts, at any level."""
    random = np.random.default_rng((3, step))
    latents, audio = [], []
    for _ in range(CROPS):
        score = _some_parts(compose(draw_recipe(random), SONG_SECONDS, random), random)
        gain = np.float32(random.uniform(0.6, 1.8))
        whole = scaled(latents_of(score), gain)
        first = int(random.integers(len(whole) - CROP_FRAMES + 1))
        samples = slice(first * FRAME_SAMPLES, (first + CROP_FRAMES) * FRAME_SAMPLES)
        crop = whole[first : first + CROP_FRAMES].copy()
        crop[:, PULSE] = 0
        sound = render(score)[:, samples] * gain
        if not np.abs(sound).max() > 0:
            crop[:] = 0
        latents.append(crop.T)
        audio.append(sound)
    return torch.from_numpy(np.stack(latents)), torch.from_numpy(np.stack(audio))


def _some_parts(score: Score, random: np.random.Generator) -> Score:
    """All parts, or half of the time only some of them."""
    if random.random() < 0.5:
        return score
    kept = [part for part in PARTS if random.random() < 0.4]
    return score.only(*kept)
