"""Writing without a grammar: any text until the model ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.pipeline.grammar import Allowed, Grammar


@dataclass
class FreeRun:
    """A `Run` that forbids audio codes and nothing else."""

    grammar: Grammar
    needs_scores: bool = False
    state: str = "FREE"

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        """The same set each time."""
        return self._allowed

    def advance(self, token: int) -> None:
        """Nothing follows from a token."""

    @cached_property
    def _allowed(self) -> Allowed:
        tokenizer = self.grammar.tables.tokenizer
        added = tokenizer.added
        codes = {number for number, text in added.items() if text.startswith("<|audio_code_")}
        return Allowed(torch.tensor([id_ for id_ in range(tokenizer.size) if id_ not in codes]))
