"""Qwen3: the decoder-only transformer behind the text encoder (and the planner)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acestep_cli.models.config import ConfigReader
from acestep_cli.models.fast import FastStack
from acestep_cli.models.layers import Block, BlockConfig, RMSNorm, make_layers, rope_table
from acestep_cli.models.scratch import round_up


@dataclass(frozen=True, slots=True)
class Qwen3Config:
    """Sizes of one Qwen3 folder: its block, number of layers and vocabulary."""

    block: BlockConfig
    layers: int
    vocabulary: int
    tied: bool

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Qwen3Config:
        """Read a parsed `config.json`; ValueError names a missing, ill-typed or unsupported key."""
        reader = ConfigReader(raw)
        hidden = reader.integer("hidden_size")
        heads = reader.integer("num_attention_heads")
        block = BlockConfig(
            hidden=hidden,
            heads=heads,
            kv_heads=reader.integer("num_key_value_heads", heads),
            head_dim=reader.integer("head_dim", max(1, hidden // heads)),
            mlp=reader.integer("intermediate_size"),
            eps=reader.number("rms_norm_eps", 1e-6),
            theta=reader.number("rope_theta", 1e6),
            causal=True,
        )
        if raw.get("rope_scaling") or reader.boolean("use_sliding_window", default=False):
            raise ValueError("`rope_scaling` and `use_sliding_window` are not supported for Qwen3")
        if reader.boolean("attention_bias", default=False):
            raise ValueError("`attention_bias` is not supported for Qwen3")
        return cls(
            block=block,
            layers=reader.integer("num_hidden_layers"),
            vocabulary=reader.integer("vocab_size"),
            tied=reader.boolean("tie_word_embeddings", default=False),
        )


class Embedding(nn.Module):
    """A table [rows, width], created empty for loading."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 [...] to [..., width]."""
        return F.embedding(ids, self.weight)


class Qwen3Model(nn.Module):
    """Token ids to hidden states after the final norm.

    `fast`, set by `kernels.optimize`, takes the place of the plain blocks.
    """

    fast: FastStack | None = None

    def __init__(self, config: Qwen3Config, *, rounded_rope: bool = False) -> None:
        super().__init__()
        self.config, self.rounded_rope = config, rounded_rope
        self.embed_tokens = Embedding(config.vocabulary, config.block.hidden)
        self.layers = make_layers(config.block, config.layers)
        self.norm = RMSNorm(config.block.hidden, config.block.eps)

    def embed(self, ids: Tensor) -> Tensor:
        """The token-embedding table alone: ids [B, L] to [B, L, hidden] (what lyrics use)."""
        return self.embed_tokens(ids)

    def blocks(self) -> list[Block]:
        """The layers in order."""
        return cast(list[Block], list(self.layers))

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 [B, L]; causal attention over positions 0..L-1; returns [B, L, hidden]."""
        h = self.embed_tokens(ids)
        block, fast, length = self.config.block, self.fast, ids.shape[1]
        rope = rope_table(
            length if fast is None else round_up(length),
            block.head_dim,
            block.theta,
            device=h.device,
            dtype=h.dtype,
            rounded=self.rounded_rope,
            exact=fast is not None,
        )
        if fast is not None:
            return self.norm(fast(h, rope))
        for layer in self.layers:
            h = layer(h, rope)
        return self.norm(h)
