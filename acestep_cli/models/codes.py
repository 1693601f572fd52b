"""5 Hz audio codes: finite scalar quantization between 25 Hz latents and integers.

Facts: pipeline 6. Levels L = [8, 8, 8, 5, 5, 5] give a codebook of 64,000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.encoders import EncoderStack
from acestep_cli.models.layers import Linear, RMSNorm, make_layers, rope_table


@dataclass(frozen=True, slots=True)
class Tokens:
    """Stages of n = T/5 codes: pooled, projected, quantized [B, n, width]; indices int64 [B, n]."""

    pooled: Tensor
    projected: Tensor
    indices: Tensor
    quantized: Tensor


class AudioTokenizer(nn.Module):
    """25 Hz latents to 5 Hz codes."""

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__()
        self.window = config.pool_window
        self.audio_acoustic_proj = Linear(config.latent_channels, config.encoder.hidden)
        self.attention_pooler = AttentionPooler(config, rounded_rope=rounded_rope)
        self.quantizer = Quantizer(config)

    def forward(self, latents: Tensor) -> Tokens:
        """latents: [B, T, 64] with T a multiple of the pool window (pad with silence first)."""
        windows = latents.unflatten(1, (-1, self.window))  # (B, n, 5, 64)
        pooled = self.attention_pooler(self.audio_acoustic_proj(windows))
        projected = self.quantizer.project_in(pooled)
        levels = self.quantizer.nearest_levels(projected)
        return Tokens(
            pooled=pooled,
            projected=projected,
            indices=self.quantizer.indices(levels),
            quantized=self.quantizer.vectors(levels, pooled.dtype),
        )


class AttentionPooler(EncoderStack):
    """Each window of frames [B, n, w, E] to one vector [B, n, E], read at a class token."""

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__(
            config, config.encoder.hidden, config.pooler_layers, rounded_rope=rounded_rope
        )
        self.special_token = nn.Parameter(torch.empty(1, 1, config.encoder.hidden))

    def forward(self, windows: Tensor) -> Tensor:
        """windows: [B, n, w, E]; every window is a sequence of its own."""
        batch, count = windows.shape[:2]
        h = self.embed_tokens(windows).flatten(0, 1)
        h = torch.cat([self.special_token.expand(h.shape[0], -1, -1), h], dim=1)
        return self.run(h)[:, 0].unflatten(0, (batch, count))


class Quantizer(nn.Module):
    """FSQ with a symmetric grid: code value q = 2k/(L-1) - 1, index = sum k_i * basis_i."""

    def __init__(self, config: AceStepConfig) -> None:
        super().__init__()
        self.levels = config.fsq_levels
        self.project_in = Linear(config.fsq_dim, len(self.levels))
        self.project_out = Linear(len(self.levels), config.fsq_dim)

    @property
    def size(self) -> int:
        """Number of codes: the product of the levels."""
        return math.prod(self.levels)

    def nearest_levels(self, projected: Tensor) -> Tensor:
        """projected [..., 6] to level numbers k (int64, 0 <= k < L), after the soft clamp
        z = c * tanh(y / c) with c = L / (L - 1)."""
        count = self._levels(projected.device)
        clamp = 1 + 1 / (count - 1)
        z = ((projected.float() / clamp).tanh() * clamp).clamp(-1, 1)
        return ((count - 1) * (z + 1) / 2 + 0.5).floor().long()

    def indices(self, levels: Tensor) -> Tensor:
        """Level numbers [..., 6] to code indices [...]."""
        return (levels * self._basis(levels.device)).sum(-1)

    def codebook_values(self, indices: Tensor) -> Tensor:
        """Code indices [...] to grid values [..., 6] in [-1, 1], float32."""
        count = self._levels(indices.device)
        levels = (indices[..., None] // self._basis(indices.device)) % count.long()
        return 2 * levels / (count - 1) - 1

    def vectors(self, levels: Tensor, dtype: torch.dtype) -> Tensor:
        """Level numbers [..., 6] to quantized vectors [..., fsq_dim]."""
        values = 2 * levels / (self._levels(levels.device) - 1) - 1
        return self.project_out(values.to(dtype))

    def from_indices(self, indices: Tensor) -> Tensor:
        """Code indices [...] (0 <= index < size) to quantized vectors [..., fsq_dim]."""
        return self.project_out(self.codebook_values(indices).to(self.project_out.weight.dtype))

    def _levels(self, device: torch.device) -> Tensor:
        return torch.tensor(self.levels, dtype=torch.float32, device=device)

    def _basis(self, device: torch.device) -> Tensor:
        steps = [math.prod(self.levels[:index]) for index in range(len(self.levels))]
        return torch.tensor(steps, dtype=torch.int64, device=device)


class AudioDetokenizer(nn.Module):
    """Quantized 5 Hz vectors [B, n, fsq_dim] to 25 Hz latents [B, 5n, 64]."""

    def __init__(self, config: AceStepConfig, *, rounded_rope: bool = False) -> None:
        super().__init__()
        self.block, self.rounded_rope = config.encoder, rounded_rope
        self.window = config.pool_window
        self.embed_tokens = Linear(config.fsq_dim, config.encoder.hidden)
        self.special_tokens = nn.Parameter(
            torch.empty(1, config.pool_window, config.encoder.hidden)
        )
        self.layers = make_layers(config.encoder, config.pooler_layers, config.layer_types)
        self.norm = RMSNorm(config.encoder.hidden, config.encoder.eps)
        self.proj_out = Linear(config.encoder.hidden, config.latent_channels)

    def forward(self, quantized: Tensor) -> Tensor:
        """quantized: [B, n, fsq_dim]; every code becomes a sequence of `pool_window` frames."""
        batch, count = quantized.shape[:2]
        h = self.embed_tokens(quantized)[:, :, None] + self.special_tokens
        h = h.flatten(0, 1)  # (B * n, 5, E)
        rope = rope_table(
            self.window,
            self.block.head_dim,
            self.block.theta,
            device=h.device,
            dtype=h.dtype,
            rounded=self.rounded_rope,
        )
        for layer in self.layers:
            h = layer(h, rope)
        return self.proj_out(self.norm(h)).unflatten(0, (batch, count)).flatten(1, 2)
