"""What every transformer here is made of: RMSNorm, RoPE, grouped-query attention, SwiGLU.

One block serves the DiT, the lyric, timbre and pooling encoders, the text encoder and the language
model. Parameter names equal the published tensor names, so that a plain state dict loads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acestep_cli.models.attention import attend


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """Widths of one transformer stack.

    hidden: residual width; heads, kv_heads, head_dim: grouped-query attention (heads * head_dim
    need not equal hidden); mlp: SwiGLU width; eps: RMSNorm; theta: RoPE base; window: reach of
    sliding layers in positions, inclusive; causal: a decoder-only language model.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    eps: float = 1e-6
    theta: float = 1e6
    window: int = 128
    causal: bool = False


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) in float32, cast back, times a learned weight [width]."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., width]; the same shape and dtype come back."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class Attention(nn.Module):
    """Grouped-query attention with RMSNorm on every query and key head before RoPE; no biases."""

    def __init__(self, config: BlockConfig, *, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.window, self.causal = window, config.causal
        self.q_proj = _linear(config.hidden, config.heads * config.head_dim)
        self.k_proj = _linear(config.hidden, config.kv_heads * config.head_dim)
        self.v_proj = _linear(config.hidden, config.kv_heads * config.head_dim)
        self.o_proj = _linear(config.heads * config.head_dim, config.hidden)
        self.q_norm = RMSNorm(config.head_dim, config.eps)
        self.k_norm = RMSNorm(config.head_dim, config.eps)

    def forward(self, x: Tensor, rope: RopeTable, key_mask: Tensor | None = None) -> Tensor:
        """Self-attention of x [B, L, hidden]; `key_mask` bool [B, L], True for valid positions."""
        query = apply_rope(self.queries(x), rope)
        key, value = self.keys_values(x)
        key = apply_rope(key, rope)
        mixed = attend(query, key, value, window=self.window, causal=self.causal, key_mask=key_mask)
        return self.o_proj(_merge_heads(mixed))

    def first(self, x: Tensor, rope: RopeTable) -> Tensor:
        """Row 0 [B, 1, hidden] of `forward`, without padding and for layers that are not causal."""
        seen = x if self.window is None else x[:, : self.window + 1]
        rows = seen.shape[1]
        query = apply_rope(self.queries(x[:, :1]), RopeTable(rope.cos[:1], rope.sin[:1]))
        key, value = self.keys_values(seen)
        key = apply_rope(key, RopeTable(rope.cos[:rows], rope.sin[:rows]))
        return self.o_proj(_merge_heads(attend(query, key, value)))

    def cross(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Cross-attention of x [B, L, hidden] to ready keys and values [B, K, S, head_dim]."""
        return self.o_proj(_merge_heads(attend(self.queries(x), key, value)))

    def queries(self, x: Tensor) -> Tensor:
        """Normalised queries [B, H, L, head_dim]."""
        return self.q_norm(_split_heads(self.q_proj(x), self.heads)).transpose(1, 2)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised keys and values of x [B, S, hidden], each [B, K, S, head_dim]."""
        key = self.k_norm(_split_heads(self.k_proj(x), self.kv_heads)).transpose(1, 2)
        value = _split_heads(self.v_proj(x), self.kv_heads).transpose(1, 2)
        return key, value


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)); no biases."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.gate_proj = _linear(hidden, width)
        self.up_proj = _linear(hidden, width)
        self.down_proj = _linear(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., hidden]; the same shape comes back."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Pre-norm transformer block: h += attention(norm(h)); h += mlp(norm(h))."""

    def __init__(self, config: BlockConfig, *, window: int | None = None) -> None:
        super().__init__()
        self.self_attn = Attention(config, window=window)
        self.mlp = MLP(config.hidden, config.mlp)
        self.input_layernorm = RMSNorm(config.hidden, config.eps)
        self.post_attention_layernorm = RMSNorm(config.hidden, config.eps)

    def forward(self, h: Tensor, rope: RopeTable, key_mask: Tensor | None = None) -> Tensor:
        """h: [B, L, hidden] to the same shape; `key_mask` bool [B, L]."""
        h = h + self.self_attn(self.input_layernorm(h), rope, key_mask)
        return h + self.mlp(self.post_attention_layernorm(h))

    def first(self, h: Tensor, rope: RopeTable) -> Tensor:
        """Row 0 [B, 1, hidden] of `forward`, without padding and for layers that are not causal."""
        row = h[:, :1] + self.self_attn.first(self.input_layernorm(h), rope)
        return row + self.mlp(self.post_attention_layernorm(row))


class Linear(nn.Module):
    """y = x W^T + b with W [out, in]; parameters are created empty, for loading."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] to [..., out]."""
        return F.linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class RopeTable:
    """cos and sin [L, head_dim] of rotary positions 0..L-1, each half repeated."""

    cos: Tensor
    sin: Tensor


def rope_table(
    length: int,
    head_dim: int,
    theta: float,
    *,
    device: torch.device,
    dtype: torch.dtype,
    rounded: bool = False,
    exact: bool = False,
) -> RopeTable:
    """Rotary table: angle(p, i) = p * theta^(-2i/head_dim), computed in float32, then cast.

    `rounded` rounds the frequencies to `dtype` first, as a module cast to bfloat16 does upstream.
    `exact` leaves the table in float32.
    """
    exponent = torch.arange(0, head_dim, 2, device=device, dtype=torch.int64).float() / head_dim
    frequency = 1.0 / (theta**exponent)
    if rounded:
        frequency = frequency.to(dtype).float()
    angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] * frequency
    angle = torch.cat([angle, angle], dim=-1)
    stored = torch.float32 if exact else dtype
    return RopeTable(angle.cos().to(stored), angle.sin().to(stored))


def apply_rope(x: Tensor, rope: RopeTable) -> Tensor:
    """Rotate x [B, H, L, d] by its positions: x * cos + rotate_half(x) * sin."""
    first, second = x.chunk(2, dim=-1)
    return x * rope.cos + torch.cat([-second, first], dim=-1) * rope.sin


def make_layers(
    config: BlockConfig, count: int, layer_types: tuple[str, ...] | None = None
) -> nn.ModuleList:
    """`count` blocks; those whose entry of `layer_types` is `sliding_attention` get the window."""
    return nn.ModuleList(
        Block(config, window=window_of(config, layer_types, index)) for index in range(count)
    )


def window_of(config: BlockConfig, layer_types: tuple[str, ...] | None, index: int) -> int | None:
    """The window of layer `index`, None for full attention."""
    if layer_types is None or layer_types[index] != "sliding_attention":
        return None
    return config.window


def _linear(inputs: int, outputs: int) -> Linear:
    return Linear(inputs, outputs, bias=False)


def _split_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1))  # (B, L, H, d)


def _merge_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)  # (B, H, L, d) -> (B, L, H * d)
