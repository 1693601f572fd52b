"""The output head cut to the tokens that may come next."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Runs of ids at least this long are computed from a view of the weight, the rest from a copy.
LONG_RUN = 256
# More rows than this are not copied: all rows around them are computed, which takes hardly longer
# than reading a copy, and their scores picked out.
MOST_COPIED = 4096


class Head(Protocol):
    """Scores of a fixed choice of tokens."""

    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden [n, hidden] to float32 [n, len(ids)], in the order of `ids`."""


class PlainHead:
    """`ids`, sorted int64, of the head `weight` [vocabulary, hidden]."""

    def __init__(self, weight: Tensor, ids: Tensor) -> None:
        rows_wanted, columns = around(ids)
        self.count, self.dtype = len(rows_wanted), weight.dtype
        self.columns = None if columns is None else columns.to(weight.device)
        self.parts = [
            (place, weight[rows] if isinstance(rows, slice) else weight[rows.to(weight.device)])
            for place, rows in cut_runs(rows_wanted)
        ]

    @torch.no_grad()
    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden [n, hidden] to float32 [n, len(ids)]."""
        hidden = hidden.to(self.dtype)
        if len(self.parts) == 1:
            scores = F.linear(hidden, self.parts[0][1]).float()
            return scores if self.columns is None else scores.index_select(1, self.columns)
        scores = hidden.new_empty(hidden.shape[0], self.count, dtype=torch.float32)
        for place, weight in self.parts:
            scores[:, place] = F.linear(hidden, weight).float()
        return scores


def around(ids: Tensor) -> tuple[Tensor, Tensor | None]:
    """The ids to compute for `ids`, and where among them `ids` are: None where they are all.

    For many ids with short gaps, such as those of free text, it is everything between the first and
    the last.
    """
    parts = cut_runs(ids)
    copied = sum(len(rows) for _, rows in parts if isinstance(rows, Tensor))
    if copied <= MOST_COPIED:
        return ids, None
    first, last = int(ids[0]), int(ids[-1])
    return torch.arange(first, last + 1), ids.cpu() - first


def cut_runs(ids: Tensor) -> list[tuple[slice | Tensor, slice | Tensor]]:
    """Cut sorted `ids` into long runs, as slices, and the rest, in one part.

    Each part is its place in `ids` and its rows of the weight, both slices or both int64 on the
    CPU. ValueError when `ids` is empty or not strictly ascending.
    """
    ids = ids.cpu()
    if ids.dim() != 1 or not len(ids) or not bool((ids[1:] > ids[:-1]).all()):
        raise ValueError("the ids of a head must be one ascending list without repetition")
    starts = [0, *(torch.nonzero(ids[1:] != ids[:-1] + 1).flatten() + 1).tolist()]
    ends = [*starts[1:], len(ids)]
    long = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a >= LONG_RUN]
    parts: list[tuple[slice | Tensor, slice | Tensor]] = []
    scattered = torch.ones(len(ids), dtype=torch.bool)
    for start, end in long:
        first = int(ids[start])
        parts.append((slice(start, end), slice(first, first + end - start)))
        scattered[start:end] = False
    if scattered.any():
        places = torch.nonzero(scattered).flatten()
        parts.append((places, ids[places]))
    return parts
