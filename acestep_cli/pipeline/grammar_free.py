"""Writing without a grammar: any text, or any audio codes, until the model ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from acestep_cli.pipeline.grammar import Allowed, Grammar


@dataclass
class FreeRun:
    """A `Run` that forbids nothing: audio codes where `codes`, else all but audio codes."""

    grammar: Grammar
    codes: bool
    needs_scores: bool = False
    state: str = "FREE"

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        """The same set each time."""
        return self._allowed

    def advance(self, token: int) -> None:
        """Nothing follows from a token."""

    @cached_property
    def _allowed(self) -> Allowed:
        tables = self.grammar.tables
        if self.codes:
            return Allowed(torch.cat([tables.codes, torch.tensor([tables.end])]).sort().values)
        added = tables.tokenizer.added
        spoken = [
            number
            for number in range(tables.tokenizer.size)
            if not added.get(number, "").startswith("<|audio_code_")
        ]
        return Allowed(torch.tensor(spoken))
