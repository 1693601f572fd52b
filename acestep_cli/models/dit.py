"""The diffusion transformer: noisy latents, context and condition to a velocity.

Facts: pipeline 5. The step-independent parts are computed once: cross-attention keys and values for
a song (`condition`), modulation for a schedule (`modulation`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.fast import FastDiT
from acestep_cli.models.layers import (
    MLP,
    Attention,
    BlockConfig,
    Linear,
    RMSNorm,
    RopeTable,
    rope_table,
    window_of,
)
from acestep_cli.models.scratch import round_up


@dataclass(frozen=True, slots=True)
class CrossCache:
    """Keys and values [B, K, L, head_dim] of every layer's cross-attention, for one condition."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Modulation:
    """Timestep embeddings of n times: embedding [n, D] for the output, projection [n, 6, D] for the
    blocks."""

    embedding: Tensor
    projection: Tensor

    def at(self, index: int) -> Modulation:
        """The modulation of one time, for all items of a batch: [1, D] and [1, 6, D]."""
        return Modulation(self.embedding[index : index + 1], self.projection[index : index + 1])


class DiT(nn.Module):
    """The `decoder.*` tensors of a checkpoint (2B or XL; base, sft or turbo).

    `fast`, set by `kernels.optimize`, takes the place of the plain blocks.
    """

    fast: FastDiT | None = None

    def __init__(self, config: AceStepConfig, *, rounded_tables: bool = False) -> None:
        super().__init__()
        block = config.decoder
        self.block, self.patch, self.rounded_tables = block, config.patch_size, rounded_tables
        self.latent_channels = config.latent_channels
        self.proj_in = nn.ModuleDict(
            {"1": PatchWeights(block.hidden, config.in_channels, config.patch_size, block.hidden)}
        )
        self.time_embed = TimeEmbedding(block.hidden, rounded=rounded_tables)
        self.time_embed_r = TimeEmbedding(block.hidden, rounded=rounded_tables)
        self.condition_embedder = Linear(config.encoder.hidden, block.hidden)
        self.layers = nn.ModuleList(
            DiTLayer(block, window_of(block, config.layer_types, index))
            for index in range(config.layers)
        )
        self.norm_out = RMSNorm(block.hidden, block.eps)
        self.scale_shift_table = nn.Parameter(torch.empty(1, 2, block.hidden))
        self.proj_out = nn.ModuleDict(
            {
                "1": PatchWeights(
                    block.hidden, config.latent_channels, config.patch_size, config.latent_channels
                )
            }
        )

    def forward(
        self, latents: Tensor, context: Tensor, cross: CrossCache, modulation: Modulation
    ) -> Tensor:
        """One velocity.

        latents: noisy [B, T, 64]; context: [B, T, 128], source latents then mask; modulation: of
        one time (leading 1) or of one time an item (leading B). Returns [B, T, 64].
        """
        h = self.run(self.patchify(latents, context), cross, modulation.projection)
        shift, scale = (self.scale_shift_table + modulation.embedding[:, None]).chunk(2, dim=1)
        h = self.norm_out(h) * (1 + scale) + shift
        return self.unpatchify(h, latents.shape[1])

    def run(self, h: Tensor, cross: CrossCache, projection: Tensor) -> Tensor:
        """All blocks over patches h [B, P, D]; projection: [1 or B, 6, D]."""
        fast, length = self.fast, h.shape[1]
        rope = rope_table(
            length if fast is None else round_up(length),
            self.block.head_dim,
            self.block.theta,
            device=h.device,
            dtype=h.dtype,
            rounded=self.rounded_tables,
            exact=fast is not None,
        )
        if fast is not None:
            return fast(h, rope, cross, projection)
        for layer, key, value in zip(self.blocks(), cross.keys, cross.values, strict=True):
            h = layer(h, rope, key, value, projection)
        return h

    def condition(self, states: Tensor) -> CrossCache:
        """Keys and values for a packed condition [B, L, E]; valid for every step of a song."""
        embedded = self.embed_condition(states)
        if self.fast is not None:
            pairs = self.fast.keys_values(embedded)
        else:
            pairs = [layer.cross_attn.keys_values(embedded) for layer in self.blocks()]
        return CrossCache(tuple(key for key, _ in pairs), tuple(value for _, value in pairs))

    def embed_condition(self, states: Tensor) -> Tensor:
        """Packed condition [B, L, E] to the width of the DiT [B, L, D]."""
        return self.condition_embedder(states)

    def modulation(self, times: Tensor, ends: Tensor | None = None) -> Modulation:
        """Modulation for n times [n] in [0, 1] and, where given, the ends r [n] of their steps.

        Inference always has r = t, so the second embedding sees t - r = 0: a constant that must not
        be dropped.
        """
        dtype = self.scale_shift_table.dtype
        gaps = torch.zeros_like(times[:1]) if ends is None else times - ends
        embedding, projection = self.time_embed(times, dtype)
        gap_embedding, gap_projection = self.time_embed_r(gaps, dtype)
        return Modulation(embedding + gap_embedding, projection + gap_projection)

    def blocks(self) -> list[DiTLayer]:
        """The layers in order."""
        return cast(list[DiTLayer], list(self.layers))

    def patchify(self, latents: Tensor, context: Tensor) -> Tensor:
        """Context and latents [B, T, *] to patches of two frames [B, ceil(T/2), D]."""
        x = torch.cat([context, latents], dim=-1)
        missing = -x.shape[1] % self.patch
        if missing:
            x = F.pad(x, (0, 0, 0, missing))
        weights = cast(PatchWeights, self.proj_in["1"])
        return weights.project_in(x.unflatten(1, (-1, self.patch)))

    def unpatchify(self, h: Tensor, frames: int) -> Tensor:
        """Patches [B, P, D] to the first `frames` frames [B, T, 64]."""
        weights = cast(PatchWeights, self.proj_out["1"])
        return weights.project_out(h).flatten(1, 2)[:, :frames]


