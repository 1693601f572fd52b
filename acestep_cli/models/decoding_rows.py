"""Decoding with packed weights: a few rows through them, little between.

Residuals, norms and rotations are float32; keys and values lie in the model's dtype. All that
lies between two products works in place on views that are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.heads import Head, PlainHead
from acestep_cli.models.layers import rope_table
from acestep_cli.models.packed import PackedHead, PackedLayer, PackedModel

# Attention of the layer with this index, from and to the working memory.
Attend = Callable[[int], None]


class RowSteps:
    """`Steps` of decoding.py for a packed model."""

    def __init__(self, model: PackedModel, streams: int, limit: int) -> None:
        self.model, block = model, model.config.block
        # Keys, then values, of each head: what a token adds to a stream is one copy.
        shape = (streams, model.config.layers, 2 * block.kv_heads, limit, block.head_dim)
        self.cache = torch.empty(shape, dtype=model.dtype, device=model.device)
        self.turns = _turns(limit, block.head_dim, block.theta, model.device)
        self.memories: dict[int, Memory] = {}

    def prefill(self, stream: int, ids: Tensor, start: int) -> Tensor:
        """As `Steps.prefill`."""
        block, rows, end = self.model.config.block, len(ids), start + len(ids)
        memory = Memory(self.model, rows)
        cache, group = self.cache[stream], block.heads // block.kv_heads
        keys, values = cache[:, :, :end].unsqueeze(1).chunk(2, dim=2)
        seen = torch.ones(rows, end, dtype=torch.bool, device=ids.device).tril(start)
        seen = seen.repeat(group, 1)
        # The query heads of one key head as more rows of it, which saves repeating keys.
        asked = memory.asked.permute(1, 2, 0, 3)
        mixed = memory.mixed.view(memory.asked.shape).permute(1, 2, 0, 3)

        def attend(layer: int) -> None:
            cache[layer, :, start:end] = memory.added.transpose(0, 1)
            query = asked.reshape(1, block.kv_heads, -1, block.head_dim)
            found = F.scaled_dot_product_attention(query, keys[layer], values[layer], seen)
            mixed.copy_(found.view(mixed.shape))

        return self.run(memory, ids, self.turns[start:end], attend)[-1]

    def step(self, tokens: Tensor, positions: Sequence[int]) -> Tensor:
        """As `Steps.step`."""
        count = len(positions)
        memory = self.memory(max(count, self.model.least_rows))
        places = [self._places(stream, at) for stream, at in enumerate(positions)]
        new, keys, values = zip(*places, strict=True)
        streams = range(count)
        rows = torch.zeros(len(memory.h), dtype=torch.int64)
        rows[:count] = torch.tensor(positions)

        def attend(layer: int) -> None:
            for stream in streams:
                new[stream][layer].copy_(memory.new_rows[stream])
                memory.mixed_rows[stream].copy_(
                    F.scaled_dot_product_attention(
                        memory.asked_rows[stream], keys[stream][layer], values[stream][layer]
                    )
                )

        return self.run(memory, tokens, self.turns[rows], attend)[:count]

    def head(self, ids: Tensor) -> Head:
        """As `Steps.head`."""
        if self.model.device.type == "cpu":
            return PackedHead(self.model, ids)
        return PlainHead(self.model.head_weight, ids)

    def _places(self, stream: int, at: int) -> tuple[tuple[Tensor, ...], ...]:
        """For each layer of `stream` where position `at` goes [2 K, d], and the keys and values
        to its end [1, K, S, d]."""
        cache = self.cache[stream]
        keys, values = cache[:, :, : at + 1].unsqueeze(1).chunk(2, dim=2)
        return cache[:, :, at].unbind(0), keys.unbind(0), values.unbind(0)

    def memory(self, rows: int) -> Memory:
        """Working memory for `rows` rows, always the same."""
        if rows not in self.memories:
            self.memories[rows] = Memory(self.model, rows)
        return self.memories[rows]

    def run(self, memory: Memory, ids: Tensor, turns: Tensor, attend: Attend) -> Tensor:
        """Hidden [n, hidden] of `ids`, rows beyond them are zero; turns [n, 1, d / 2]."""
        memory.h.zero_()
        memory.h[: len(ids)] = F.embedding(ids, self.model.embedding)
        for index, layer in enumerate(self.model.layers):
            _advance(memory, layer, turns, attend, index)
        return self.model.norm(memory.h, memory.x)


def _advance(memory: Memory, layer: PackedLayer, turns: Tensor, attend: Attend, index: int) -> None:
    """One block."""
    memory.heads.copy_(layer.qkv(layer.attention_norm(memory.h, memory.x)))
    layer.head_norm(memory.turned, memory.turned)
    memory.pairs.mul_(turns)
    memory.asked.copy_(memory.query)
    attend(index)
    memory.h.add_(layer.o(memory.mixed))
    memory.h.add_(layer.down(layer.gate(layer.mlp_norm(memory.h, memory.x))))


class Memory:
    """Working memory for `rows` rows, and views of its parts."""

    def __init__(self, model: PackedModel, rows: int) -> None:
        block, device = model.config.block, model.device
        kv, width = block.kv_heads, block.head_dim
        self.h, self.x = (torch.empty(rows, block.hidden, device=device) for _ in range(2))
        heads = torch.empty(rows, block.heads + 2 * kv, width, device=device)
        self.heads = heads.view(rows, -1)
        self.turned = heads[:, : block.heads + kv]
        self.pairs = torch.view_as_complex(self.turned.unflatten(-1, (-1, 2)))
        self.query = heads[:, : block.heads].unflatten(1, (kv, -1))  # (n, K, g, d)
        self.added = heads[:, block.heads :]  # (n, 2 K, d)
        self.asked = torch.empty(self.query.shape, dtype=model.dtype, device=device)
        self.mixed = torch.zeros(rows, block.heads * width, dtype=model.dtype, device=device)
        # Row by row, (1, K, g, d), as attention over one stream takes it.
        self.new_rows = self.added.unbind(0)
        self.asked_rows = self.asked.split(1)
        self.mixed_rows = self.mixed.view(self.asked.shape).split(1)


def _turns(limit: int, width: int, theta: float, device: torch.device) -> Tensor:
    """RoPE as complex numbers of length one: complex64 [limit, 1, width / 2]."""
    rope = rope_table(limit, width, theta, device=device, dtype=torch.float32, exact=True)
    half = width // 2
    return torch.complex(rope.cos[:, None, :half], rope.sin[:, None, :half])
