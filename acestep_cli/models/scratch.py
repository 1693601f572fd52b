"""Working memory for the fast paths, and the cutting of long sequences into tiles of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor


class Scratch:
    """Buffers that keep their pages from one use to the next; not for two threads at once.

    A tensor as large as an activation comes back from the allocator as fresh pages, and touching
    those costs more than most elementwise operations.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The buffer `name` as a contiguous tensor of unspecified content, valid until the next
        call with the same name and dtype."""
        size = math.prod(shape)
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.numel() < size:
            buffer = torch.empty(size, dtype=dtype)
            self._buffers[name, dtype] = buffer
        return buffer[:size].view(shape)


Tile = tuple[slice, slice]


def tiles(batch: int, rows: int, most: int) -> Iterator[Tile]:
    """Cover [batch, rows] by slices of about `most` rows that are contiguous in memory: several
    whole items each, or equal parts of one item."""
    if rows <= most:
        items = max(1, most // rows)
        for first in range(0, batch, items):
            yield slice(first, min(batch, first + items)), slice(0, rows)
        return
    step = round_up(-(-rows // -(-rows // most)))
    for item in range(batch):
        for start in range(0, rows, step):
            yield slice(item, item + 1), slice(start, min(rows, start + step))


def round_up(rows: int, multiple: int = 8) -> int:
    """`rows` or the next multiple: the matrix kernels lose a tenth of their speed on odd rows."""
    return -(-rows // multiple) * multiple
