"""Train the FSQ tokenizer and detokenizer: latents to 5 Hz codes and to what these stand for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from acestep_cli.demo import configs
from acestep_cli.models.codes import AudioDetokenizer, AudioTokenizer
from acestep_cli.models.config import AceStepConfig
from training.band.compose import compose
from training.band.recipes import draw_recipe
from training.latents import BASS, CHANNELS, CHORDS, CLOCK, MELODY, PULSE, STROKES, latents_of
from training.loop import Plan, Run, train
from training.renderer.attention import use_plain_attention
from training.renderer.sizes import DIT
from training.renderer.tasks import heard
from training.renderer.weights import set_first_weights

PLAN = Plan("codes", steps=3000, rate=2e-3, warmup=100, decay=0.995, stretch=3)
SONGS, FRAMES = 16, 125
# The clock is left to the DiT, which knows it without being told.
_WEIGHTS = ((CLOCK, 0.0), (PULSE, 2.0), (CHORDS, 1.0), (BASS, 1.5), (MELODY, 1.0), (STROKES, 1.0))


class Codes(nn.Module):
    """Tokenizer and detokenizer, under the names of their tensors."""

    def __init__(self) -> None:
        super().__init__()
        config = AceStepConfig.from_json(configs.dit_config(DIT))
        self.tokenizer = AudioTokenizer(config)
        self.detokenizer = AudioDetokenizer(config)

    def forward(self, latents: Tensor) -> Tensor:
        """What is left of latents [B, T, 64] behind the codes; rounding lets gradients through."""
        tokenizer = self.tokenizer
        windows = latents.unflatten(1, (-1, tokenizer.window))
        pooled = tokenizer.attention_pooler(tokenizer.audio_acoustic_proj(windows))
        quantizer = tokenizer.quantizer
        projected = quantizer.project_in(pooled).float()
        count = torch.tensor(quantizer.levels, dtype=torch.float32, device=projected.device)
        limit = 1 + 1 / (count - 1)
        soft = (projected / limit).tanh() * limit
        levels = quantizer.nearest_levels(projected)
        hard = 2 * levels / (count - 1) - 1
        values = soft + (hard - soft).detach()
        return self.detokenizer(quantizer.project_out(values))

    @torch.no_grad()
    def hints(self, latents: Tensor) -> Tensor:
        """As `forward`, for latents whose length need not be a multiple of 5."""
        missing = -latents.shape[1] % self.tokenizer.window
        padded = torch.nn.functional.pad(latents, (0, 0, 0, missing))
        return self(padded)[:, : latents.shape[1]].float()


def train_codes(run: Run) -> Codes:
    """The trained tokenizer and detokenizer; their state lies where `run` says."""
    use_plain_attention()
    codes = Codes()
    set_first_weights(codes, 3)
    weights = torch.ones(CHANNELS)
    for channels, weight in _WEIGHTS:
        weights[channels] = weight

    def loss(latents: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(latents.device.type, torch.bfloat16):
            made = codes(latents).float()
        error = (made - latents).square().mean((0, 1))
        parts = {"pulse": PULSE, "bass": BASS, "chords": CHORDS, "strokes": STROKES}
        told = {name: error[part].mean() for name, part in parts.items()}
        return (error * weights.to(error.device)).mean(), told

    return train(codes, PLAN, batch, loss, run)  # type: ignore[return-value]


def batch(step: int) -> Tensor:
    """Latents [B, T, 64] of the band as they are, or as the autoencoder hears them."""
    random = np.random.default_rng((4, step))
    crops = []
    for _ in range(SONGS):
        latents = latents_of(compose(draw_recipe(random), 10.0, random))
        first = int(random.integers(len(latents) - FRAMES + 1))
        crop = latents[first : first + FRAMES]
        crops.append(heard(crop, random) if random.random() < 0.4 else crop)
    return torch.from_numpy(np.stack(crops))
