"""What both sides compute on: the same random numbers in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.build import Folders
from benchmarks.sizes import CAPTION_TOKENS, LATENT_CHANNELS, frames_of, read_config

_SEED = 20_260


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs for the set in `folders`, float32 on the CPU."""

    folders: Folders

    def caption_ids(self) -> Tensor:
        """Tokens of a long caption [1, 256]."""
        words = read_config(self.folders.text_encoder)["vocab_size"] // 2
        return torch.randint(0, words, (1, CAPTION_TOKENS), generator=_generator(0))

    def caption_features(self) -> Tensor:
        """What the text encoder might say of a long caption: [1, 256, text width]."""
        return _normal(1, CAPTION_TOKENS, self._dit["text_hidden_dim"])

    def lyric_features(self, tokens: int) -> Tensor:
        """Embeddings of lyrics: [1, tokens, text width]."""
        return _normal(2, tokens, self._dit["text_hidden_dim"])

    def states(self, tokens: int) -> Tensor:
        """A packed condition [1, tokens, E]."""
        config = self._dit
        return _normal(3, tokens, config.get("encoder_hidden_size", config["hidden_size"]))

    def latents(self, seconds: float) -> Tensor:
        """Noise [1, T, 64]."""
        return _normal(4, frames_of(seconds), LATENT_CHANNELS)

    def context(self, seconds: float) -> Tensor:
        """Source latents and a mask of ones: [1, T, 128]."""
        source = _normal(5, frames_of(seconds), LATENT_CHANNELS)
        return torch.cat([source, torch.ones_like(source)], dim=-1)

    @property
    def _dit(self) -> dict[str, Any]:
        return read_config(self.folders.dit)


def _normal(number: int, rows: int, width: int) -> Tensor:
    return torch.randn(1, rows, width, generator=_generator(number))


def _generator(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(_SEED + number)
