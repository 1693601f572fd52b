"""A language model in the form that decoding reads fastest.

Products of the same input are one; queries and keys lie in an order that makes the rotation
of RoPE one complex multiplication. Who packs a layer may drop it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.causal import CausalLM
from acestep_cli.models.fast import keep_freed_memory
from acestep_cli.models.heads import around, cut_runs
from acestep_cli.models.layers import Attention, Block, RMSNorm
from acestep_cli.models.products import MakeProduct, Product, make_gate, make_product
from acestep_cli.models.qwen3 import Qwen3Config

# Rows of the output head that are packed together, when one of them is first wanted.
HEAD_ROWS = 4096


class PackedLayer:
    """The products and norms of one block."""

    def __init__(self, block: Block, make: MakeProduct = make_product) -> None:
        attention, mlp = block.self_attn, block.mlp
        width = attention.head_dim
        asking = _paired_rows(attention.q_proj.weight, width)
        offered = _paired_rows(attention.k_proj.weight, width)
        self.qkv = make(torch.cat([asking, offered, attention.v_proj.weight]))
        self.o = make(attention.o_proj.weight)
        self.gate = make_gate(mlp.gate_proj.weight, mlp.up_proj.weight, make)
        self.down = make(mlp.down_proj.weight)
        self.attention_norm = PackedNorm(block.input_layernorm)
        self.mlp_norm = PackedNorm(block.post_attention_layernorm)
        self.head_norm = _head_norm(attention)


class PackedNorm:
    """RMSNorm in float32 of rows [..., width]; `weight` [width], or [heads, width] for heads."""

    def __init__(self, norm: RMSNorm, weight: Tensor | None = None) -> None:
        weight = norm.weight if weight is None else weight
        width = weight.shape[-1]
        # x / sqrt(|x|^2 / width + eps) is x * sqrt(width) / hypot(|x|, sqrt(width * eps)).
        self.weight = weight.detach().float() * width**0.5
        self.floor = self.weight.new_tensor((width * norm.eps) ** 0.5)

    def __call__(self, x: Tensor, out: Tensor) -> Tensor:
        """Into `out`, which may be x."""
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return torch.div(x, length.hypot_(self.floor), out=out).mul_(self.weight)


class PackedModel:
    """A whole language model. The embedding stays as it is, a mapped file for one.

    dtype: of the keys and values that decoding keeps.
    """

    def __init__(
        self,
        config: Qwen3Config,
        layers: list[PackedLayer],
        rest: CausalLM,
        dtype: torch.dtype,
        make: MakeProduct = make_product,
    ) -> None:
        self.config, self.layers, self.dtype = config, layers, dtype
        self.norm = PackedNorm(rest.model.norm)
        self.embedding, self.head_weight = rest.model.embed_tokens.weight, rest.head_weight
        self.device = self.head_weight.device
        self.least_rows = max((layer.qkv.least_rows for layer in layers), default=1)
        self._make = make
        self._head: dict[int, Product] = {}
        keep_freed_memory()

    @classmethod
    def of(cls, model: CausalLM, make: MakeProduct = make_product) -> PackedModel:
        """Pack a loaded model, which stays whole."""
        layers = [PackedLayer(block, make) for block in model.model.blocks()]
        return cls(model.config, layers, model, model.head_weight.dtype, make)

    def head_block(self, index: int) -> Product:
        """Rows from `index` * HEAD_ROWS of the head."""
        if index not in self._head:
            start = index * HEAD_ROWS
            self._head[index] = self._make(self.head_weight[start : start + HEAD_ROWS])
        return self._head[index]


class PackedHead:
    """`Head` from blocks of packed rows, which all heads of a model share."""

    def __init__(self, model: PackedModel, ids: Tensor) -> None:
        wanted, self.columns = around(ids)
        self.count = len(wanted)
        self.blocks: list[tuple[slice, Product, slice]] = []
        self.rest: list[tuple[Tensor, Tensor]] = []
        for place, rows in cut_runs(wanted):
            if isinstance(rows, slice) and isinstance(place, slice):
                self.blocks += [
                    (part, model.head_block(block), columns)
                    for part, block, columns in _in_blocks(place.start, rows)
                ]
            elif isinstance(place, Tensor):
                self.rest.append((place, model.head_weight[rows]))

    @torch.no_grad()
    def __call__(self, hidden: Tensor) -> Tensor:
        """hidden [n, hidden] to float32 [n, len(ids)]."""
        scores = torch.empty(hidden.shape[0], self.count)
        for place, product, columns in self.blocks:
            scores[:, place] = product(hidden)[:, columns]
        for places, weight in self.rest:
            scores[:, places] = F.linear(hidden.to(weight.dtype), weight).float()
        return scores if self.columns is None else scores.index_select(1, self.columns)


def _in_blocks(first: int, rows: slice) -> list[tuple[slice, int, slice]]:
    """A run of rows, whose scores begin at `first`, as (place in the scores, block, rows of it)."""
    found = []
    for block in range(rows.start // HEAD_ROWS, -(-rows.stop // HEAD_ROWS)):
        offset = block * HEAD_ROWS
        start, stop = max(rows.start, offset), min(rows.stop, offset + HEAD_ROWS)
        at = first + start - rows.start
        place = slice(at, at + stop - start)
        found.append((place, block, slice(start - offset, stop - offset)))
    return found


def _paired_rows(weight: Tensor, width: int) -> Tensor:
    """Rows of each head with the two halves that RoPE turns together side by side."""
    return weight.unflatten(0, (-1, 2, width // 2)).transpose(1, 2).flatten(0, 2)


def _head_norm(attention: Attention) -> PackedNorm:
    """One norm for the heads of queries and keys in the order of `_paired_rows`."""
    rows = [
        _paired_rows(norm.weight, attention.head_dim).expand(heads, -1)
        for norm, heads in (
            (attention.q_norm, attention.heads),
            (attention.k_norm, attention.kv_heads),
        )
    ]
    return PackedNorm(attention.q_norm, torch.cat(rows))
