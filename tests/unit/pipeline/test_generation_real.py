"""The loop that writes, with real networks: the tokens that the slow way gives, in any order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding import Decoder
from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.grammar import Allowed, Grammar
from acestep_cli.pipeline.tokens import Draws, TokenOptions
from acestep_cli.weights.tokenizer import Tokenizer
from tests.unit.models.planners import PLANNER, SMALL, golden_planner, prompt, random_model
from tests.unit.pipeline.writing import ListRun, only, write


def bare_generate(
    model: CausalLM,
    prompts: Sequence[Sequence[int]],
    sets: Sequence[Allowed],
    options: TokenOptions,
    draws: Draws,
) -> list[int]:
    """Whole passes without a cache, all scores, all of them sorted."""
    written: list[int] = []
    for allowed in sets:
        rows = [model(torch.tensor([[*ids, *written]]))[0, -1].double() for ids in prompts]
        scores = rows[0] if len(rows) == 1 else rows[1] + options.guidance * (rows[0] - rows[1])
        scores = scores[allowed.ids]
        order = torch.argsort(scores, descending=True, stable=True)
        odds = scores[order].softmax(0)
        scores[order[(odds.cumsum(0) - odds > options.top_p)]] = -math.inf
        sums = (scores / options.temperature).softmax(0).cumsum(0)
        uniform = draws.next() if len(allowed.ids) > 1 else 0.5
        written.append(int(allowed.ids[int((sums <= uniform).sum())]))
    return written


@pytest.mark.parametrize("guidance", [False, True], ids=["alone", "guided"])
def test_the_tokens_are_those_of_the_slow_way(guidance: bool) -> None:
    model = golden_planner()
    prompts = [[2538, *prompt(30, 5, 2500), 2562]]
    if guidance:
        prompts.append([2538, 2562])
    codes = Allowed(torch.arange(2563, 66563))
    sets = [codes] * 8 + [only(77), Allowed(torch.arange(2500)), codes, codes]
    options = TokenOptions(temperature=0.85, top_p=0.9, guidance=2.0)
    fast = Decoder(model, streams=len(prompts), limit=64)
    written = write(
        fast, ListRun(*sets), options, prompts=prompts, draws=Draws(3), limit=12, ends=(2539,)
    )
    assert list(written.tokens) == bare_generate(model, prompts, sets, options, Draws(3))


def song(model: Decoder, seed: int, length: int = 30) -> Generated:
    options = TokenOptions(temperature=1.2, top_p=0.95, repetition_penalty=1.1)
    everything = Allowed(torch.arange(SMALL.vocabulary))
    prompts = [prompt(length, seed), prompt(9, seed + 100)]
    return write(model, ListRun(everything), options, prompts=prompts, draws=Draws(seed), limit=15)


def test_what_ran_before_changes_no_token() -> None:
    def fresh() -> Decoder:
        return Decoder(random_model(), streams=2, limit=300)

    alone = [song(fresh(), seed) for seed in range(3)]
    assert len({written.tokens for written in alone}) == 3
    shared = fresh()
    for seed in (2, 0, 1, 1, 2, 0):
        assert song(shared, seed) == alone[seed]
        song(shared, seed + 10, length=150)


def test_a_target_gives_as_many_codes() -> None:
    """The real grammar, tokenizer and network."""
    tokenizer = Tokenizer(PLANNER)
    model = Decoder(golden_planner(), streams=1, limit=80)
    written = write(
        model,
        Grammar(tokenizer).codes(3.0),
        TokenOptions(),
        prompts=[tokenizer.encode_plain("<think>\n\n</think>\n\n")],
        limit=40,
        ends=[tokenizer.require("<|im_end|>")],
    )
    first = tokenizer.require("<|audio_code_0|>")
    assert written.end is not None
    assert len(written.tokens) == 15
    assert all(first <= token < first + 64000 for token in written.tokens)
    assert len(set(written.tokens)) > 5
