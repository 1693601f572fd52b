"""Scaled dot-product attention in the forms the networks need: full, causal, banded and padded.

Shapes: queries [B, H, L, d], keys and values [B, K, S, d] with H a multiple of K (grouped-query
attention); the result is [B, H, L, d]. Scale is d^-0.5; the softmax runs in float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int | None = None,
    causal: bool = False,
    key_mask: Tensor | None = None,
) -> Tensor:
    """Attention of every query to the keys it may see.

    window: a query at i sees keys with |i - j| <= window (L == S); None sees all.
    causal: a query at i sees keys j <= i.
    key_mask: bool [B, S], True for valid keys; padding is never seen.
    """
    if key_mask is not None:
        return masked_attention(query, key, value, window=window, key_mask=key_mask)
    if window is not None and key.shape[2] > window + 1:
        return banded_attention(query, key, value, window)
    return full_attention(query, key, value, causal=causal)


def full_attention(query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
    """Attention without a mask, or with the causal one."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=causal, enable_gqa=True)


def masked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int | None = None,
    key_mask: Tensor | None = None,
) -> Tensor:
    """The plain form: every score is computed and the unseen ones are masked (quadratic cost)."""
    length, keys = query.shape[2], key.shape[2]
    seen = torch.ones(1, 1, length, keys, dtype=torch.bool, device=query.device)
    if window is not None:
        seen = seen & band_mask(length, window, query.device)
    if key_mask is not None:
        seen = seen & key_mask[:, None, None, :]
    # The lowest number instead of -inf: a row that sees nothing (padding) attends evenly
    # everywhere. The original does so, and its decoder reads those rows of a padded batch.
    bias = torch.zeros_like(seen, dtype=query.dtype)
    bias = bias.masked_fill(~seen, torch.finfo(query.dtype).min)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, enable_gqa=True)


def banded_attention(query: Tensor, key: Tensor, value: Tensor, window: int) -> Tensor:
    """Attention within |i - j| <= window, at a cost linear in the length.

    Queries are cut into blocks of max(window, 64) rows; each block meets only the keys of its own
    rows and `window` more on either side.
    """
    length = query.shape[2]
    block = max(window, 64)
    parts = []
    for start in range(0, length, block):
        end = min(start + block, length)
        low, high = max(0, start - window), min(length, end + window)
        rows = torch.arange(start, end, device=query.device)[:, None]
        columns = torch.arange(low, high, device=query.device)[None, :]
        parts.append(
            F.scaled_dot_product_attention(
                query[:, :, start:end],
                key[:, :, low:high],
                value[:, :, low:high],
                attn_mask=(rows - columns).abs() <= window,
                enable_gqa=True,
            )
        )
    return torch.cat(parts, dim=2)


def band_mask(length: int, window: int, device: torch.device) -> Tensor:
    """bool [length, length], True where |i - j| <= window."""
    position = torch.arange(length, device=device)
    return (position[:, None] - position[None, :]).abs() <= window
