"""The loop that writes: what it asks of network, grammar and draws, and when it ends."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.models.decoding import PIECE
from acestep_cli.pipeline import generation
from acestep_cli.pipeline.generation import CODES, Generated
from acestep_cli.pipeline.tokens import Draws, TokenOptions, guided, pick
from tests.unit.pipeline.writing import (
    ANY,
    GREEDY,
    VOCABULARY,
    ListRun,
    decoder,
    noise,
    only,
    write,
)

WARM = TokenOptions(temperature=1.0)


class CountedDraws(Draws):
    """Draws that are counted."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.taken = 0

    def next(self) -> float:
        self.taken += 1
        return super().next()


def never_end(tokens: tuple[int, ...]) -> Tensor:
    scores = noise(tokens)
    scores[0] = -9.0
    return scores


def test_the_likeliest_tokens_are_written_up_to_the_limit() -> None:
    model, fake = decoder(never_end)
    run = ListRun(ANY)
    written = write(model, run, limit=6)
    expected: list[int] = []
    for _ in range(6):
        expected.append(int(never_end((1, 2, 3, *expected)).argmax()))
    assert written == Generated(tuple(expected), None)
    assert run.taken == expected
    assert fake.steps == 5  # nobody asks what comes after the last


def test_an_end_ends_and_is_left_out() -> None:
    def after_three(tokens: tuple[int, ...]) -> Tensor:
        return torch.nn.functional.one_hot(
            torch.tensor(9 if len(tokens) == 6 else 20 + len(tokens)), VOCABULARY
        ).float()

    told: list[tuple[int, int]] = []
    model, _ = decoder(after_three)
    run = ListRun(ANY)
    written = write(model, run, ends=(0, 9), on_token=lambda *what: told.append(what))
    assert written == Generated((23, 24, 25), 9)
    assert told == [(1, 23), (2, 24), (3, 25)]
    assert run.taken == [23, 24, 25]


def test_a_forced_end_costs_no_step() -> None:
    model, fake = decoder(noise)
    written = write(model, ListRun(ANY, only(0)), WARM)
    assert written.end == 0
    assert len(written.tokens) == 1
    assert fake.steps == 0


def test_nothing_is_written_where_nothing_may() -> None:
    model, fake = decoder(noise)
    assert write(model, ListRun(ANY), limit=0) == Generated((), None)
    assert fake.streams == []


def test_forced_tokens_take_no_draw_and_no_head() -> None:
    model, fake = decoder(noise)
    draws = CountedDraws()
    written = write(model, ListRun(only(7), only(8), only(3, 4, 5), only(9)), WARM, draws=draws)
    assert written.tokens[:2] == (7, 8)
    assert written.tokens[3:] == (9, 9, 9)
    assert draws.taken == 1
    assert fake.heads == [3]
    assert fake.streams == [(1, 2, 3, 7, 8)]


def test_what_is_greedy_takes_the_likeliest_without_a_draw_or_a_penalty() -> None:
    model, _ = decoder(lambda tokens: torch.arange(VOCABULARY, 0, -1.0))
    draws = CountedDraws()
    options = TokenOptions(temperature=2.0, repetition_penalty=100.0)
    run = ListRun(only(1, 2, 9, greedy=True), only(1, 2, 9))
    written = write(model, run, options, draws=draws, limit=2)
    assert written.tokens == (1, 9)
    assert draws.taken == 1


def test_temperature_0_takes_no_draw() -> None:
    draws = CountedDraws()
    write(decoder(noise)[0], ListRun(ANY), draws=draws)
    assert draws.taken == 0


def test_heads_of_large_sets_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "KEPT_HEAD", 10)
    model, fake = decoder(never_end)
    small = [only(3, 4), ANY, only(3, 4), ANY, only(3, 4), ANY]
    write(model, ListRun(*small))
    assert fake.heads == [2, VOCABULARY, 2, 2]
    assert fake.asked == [2, VOCABULARY] * 3


def test_a_grammar_that_looks_gets_all_scores_and_they_decide() -> None:
    model, fake = decoder(noise)
    run = ListRun(ANY, only(11, 12, 13), ANY, looks=[1])
    options = TokenOptions(temperature=0.0, guidance=3.0)
    written = write(model, run, options, prompts=((1, 2), (3,)), limit=3)
    first, second, third = written.tokens
    expected = guided(torch.stack([noise((1, 2, first)), noise((3, first))]), 3.0)
    assert torch.equal(run.scores[1], expected)
    assert second == 11 + int(expected[11:14].argmax())
    after = [noise((*prompt, first, second)) for prompt in ((1, 2), (3,))]
    assert third == int(guided(torch.stack(after), 3.0).argmax())
    assert fake.asked == [VOCABULARY] * 3


