"""Decoding token by token with a static key/value cache.

The same prompt gives the same bits whatever ran before. Prompts are computed in pieces of
`PIECE` tokens, cut at whole multiples from the first token, one stream after another, so that a
piece's arithmetic depends on nothing but the tokens up to its end. What a stream's last prompt and
the next one have in common, in whole pieces, is therefore taken from the cache, and equals
what computing it again would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding_plain import PlainSteps
from acestep_cli.models.decoding_rows import RowSteps
from acestep_cli.models.decoding_static import StaticSteps
from acestep_cli.models.heads import Head
from acestep_cli.models.packed import PackedModel
from acestep_cli.models.qwen3 import Qwen3Config

# Tokens of a piece of a prompt: enough for matrix products at full speed, few to compute twice.
PIECE = 128


class Steps(Protocol):
    """The network over a cache of its own: [streams, limit] positions of keys and values."""

    def prefill(self, stream: int, ids: Tensor, start: int) -> Tensor:
        """Append `ids` int64 [n] to `stream`, which holds `start` tokens: hidden [hidden] after
        the last of them and after the final norm."""

    def step(self, tokens: Tensor, positions: Sequence[int]) -> Tensor:
        """Append one token to each of the first streams: tokens int64 [n], positions of theirs;
        hidden [n, hidden] after the final norm, valid until the next call."""

    def head(self, ids: Tensor) -> Head:
        """The output head cut to `ids`."""


class Decoder:
    """`streams` sequences of one model that grow together, each of at most `limit` tokens.

    Plain modules are computed as they are, packed models by what they were packed for. Not for two
    threads at once, nor are two decoders of one packed model, which share working memory.
    """

    def __init__(self, model: CausalLM | PackedModel, *, streams: int, limit: int) -> None:
        if streams < 1 or limit < 1:
            raise ValueError(f"{streams} streams of {limit} tokens: both must be at least 1")
        self.streams, self.limit = streams, limit
        self.device, self.vocabulary = model.head_weight.device, len(model.head_weight)
        self._steps = make_steps(model, streams, limit)
        self._prompts: list[tuple[int, ...]] = [()] * streams
        self._after: list[Tensor | None] = [None] * streams
        self._lengths: list[int] = []

    @property
    def room(self) -> int:
        """How many more tokens fit into every stream."""
        return self.limit - max(self._lengths, default=0)

    @torch.no_grad()
    def start(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Begin anew with a prompt for each stream, of any lengths.

        Fewer prompts than streams use the first streams alone; the others keep what they hold.
        Returns hidden [len(prompts), hidden] after the last token of each and after the final norm.
        ValueError for an empty or too long prompt, or more prompts than streams.
        """
        if not 1 <= len(prompts) <= self.streams:
            raise ValueError(f"{len(prompts)} prompts for {self.streams} streams")
        for prompt in prompts:
            if not 1 <= len(prompt) <= self.limit:
                raise ValueError(f"a prompt of {len(prompt)} tokens is not within 1..{self.limit}")
        rows = [self._fill(stream, tuple(prompt)) for stream, prompt in enumerate(prompts)]
        self._lengths = [len(prompt) for prompt in prompts]
        return torch.stack(rows)

    @torch.no_grad()
    def step(self, token: int | Tensor) -> Tensor:
        """Append the same token (a number or an int64 tensor of one element) to every stream.

        Returns hidden [streams, hidden], valid until the next call. ValueError when a stream is
        full or none was started.
        """
        if not self._lengths or self.room < 1:
            raise ValueError(f"no room for another token: {self.limit} is the limit")
        one = torch.as_tensor(token, dtype=torch.int64, device=self.device)
        hidden = self._steps.step(one.expand(len(self._lengths)), self._lengths)
        self._lengths = [length + 1 for length in self._lengths]
        return hidden

    @torch.no_grad()
    def extend(self, tokens: Sequence[int | Tensor]) -> Tensor:
        """`step` for each of `tokens` (one or more) with what follows the last of them: together
        they take hardly longer than one, since weights are read once."""
        if len(tokens) == 1:
            return self.step(tokens[0])
        if not self._lengths or self.room < len(tokens):
            raise ValueError(f"no room for {len(tokens)} more tokens: {self.limit} is the limit")
        device = self.device
        ids = torch.cat(
            [torch.as_tensor(t, dtype=torch.int64, device=device).view(1) for t in tokens]
        )
        rows = [self._steps.prefill(i, ids, length) for i, length in enumerate(self._lengths)]
        self._lengths = [length + len(tokens) for length in self._lengths]
        return torch.stack(rows)

    def head(self, ids: Tensor) -> Head:
        """The output head for `ids`, sorted int64 [n]: build it once and keep it.

        Long runs of ids are views of the model's weight, so a large head costs no memory.
        """
        return self._steps.head(ids)

    def _fill(self, stream: int, prompt: tuple[int, ...]) -> Tensor:
        """Put `prompt` into `stream`, computing what is not there yet; hidden after its end."""
        before, after = self._prompts[stream], self._after[stream]
        if prompt == before and after is not None:
            return after
        # At least the last token is computed, since what follows it is wanted.
        first = min(_common(before, prompt), len(prompt) - 1) // PIECE * PIECE
        # An interruption must not leave what is half overwritten for whole.
        self._prompts[stream], self._after[stream] = before[:first], None
        ids = torch.tensor(prompt, dtype=torch.int64, device=self.device)
        for start in range(first, len(prompt), PIECE):
            hidden = self._steps.prefill(stream, ids[start : start + PIECE], start)
        self._prompts[stream], self._after[stream] = prompt, hidden.clone()
        return hidden


def make_steps(model: CausalLM | PackedModel, streams: int, limit: int) -> Steps:
    """What computes `model`, with an empty cache."""
    if isinstance(model, PackedModel):
        if model.device.type == "cuda":
            return StaticSteps(model, streams, limit, capture=True)
        return RowSteps(model, streams, limit)
    return PlainSteps(model, streams, limit)


def cache_bytes(config: Qwen3Config, streams: int, limit: int, itemsize: int) -> int:
    """Memory of the keys and values of `streams` sequences of `limit` tokens."""
    block = config.block
    return 2 * config.layers * streams * limit * block.kv_heads * block.head_dim * itemsize


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two prompts have in common at their beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    differing = (index for index, (a, b) in pairs if a != b)
    return next(differing, min(len(first), len(second)))


__all__ = ["PIECE", "Decoder", "Head", "Steps", "cache_bytes", "make_steps"]
