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
    rows and `window` more on either side. All blocks go through one call, as items of a batch.
    """
    batch, heads, length, width = query.shape
    block = max(window, 64)
    count = -(-length // block)
    behind = count * block - length
    rows = F.pad(query, (0, 0, 0, behind)).unflatten(2, (count, block))  # (B, H, n, block, d)
    around = [_around(x, heads, window, behind, block) for x in (key, value)]
    mixed = F.scaled_dot_product_attention(
        rows.transpose(1, 2).flatten(0, 1),
        around[0],
        around[1],
        attn_mask=_block_mask(length, block, window, query.device).repeat(batch, 1, 1, 1),
    )
    mixed = mixed.unflatten(0, (batch, count)).transpose(1, 2)
    return mixed.reshape(batch, heads, -1, width)[:, :, :length]


def _around(x: Tensor, heads: int, window: int, behind: int, block: int) -> Tensor:
    """Keys or values [B, K, L, d] to those that each block meets: [B * n, H, block + 2w, d]."""
    padded = F.pad(x, (0, 0, window, behind + window))
    parts = padded.unfold(2, block + 2 * window, block).permute(0, 2, 1, 4, 3)
    spread = parts[:, :, :, None].expand(-1, -1, -1, heads // x.shape[1], -1, -1)
    return spread.reshape(-1, heads, block + 2 * window, x.shape[3])


def _block_mask(length: int, block: int, window: int, device: torch.device) -> Tensor:
    """bool [n, 1, block, block + 2w]: which of the keys around it each row of each block sees."""
    first = torch.arange(0, length, block, device=device)[:, None, None]
    rows = first + torch.arange(block, device=device)[:, None]
    columns = first - window + torch.arange(block + 2 * window, device=device)
    near = (rows - columns).abs() <= window
    # Rows behind the end may see what they like: nobody reads them, and they must stay finite.
    seen = near & (columns >= 0) & (columns < length) | (rows >= length)
    return seen[:, None]


def band_mask(length: int, window: int, device: torch.device) -> Tensor:
    """bool [length, length], True where |i - j| <= window."""
    position = torch.arange(length, device=device)
    return (position[:, None] - position[None, :]).abs() <= window
