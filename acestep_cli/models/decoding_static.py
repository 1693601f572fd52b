"""Steps of unchanging shapes, which a GPU records once and replays with a single call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.decoding_rows import RowSteps
from acestep_cli.models.heads import Head
from acestep_cli.models.packed import PackedModel
from acestep_cli.models.scratch import round_up

# The fewest positions that a step looks over; twice as many whenever they are used up. What lies
# beyond a stream's end is masked.
_LEAST_SPAN = 256
# Attention with a mask wants whole multiples.
_POSITIONS = 64


class StaticSteps:
    """`Steps` of decoding.py; `capture` records each step as a CUDA graph, without it they run
    as they are, on any device. Prompts are not recorded."""

    def __init__(self, model: PackedModel, streams: int, limit: int, *, capture: bool) -> None:
        self.rows, self.capture = RowSteps(model, streams, round_up(limit, _POSITIONS)), capture
        # Masked values are multiplied by zero, so they must be finite.
        self.rows.cache.zero_()
        self.tokens, self.positions = (
            torch.zeros(streams, dtype=torch.int64, device=model.device) for _ in range(2)
        )
        self.graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def prefill(self, stream: int, ids: Tensor, start: int) -> Tensor:
        """As `Steps.prefill`."""
        return self.rows.prefill(stream, ids, start)

    def step(self, tokens: Tensor, positions: Sequence[int]) -> Tensor:
        """As `Steps.step`."""
        count, span = len(positions), self._span(max(positions) + 1)
        self.tokens[:count] = tokens
        for stream, position in enumerate(positions):
            self.positions[stream] = position
        if not self.capture:
            return self._advance(count, span)
        if (count, span) not in self.graphs:
            self.graphs[count, span] = self._record(count, span)
        graph, hidden = self.graphs[count, span]
        graph.replay()
        return hidden

    def head(self, ids: Tensor) -> Head:
        """As `Steps.head`."""
        return self.rows.head(ids)

    def _advance(self, count: int, span: int) -> Tensor:
        """One step of the first `count` streams from `tokens` and `positions`, over `span`
        positions: hidden [count, hidden], in memory that stays."""
        memory, positions = self.rows.memory(count), self.positions[:count]
        cache = self.rows.cache[:count].unbind(1)
        streams = torch.arange(count, device=positions.device)
        seen = torch.arange(span, device=positions.device) <= positions[:, None]
        seen = seen[:, None, None]  # (n, 1, 1, S)
        mixed = memory.mixed.view(memory.asked.shape)

        def attend(layer: int) -> None:
            cache[layer][streams, :, positions] = memory.added.to(cache[layer].dtype)
            keys, values = cache[layer][:, :, :span].chunk(2, dim=1)
            mixed.copy_(F.scaled_dot_product_attention(memory.asked, keys, values, seen))

        return self.rows.run(memory, self.tokens[:count], self.rows.turns[positions], attend)

    def _record(self, count: int, span: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """The graph of `_advance`. A first run, which libraries need to set themselves up, writes
        what the replay will write again."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            self._advance(count, span)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            hidden = self._advance(count, span)
        return graph, hidden

    def _span(self, needed: int) -> int:
        span = _LEAST_SPAN
        while span < needed:
            span *= 2
        return min(span, self.rows.cache.shape[3])