class DiTLayer(nn.Module):
    """Modulated self-attention, plain cross-attention, modulated MLP (pipeline facts 5.3)."""

    def __init__(self, block: BlockConfig, window: int | None) -> None:
        super().__init__()
        self.self_attn_norm = RMSNorm(block.hidden, block.eps)
        self.self_attn = Attention(block, window=window)
        self.cross_attn_norm = RMSNorm(block.hidden, block.eps)
        self.cross_attn = Attention(block)
        self.mlp_norm = RMSNorm(block.hidden, block.eps)
        self.mlp = MLP(block.hidden, block.mlp)
        self.scale_shift_table = nn.Parameter(torch.empty(1, 6, block.hidden))

    def forward(
        self, h: Tensor, rope: RopeTable, key: Tensor, value: Tensor, projection: Tensor
    ) -> Tensor:
        """h: [B, P, D]; key, value: [B, K, L, head_dim]; projection: [1 or B, 6, D]."""
        table = self.scale_shift_table + projection
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = table.chunk(6, dim=1)
        h = h + gate * self.self_attn(self.self_attn_norm(h) * (1 + scale) + shift, rope)
        h = h + self.cross_attn.cross(self.cross_attn_norm(h), key, value)
        return h + mlp_gate * self.mlp(self.mlp_norm(h) * (1 + mlp_scale) + mlp_shift)


class TimeEmbedding(nn.Module):
    """Sinusoids of 1000 t (256 wide, cosines first), then two linear layers and a projection."""

    width = 256

    def __init__(self, hidden: int, *, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded
        self.linear_1 = Linear(self.width, hidden)
        self.linear_2 = Linear(hidden, hidden)
        self.time_proj = Linear(hidden, 6 * hidden)

    def forward(self, times: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """times: [n]; returns the embedding [n, D] and the projection [n, 6, D] in `dtype`."""
        embedding = self.linear_2(F.silu(self.linear_1(self.sinusoids(times, dtype))))
        projection = self.time_proj(F.silu(embedding))
        return embedding, projection.unflatten(-1, (6, -1))

    def sinusoids(self, times: Tensor, dtype: torch.dtype) -> Tensor:
        """[n] to [n, 256] in `dtype`; `rounded` multiplies by 1000 in `dtype` as upstream does."""
        scaled = (times.to(dtype) * 1000).float() if self.rounded else times.float() * 1000
        half = self.width // 2
        steps = torch.arange(half, dtype=torch.float32, device=times.device)
        frequency = torch.exp(-math.log(10000) * steps / half)
        angle = scaled[:, None] * frequency
        return torch.cat([angle.cos(), angle.sin()], dim=-1).to(dtype)


class PatchWeights(nn.Module):
    """A convolution whose stride is its kernel: one matrix product over patches.

    weight [D, channels, patch] serves both directions, as the published tensors have it: Conv1d
    (out, in, k) into the model and ConvTranspose1d (in, out, k) out of it.
    """

    def __init__(self, hidden: int, channels: int, patch: int, bias: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(hidden, channels, patch))
        self.bias = nn.Parameter(torch.empty(bias))

    def project_in(self, x: Tensor) -> Tensor:
        """x: [B, P, patch, channels] to [B, P, D]."""
        return F.linear(x.flatten(2), self.weight.transpose(1, 2).flatten(1), self.bias)

    def project_out(self, h: Tensor) -> Tensor:
        """h: [B, P, D] to [B, P, patch, channels]."""
        weight = self.weight.permute(2, 1, 0).flatten(0, 1)  # (patch * channels, D)
        return F.linear(h, weight).unflatten(-1, (self.weight.shape[2], -1)) + self.bias
