"""The plain modules over a key/value cache: any device, any dtype, no tricks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.causal import CausalLM
from acestep_cli.models.heads import Head, PlainHead
from acestep_cli.models.layers import Attention, RopeTable, apply_rope, rope_table


class PlainSteps:
    """`Steps` of decoding.py, one stream after another."""

    def __init__(self, model: CausalLM, streams: int, limit: int) -> None:
        config, weight = model.config, model.head_weight
        self.network, self.weight = model.model, weight
        block = config.block
        shape = (config.layers, streams, block.kv_heads, limit, block.head_dim)
        self.keys, self.values = (
            torch.empty(shape, dtype=weight.dtype, device=weight.device) for _ in range(2)
        )
        self.rope = rope_table(
            limit, block.head_dim, block.theta, device=weight.device, dtype=weight.dtype
        )

    def prefill(self, stream: int, ids: Tensor, start: int) -> Tensor:
        """As `Steps.prefill`."""
        return self._run(stream, ids, start)[-1]

    def step(self, tokens: Tensor, positions: Sequence[int]) -> Tensor:
        """As `Steps.step`."""
        rows = [
            self._run(stream, tokens[stream : stream + 1], start)
            for stream, start in enumerate(positions)
        ]
        return torch.cat(rows)

    def head(self, ids: Tensor) -> Head:
        """As `Steps.head`."""
        return PlainHead(self.weight, ids)

    def _run(self, stream: int, ids: Tensor, start: int) -> Tensor:
        """Hidden [n, hidden] of `ids` [n] at positions from `start`."""
        h = self.network.embed_tokens(ids)[None]
        end = start + len(ids)
        rope = RopeTable(self.rope.cos[start:end], self.rope.sin[start:end])
        seen = torch.ones(len(ids), end, dtype=torch.bool, device=h.device).tril(start)
        for index, layer in enumerate(self.network.blocks()):
            cache = self.keys[index, stream, :, :end], self.values[index, stream, :, :end]
            h = h + _attend(layer.self_attn, layer.input_layernorm(h), rope, cache, seen)
            h = h + layer.mlp(layer.post_attention_layernorm(h))
        return self.network.norm(h)[0]


def _attend(
    attention: Attention, x: Tensor, rope: RopeTable, cache: tuple[Tensor, Tensor], seen: Tensor
) -> Tensor:
    """Attention of x [1, n, hidden], whose keys and values go to the end of the cached ones
    [K, S, d]; seen: bool [n, S]."""
    query = apply_rope(attention.queries(x), rope)
    key, value = attention.keys_values(x)
    keys, values = cache
    keys[:, -x.shape[1] :] = apply_rope(key, rope)[0]
    values[:, -x.shape[1] :] = value[0]
    mixed = F.scaled_dot_product_attention(
        query, keys[None], values[None], attn_mask=seen, enable_gqa=True
    )
    return attention.o_proj(mixed.transpose(1, 2).flatten(2))
