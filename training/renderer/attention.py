"""Attention for training on a CPU: written out, because the way back through the fused form costs
four times as much at these lengths."""

from __future__ import annotations

import torch
from torch import Tensor

from acestep_cli.models import layers


def plain_attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int | None = None,
    causal: bool = False,
    key_mask: Tensor | None = None,
) -> Tensor:
    """As the package's `attend`: queries [B, H, L, d], keys and values [B, K, S, d]."""
    batch, heads, length, width = query.shape
    groups, keys = key.shape[1], key.shape[2]
    share = heads // groups
    scores = query.reshape(batch, groups, share * length, width) @ key.transpose(-1, -2)
    scores = scores.view(batch, groups, share, length, keys) * width**-0.5
    seen = _seen(length, keys, window, causal, key_mask, query.device)
    if seen is not None:
        scores = scores.masked_fill(~seen, -3e4)
    weights = scores.float().softmax(-1).to(value.dtype)
    mixed = weights.view(batch, groups, share * length, keys) @ value
    return mixed.reshape(batch, heads, length, width)


def use_plain_attention() -> None:
    """Let the package's networks use `plain_attend` in this process."""
    layers.__dict__["attend"] = plain_attend


def _seen(
    length: int,
    keys: int,
    window: int | None,
    causal: bool,
    key_mask: Tensor | None,
    device: torch.device,
) -> Tensor | None:
    """Which keys each query may see, bool, to be broadcast over [B, K, H / K, L, S]."""
    seen = None if key_mask is None else key_mask[:, None, None, None, :]
    rows = torch.arange(length, device=device)[:, None]
    columns = torch.arange(keys, device=device)[None]
    for near in (
        None if window is None else (rows - columns).abs() <= window,
        rows >= columns if causal else None,
    ):
        if near is not None:
            seen = near if seen is None else seen & near
    return seen
