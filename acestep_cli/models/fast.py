"""The transformer stacks as a CPU likes them: tiles of rows, fused epilogues, blocked attention.

They read the parameters of the plain modules, which stay as they are, and equal them within
rounding; a test compares both. Sequences are padded to whole multiples of 8 rows inside; keys of
padding are never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from acestep_cli.models.blocked import blocked_attention
from acestep_cli.models.fused import GatedProducts, Product, centre, normalise, turn_heads
from acestep_cli.models.layers import Attention, Block, RopeTable
from acestep_cli.models.scratch import Scratch, round_up, tiles

if TYPE_CHECKING:
    from acestep_cli.models.dit import CrossCache, DiTLayer

# Rows of a tile: activations stay in the last cache, weights are read from memory once a tile.
TILE_ROWS = 1024
# Rows that a reader of position 0 computes, so that its products keep a whole multiple of 8.
_FIRST_ROWS = 8

Prepare = Callable[[Tensor, slice], Tensor]


class FastDiT:
    """The blocks of a DiT."""

    def __init__(self, layers: Iterable[DiTLayer]) -> None:
        self.scratch = Scratch()
        self.layers = [FastDiTLayer(layer, self.scratch) for layer in layers]
        keep_freed_memory()

    @torch.no_grad()
    def __call__(self, h: Tensor, rope: RopeTable, cross: CrossCache, projection: Tensor) -> Tensor:
        """h: [B, P, D]; rope: float32 tables of at least P rows, rounded up; projection:
        [1 or B, 6, D]. Returns [B, P, D], a new tensor."""
        padded, length = _pad(h, self.scratch), h.shape[1]
        for layer, key, value in zip(self.layers, cross.keys, cross.values, strict=True):
            layer(padded, length, rope, key, value, projection)
        return padded[:, :length].clone()

    @torch.no_grad()
    def keys_values(self, embedded: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Cross-attention keys and values of each layer for an embedded condition [B, L, D]."""
        padded, length = _pad(embedded, self.scratch), embedded.shape[1]
        return [layer.cross_attn.keys_values(padded, length) for layer in self.layers]


class FastStack:
    """Blocks without modulation: the text encoder, the lyric and the timbre encoder."""

    def __init__(self, layers: Iterable[Block]) -> None:
        self.scratch = Scratch()
        self.layers = [FastBlock(layer, self.scratch) for layer in layers]
        keep_freed_memory()

    @torch.no_grad()
    def __call__(self, h: Tensor, rope: RopeTable, *, first: bool = False) -> Tensor:
        """h: [B, L, E]; rope: float32 tables of at least L rows, rounded up.

        Returns [B, L, E], or with `first` row 0 alone [B, 1, E]: then the last layer computes
        keys and values for all rows and nothing else.
        """
        padded, length = _pad(h, self.scratch), h.shape[1]
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            layer(padded, length, rope, first=first and index == last)
        return padded[:, : 1 if first else length].clone()


class FastDiTLayer:
    """`DiTLayer`, in place."""

    def __init__(self, layer: DiTLayer, scratch: Scratch) -> None:
        self.layer, self.scratch = layer, scratch
        self.self_attn = FastAttention(layer.self_attn, scratch)
        self.cross_attn = FastAttention(layer.cross_attn, scratch)
        self.mlp = GatedProducts(layer.mlp)

    def __call__(
        self,
        h: Tensor,
        length: int,
        rope: RopeTable,
        key: Tensor,
        value: Tensor,
        projection: Tensor,
    ) -> None:
        """h: [B, R, D], overwritten; the rest as in `FastDiT`."""
        layer, scratch = self.layer, self.scratch
        table = (layer.scale_shift_table.float() + projection.float())[:, :, None]
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = table.unbind(1)  # [1 or B, 1, D]
        gate, mlp_gate = gate.to(h.dtype), mlp_gate.to(h.dtype)

        def modulated(part: Tensor, items: slice) -> Tensor:
            of = (_of(scale, items), _of(shift, items))
            return normalise(part, layer.self_attn_norm, scratch, scale=of[0], shift=of[1])

        mixed = self.self_attn.mix(h, length, rope, modulated)
        for items, rows in tiles(h.shape[0], h.shape[1], TILE_ROWS):
            part = h[items, rows]
            part.addcmul_(self.self_attn.o(mixed[items, rows]), _of(gate, items))
            crossed = self.cross_attn.cross(
                normalise(part, layer.cross_attn_norm, scratch), key[items], value[items]
            )
            middle = self.cross_attn.o.plus(crossed, part)
            x = normalise(
                middle,
                layer.mlp_norm,
                scratch,
                scale=_of(mlp_scale, items),
                shift=_of(mlp_shift, items),
            )
            down = self.mlp.down(self.mlp.inner(x))
            torch.addcmul(middle, down, _of(mlp_gate, items), out=part)


class FastBlock:
    """`Block`, in place."""

    def __init__(self, layer: Block, scratch: Scratch) -> None:
        self.layer, self.scratch = layer, scratch
        self.attention = FastAttention(layer.self_attn, scratch)
        self.mlp = GatedProducts(layer.mlp)

    def __call__(self, h: Tensor, length: int, rope: RopeTable, *, first: bool) -> None:
        """h: [B, R, E], overwritten; with `first` only its first rows mean anything after."""
        layer, scratch = self.layer, self.scratch

        def normalised(part: Tensor, items: slice) -> Tensor:
            return normalise(part, layer.input_layernorm, scratch)

        wanted = _FIRST_ROWS if first else h.shape[1]
        mixed = self.attention.mix(h, length, rope, normalised, wanted=wanted)
        for items, rows in tiles(h.shape[0], wanted, TILE_ROWS):
            part = h[items, rows].contiguous()
            middle = self.attention.o.plus(mixed[items, rows], part)
            x = normalise(middle, layer.post_attention_layernorm, scratch)
            h[items, rows] = self.mlp.down.plus(self.mlp.inner(x), middle)