def test_guidance_compares_two_streams_that_grow_alike() -> None:
    model, fake = decoder(noise)
    options = TokenOptions(temperature=0.0, guidance=2.5)
    written = write(model, ListRun(only(*range(1, 40))), options, prompts=((1, 2, 3), (5,)))
    expected: list[int] = []
    for _ in range(6):
        c, u = noise((1, 2, 3, *expected)), noise((5, *expected))
        expected.append(1 + int((u + 2.5 * (c - u))[1:].argmax()))
    assert written.tokens == tuple(expected)
    assert fake.streams == [(1, 2, 3, *expected[:-1]), (5, *expected[:-1])]


def test_the_penalty_looks_at_the_conditional_prompt_and_what_was_written() -> None:
    def falling(tokens: tuple[int, ...]) -> Tensor:
        return torch.arange(VOCABULARY, 0, -1.0)

    options = TokenOptions(temperature=0.0, repetition_penalty=100.0, guidance=1.0)
    model, _ = decoder(falling)
    run = ListRun(only(3), ANY)
    written = write(model, run, options, prompts=((1, 2), (0, 4)), limit=5, ends=(39,))
    assert written.tokens == (3, 0, 4, 5, 6)


def test_draws_choose_as_pick_does() -> None:
    options = TokenOptions(temperature=0.9, top_k=20, top_p=0.8, repetition_penalty=1.2)
    written = write(decoder(never_end)[0], ListRun(ANY), options, draws=Draws(4), limit=12)
    draws, tokens = Draws(4), [1, 2, 3]
    for token in written.tokens:
        seen = torch.zeros(VOCABULARY, dtype=torch.bool)
        seen[tokens] = True
        scores = never_end(tuple(tokens))
        assert token == int(pick(scores, ANY.ids, options, seen, draws.next()))
        tokens.append(token)
    assert len(set(written.tokens)) > 4


@pytest.mark.parametrize("patience", range(9))
def test_a_signal_stops_within_one_token(patience: int) -> None:
    model, fake = decoder(never_end)
    polls = 0

    def cancelled() -> ExitCode | None:
        nonlocal polls
        polls += 1
        return ExitCode.TERMINATED if polls > patience else None

    with pytest.raises(Cancelled) as stopped:
        write(model, ListRun(only(7), only(8), ANY), limit=100, cancelled=cancelled)
    assert stopped.value.exit_code == ExitCode.TERMINATED
    assert fake.steps <= patience
    assert polls == patience + 1
    assert patience > 0 or not fake.streams


def test_a_signal_stops_within_the_steps_that_forced_tokens_left() -> None:
    model, fake = decoder(never_end)
    polls = iter(range(1000))
    with pytest.raises(Cancelled):
        write(
            model,
            ListRun(*[only(7)] * 300, ANY),
            limit=400,
            cancelled=lambda: ExitCode.INTERRUPTED if next(polls) == 303 else None,
        )
    assert fake.steps == 2 * PIECE  # 301 polls before tokens, then one before each piece


@pytest.mark.parametrize("state", ["CAPTION_VALUE", CODES])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite_are_told(
    monkeypatch: pytest.MonkeyPatch, state: str, value: float
) -> None:
    monkeypatch.setattr(generation, "UNREAD", {"cpu": 4})

    def broken(tokens: tuple[int, ...]) -> Tensor:
        return never_end(tokens) * (value if len(tokens) == 5 else 1)

    with pytest.raises(UnusableResult, match="token 3 are not finite") as told:
        write(decoder(broken)[0], ListRun(only(*range(5, 30)), state=state), WARM, limit=20)
    assert "--dtype float32" in told.value.hint


@pytest.mark.parametrize("options", [GREEDY, WARM], ids=["greedy", "drawn"])
@pytest.mark.parametrize("limit", [5, 8, 20])
def test_codes_that_wait_to_be_read_are_the_same(
    monkeypatch: pytest.MonkeyPatch, options: TokenOptions, limit: int
) -> None:
    """As on a GPU: seven codes, then the end."""

    def codes() -> ListRun:
        return ListRun(*[only(*range(5, 30))] * 7, only(0), state=CODES)

    at_once = write(decoder(noise)[0], codes(), options, limit=limit)
    monkeypatch.setattr(generation, "UNREAD", {"cpu": 3})
    told: list[tuple[int, int]] = []
    steps: list[int] = []
    grammar, (model, fake) = codes(), decoder(noise)

    def tell(done: int, token: int) -> None:
        told.append((done, token))
        steps.append(fake.steps)

    waiting = write(model, grammar, options, limit=limit, on_token=tell)
    assert waiting == at_once
    assert waiting.end == (0 if limit > 7 else None)
    assert told == list(enumerate(waiting.tokens, 1))
    assert steps == ([2, 2, 2, 4, 4] if limit == 5 else [2, 2, 2, 5, 5, 5, 6])
    assert len(grammar.taken) == min(limit, 7)


def test_codes_that_may_be_the_last_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "UNREAD", {"cpu": 100})
    run = ListRun(ANY, state=CODES)
    written = write(decoder(never_end)[0], run, WARM, limit=9)
    assert run.taken == list(written.tokens)
