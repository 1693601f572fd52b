"""The causal language model of the planner: Qwen3 with an output head, tied or of its own."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from acestep_cli.models.layers import Linear
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model


class CausalLM(nn.Module):
    """`model` gives hidden states, `lm_head` scores; None where the embedding serves as the head.

    Parameter names are the published ones, `model.` in front of all but the head.
    """

    def __init__(self, config: Qwen3Config) -> None:
        super().__init__()
        self.config = config
        self.model = Qwen3Model(config)
        self.lm_head = (
            None if config.tied else Linear(config.block.hidden, config.vocabulary, bias=False)
        )

    @property
    def head_weight(self) -> Tensor:
        """The output head [vocabulary, hidden]; it may lie in a mapped file."""
        if self.lm_head is None:
            return self.model.embed_tokens.weight
        return self.lm_head.weight

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 [B, L] to float32 scores of the next token [B, L, vocabulary], no cache."""
        return F.linear(self.model(ids), self.head_weight).float()