class FastAttention:
    """The parts of `Attention` between norm and output projection."""

    def __init__(self, attention: Attention, scratch: Scratch) -> None:
        self.attention, self.scratch = attention, scratch
        self.group = attention.heads // attention.kv_heads
        self.q, self.k = Product(attention.q_proj), Product(attention.k_proj)
        self.v, self.o = Product(attention.v_proj), Product(attention.o_proj)

    def mix(
        self,
        h: Tensor,
        length: int,
        rope: RopeTable,
        prepare: Prepare,
        *,
        wanted: int | None = None,
    ) -> Tensor:
        """Self-attention of `prepare(rows, items)` over the first `length` rows of h [B, R, *]:
        the first `wanted` rows [B, wanted, H * d] of the result, all by default."""
        attention, (batch, rows) = self.attention, h.shape[:2]
        wanted = wanted or rows
        kv, width = attention.kv_heads, attention.head_dim
        query = self._take("query", (batch, kv, self.group, wanted, width), h)
        turned = self.scratch.take("keys", (batch, rows, kv, width), torch.float32)
        value = self._take("value", (batch, kv, rows, width), h)
        for items, span in tiles(batch, rows, TILE_ROWS):
            x = prepare(h[items, span], items)
            part = slice(min(span.start, wanted), min(span.stop, wanted))
            # All products come before the turns: these may overwrite x.
            asking = self.q(x[:, : part.stop - part.start].contiguous())
            offered, said = self.k(x), self.v(x)
            self._put_queries(asking, query[items, :, :, part], _rows_of(rope, part))
            turned[items, span] = self._turned_keys(offered, _rows_of(rope, span))
            value[items, :, span] = said.unflatten(-1, (kv, width)).transpose(1, 2)
        key = self._take("key", (batch, kv, rows, width), h)
        key.copy_(centre(turned, length).transpose(1, 2))
        mixed = self._take("mixed", (batch, wanted, kv, self.group, width), h)
        seen = min(length, wanted)
        mixed[:, seen:] = 0
        blocked_attention(
            query[:, :, :, :seen],
            key[:, :, :length],
            value[:, :, :length],
            mixed[:, :seen],
            self.scratch,
            window=attention.window,
            causal=attention.causal,
        )
        return mixed.flatten(2)

    def cross(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of x [n, r, *] to ready keys and values [n, K, S, d]: [n, r, H * d]."""
        kv, width = self.attention.kv_heads, self.attention.head_dim
        shape = (x.shape[0], kv, self.group, x.shape[1], width)
        query = self._take("cross_query", shape, x)
        self._put_queries(self.q(x), query, None)
        mixed = self._take("cross_mixed", (*x.shape[:2], kv, self.group, width), x)
        blocked_attention(query, key, value, mixed, self.scratch)
        return mixed.flatten(2)

    def keys_values(self, x: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """`Attention.keys_values` of the first `length` rows of x [B, R, *], keys centred."""
        kv, width = self.attention.kv_heads, self.attention.head_dim
        offered, said = self.k(x), self.v(x).unflatten(-1, (kv, width))
        key = centre(self._turned_keys(offered, None), length)[:, :length].to(x.dtype)
        return _kept(key), _kept(said[:, :length])

    def _put_queries(self, raw: Tensor, target: Tensor, rope: RopeTable | None) -> None:
        """Norm, turn, scale and rearrange raw [n, r, H * d] into [n, K, g, r, d]."""
        attention = self.attention
        turned = turn_heads(
            raw.unflatten(-1, (attention.heads, attention.head_dim)),
            attention.q_norm,
            self.scratch,
            rope=rope,
            scale=attention.head_dim**-0.5,
        )
        target.copy_(turned.unflatten(2, (-1, self.group)).permute(0, 2, 3, 1, 4))

    def _turned_keys(self, raw: Tensor, rope: RopeTable | None) -> Tensor:
        """Norm and turn raw [n, r, K * d]: float32 [n, r, K, d] in scratch."""
        heads = raw.unflatten(-1, (self.attention.kv_heads, self.attention.head_dim))
        return turn_heads(heads, self.attention.k_norm, self.scratch, rope=rope)

    def _take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        return self.scratch.take(name, tuple(shape), like.dtype)


def _pad(h: Tensor, scratch: Scratch) -> Tensor:
    """A copy of h [B, L, *] in scratch, zero rows behind to a whole multiple of 8."""
    batch, length, width = h.shape
    padded = scratch.take("rows", (batch, round_up(length), width), h.dtype)
    padded[:, :length] = h
    padded[:, length:] = 0
    return padded


def _kept(x: Tensor) -> Tensor:
    """x [n, r, K, d] as a tensor [n, K, r, d] of its own, outside scratch."""
    return x.transpose(1, 2).clone(memory_format=torch.contiguous_format)


def _rows_of(rope: RopeTable, rows: slice) -> RopeTable:
    return RopeTable(rope.cos[rows], rope.sin[rows])


def _of(values: Tensor, items: slice) -> Tensor:
    """What of values [1 or B, ...] belongs to `items`."""
    return values if values.shape[0] == 1 else values[items]


def keep_freed_memory() -> None:
    """Make glibc keep what the products allocate and free from layer to layer.

    It hands large blocks back to the kernel, so that their pages come fresh each time, until it has
    seen a block of that size freed; 32 MB is the largest that it learns from.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
