"""Attention as matrix products over blocks of rows: bf16 products beat the flash kernel on CPUs.

Only what a block of rows can see is computed, so a window costs time linear in the length and a
causal mask half of the full one. The plain masked form is in attention.py.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from acestep_cli.models.scratch import Scratch

# Rows of a block, and what its scores may take in bytes before it gets fewer rows.
_ROWS, _LEAST_ROWS = 128, 64
_BLOCK_BYTES = 24 << 20


def blocked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    scratch: Scratch,
    *,
    window: int | None = None,
    causal: bool = False,
) -> None:
    """softmax(query key^T) value into `out`, with queries already scaled.

    query: [B, K, g, L, d], g query heads for each of K key heads; key, value: [B, K, S, d]; out:
    [B, L, K, g, d]. `window` and `causal` as in `attend` (then L == S).
    """
    batch, kv, group, length, width = query.shape
    keys, heads = key.shape[2], batch * kv
    reach = None if window is None or keys <= window + 1 else window
    step = _rows(heads * group * query.element_size(), length, keys, reach)
    mask = _mask(step, reach, query.dtype) if reach is not None or causal else None
    for start in range(0, length, step):
        end = min(length, start + step)
        low, high = _seen(start, end, keys, reach, causal=causal)
        rows = group * (end - start)
        block = scratch.take("block", (heads, rows, width), query.dtype)
        block.view(batch, kv, group, -1, width).copy_(query[:, :, :, start:end])
        shape = (heads, rows, high - low)
        scores = scratch.take("scores", shape, query.dtype)
        torch.bmm(block, key[:, :, low:high].flatten(0, 1).transpose(1, 2), out=scores)
        if mask is not None:
            _hide(scores.view(heads, group, end - start, -1), mask, start, low, reach)
        weights = torch.softmax(scores, -1, out=scratch.take("weights", shape, query.dtype))
        torch.bmm(weights, value[:, :, low:high].flatten(0, 1), out=block)
        out[:, start:end].copy_(block.view(batch, kv, group, -1, width).permute(0, 3, 1, 2, 4))


def _rows(row_bytes: int, length: int, keys: int, reach: int | None) -> int:
    """Rows of a block; equal blocks where there are several. A row's scores take `row_bytes` for
    each key."""
    if reach is not None:
        return max(_LEAST_ROWS, min(reach, 2 * _ROWS))
    most = min(_ROWS, max(_LEAST_ROWS, _BLOCK_BYTES // (row_bytes * keys)))
    return -(-length // -(-length // most))


def _seen(start: int, end: int, keys: int, reach: int | None, *, causal: bool) -> tuple[int, int]:
    """The range of keys that rows start..end see any of."""
    if causal:
        return 0, end
    if reach is None:
        return 0, keys
    return max(0, start - reach), min(keys, end + reach)


@lru_cache(maxsize=8)
def _mask(step: int, reach: int | None, dtype: torch.dtype) -> Tensor:
    """What is added to scores: 0 where a row sees a column, minus infinity elsewhere.

    Rows are those of a block. Columns begin `reach` before its first row; for a causal mask at it.
    """
    if reach is None:
        return torch.full((step, step), float("-inf"), dtype=dtype).triu_(1)
    rows = torch.arange(step)[:, None]
    columns = torch.arange(step + 2 * reach)
    seen = (columns >= rows) & (columns <= rows + 2 * reach)
    return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, float("-inf"))


def _hide(scores: Tensor, mask: Tensor, start: int, low: int, reach: int | None) -> None:
    rows, columns = scores.shape[-2:]
    if reach is None:
        scores[..., start:].add_(mask[:rows, :rows])
    else:
        first = low - (start - reach)
        scores.add_(mask[:rows, first : first + columns])
