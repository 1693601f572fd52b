"""A decoder whose scores are a formula of the tokens, and a grammar that is a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from acestep_cli.models.decoding import Decoder
from acestep_cli.pipeline.generation import Generated, generate
from acestep_cli.pipeline.grammar import Allowed, Run
from acestep_cli.pipeline.tokens import Draws, TokenOptions

VOCABULARY = 40
Formula = Callable[[tuple[int, ...]], Tensor]
"""All tokens of a stream to the scores of the next one [VOCABULARY]."""


class FormulaDecoder:
    """Stands in for a `Decoder`: hidden states are the scores themselves."""

    def __init__(self, formula: Formula, device: str = "cpu") -> None:
        self.formula = formula
        self.device, self.vocabulary = torch.device(device), VOCABULARY
        self.streams: list[tuple[int, ...]] = []
        self.steps = 0
        self.heads: list[int] = []
        """How many ids each head was built for."""
        self.asked: list[int] = []
        """How many ids were scored, each time."""

    def start(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        self.streams = [tuple(prompt) for prompt in prompts]
        return self._hidden()

    def step(self, token: int | Tensor) -> Tensor:
        assert 0 <= int(token) < VOCABULARY
        self.steps += 1
        self.streams = [(*stream, int(token)) for stream in self.streams]
        return self._hidden()

    def extend(self, tokens: Sequence[int | Tensor]) -> Tensor:
        for token in tokens:
            hidden = self.step(token)
        return hidden

    def head(self, ids: Tensor) -> Callable[[Tensor], Tensor]:
        self.heads.append(len(ids))

        def scores(hidden: Tensor) -> Tensor:
            self.asked.append(len(ids))
            return hidden[:, ids]

        return scores

    def _hidden(self) -> Tensor:
        return torch.stack([self.formula(stream) for stream in self.streams])


def decoder(formula: Formula) -> tuple[Decoder, FormulaDecoder]:
    """The same object as the loop's types see it and as the test does."""
    fake = FormulaDecoder(formula)
    return cast(Decoder, fake), fake


def noise(tokens: tuple[int, ...]) -> Tensor:
    """Scores that depend on every token."""
    seed = sum((place + 1) * token for place, token in enumerate(tokens))
    return torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 2


class ListRun:
    """Allows one set after the other, the last for ever. `looks`: steps that need all scores."""

    def __init__(
        self, *allowed: Allowed, state: str = "CAPTION_VALUE", looks: Sequence[int] = ()
    ) -> None:
        self.sets, self.state, self.looks = allowed, state, looks
        self.taken: list[int] = []
        self.scores: dict[int, Tensor] = {}

    @property
    def needs_scores(self) -> bool:
        return len(self.taken) in self.looks

    def allowed(self, scores: Tensor | None = None) -> Allowed:
        if scores is not None:
            self.scores[len(self.taken)] = scores
        return self.sets[min(len(self.taken), len(self.sets) - 1)]

    def advance(self, token: int) -> None:
        self.taken.append(token)


def only(*ids: int, greedy: bool = False) -> Allowed:
    """These ids."""
    return Allowed(torch.tensor(ids), greedy)


ANY = Allowed(torch.arange(VOCABULARY))
GREEDY = TokenOptions(temperature=0.0)


def write(
    model: Decoder,
    run: Run,
    options: TokenOptions = GREEDY,
    *,
    prompts: Sequence[Sequence[int]] = ((1, 2, 3),),
    draws: Draws | None = None,
    limit: int = 6,
    ends: Sequence[int] = (0,),
    **more: Any,
) -> Generated:
    """`generate` with the little that most tests need."""
    return generate(
        model,
        prompts,
        run,
        options,
        Draws(1) if draws is None else draws,
        end_ids=ends,
        limit=limit,
        **more,
    )
