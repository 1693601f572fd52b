"""Scores to a token, against the plain way of doing it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from acestep_cli.pipeline import tokens
from acestep_cli.pipeline.noise import derive_seed
from acestep_cli.pipeline.tokens import (
    WORTH_NARROWING,
    Draws,
    TokenOptions,
    guided,
    kept,
    narrowed_nucleus,
    pick,
    sorted_nucleus,
)

VOCABULARY = 400
PLAIN = TokenOptions(temperature=1.0, top_p=1.0)
OPTIONS = [
    TokenOptions(temperature, top_k, top_p, penalty)
    for temperature, top_k, top_p, penalty in itertools.product(
        (0.0, 0.3, 0.85, 1.7), (0, 1, 5, 1000), (0.0, 0.2371, 0.9013, 1.0), (1.0, 1.3, 0.8)
    )
]


def plain_odds(
    logits: NDArray[np.float64], occurred: NDArray[np.bool_], options: TokenOptions
) -> NDArray[np.float64]:
    """Probabilities of every token, in float64 and by sorting all of them (planner facts 4.3)."""
    penalty = options.repetition_penalty
    scores = np.where(occurred, np.where(logits > 0, logits / penalty, logits * penalty), logits)
    if options.top_k:
        least = np.sort(scores)[::-1][: options.top_k][-1]
        scores = np.where(scores >= least, scores, -np.inf)
    if 0 < options.top_p < 1:
        order = np.argsort(-scores, kind="stable")
        before = np.cumsum(softmax(scores[order])) - softmax(scores[order])
        before[0] = 0
        scores[order[before > options.top_p]] = -np.inf
    if options.temperature == 0:
        odds = np.zeros_like(scores)
        odds[np.argmax(scores)] = 1
        return odds
    return softmax(scores / options.temperature)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.exp(scores - scores.max())
    share: NDArray[np.float64] = weights / weights.sum()
    return share


def numbers(n: int, seed: int, scale: float = 3.0, grid: float = 0.0) -> Tensor:
    """Scores [n], on a grid where many of them shall be equal."""
    scores = torch.randn(n, generator=torch.Generator().manual_seed(seed)) * scale
    return (scores / grid).round() * grid if grid else scores


def some_ids(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Ascending ids [n] of a vocabulary and which of the vocabulary occurred."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randperm(VOCABULARY, generator=generator)[:n].sort().values
    return ids, torch.rand(VOCABULARY, generator=generator) < 0.3


def check_fall(odds: NDArray[np.float64], position: int, uniform: float) -> None:
    """`uniform` lies within the stretch of the token, up to what float32 can tell."""
    above = float(odds[: position + 1].sum())
    assert odds[position] > 0
    assert above - odds[position] - 1e-6 <= uniform <= above + 1e-6


@pytest.mark.parametrize("grid", [0.0, 0.5], ids=["distinct", "ties"])
@pytest.mark.parametrize("n", [1, 2, 7, 180])
def test_every_option_equals_the_plain_way(n: int, grid: float) -> None:
    for number, options in enumerate(OPTIONS):
        logits, (ids, seen) = numbers(n, number, grid=grid), some_ids(n, number)
        odds = plain_odds(logits.double().numpy(), seen[ids].numpy(), options)
        for uniform in (0.0, 0.31, 0.77, 1 - 2**-53):
            check_fall(odds, int(pick(logits, ids, options, seen, uniform)), uniform)


@pytest.mark.parametrize("options", OPTIONS[::7], ids=str)
def test_large_choices_equal_the_plain_way(options: TokenOptions) -> None:
    n = WORTH_NARROWING + 77
    ids, seen = torch.arange(n), torch.arange(n) % 3 == 0
    for grid in (0.0, 0.25):
        logits = numbers(n, 5, grid=grid)
        odds = plain_odds(logits.double().numpy(), seen.numpy(), options)
        for uniform in (0.1, 0.6):
            check_fall(odds, int(pick(logits, ids, options, seen, uniform)), uniform)


def scores_of_all_kinds() -> list[Tensor]:
    n = 6000
    half = numbers(n, 3)
    half[::2] = -math.inf
    outlier = numbers(n, 4)
    outlier[17], outlier[18] = 60.0, -3e4
    return [
        *(numbers(n, seed, scale) for seed, scale in enumerate((0.0, 0.01, 1.0, 4.0, 30.0))),
        *(numbers(n, seed, 2.0, grid) for seed, grid in enumerate((4.0, 0.125, 0.0078125))),
        half,
        outlier,
        numbers(n, 9).sort().values,
        numbers(n, 9).abs().sort(descending=True).values.bfloat16().float(),
    ]


@pytest.mark.parametrize("share", [1e-6, 0.1, 0.5, 0.9, 0.99, 0.999999])
def test_the_quick_nucleus_is_the_sorted_one(share: float) -> None:
    for scores in scores_of_all_kinds():
        quick = narrowed_nucleus(scores, share)
        assert torch.equal(quick, sorted_nucleus(scores, share))
        assert quick.isfinite().sum() >= 1


def test_a_share_that_is_met_exactly_lets_one_more_stay() -> None:
    """Ten have odds of 1 and twenty of a half, so that the ten have just half of all."""
    scores = torch.tensor([-math.log(2)]).repeat(30)
    scores[::3] = 0
    assert scores.exp().sum(dtype=torch.float64) == 20
    for nucleus in (sorted_nucleus, narrowed_nucleus):
        stays = nucleus(scores, 0.5).isfinite()
        assert stays.nonzero().flatten().tolist() == sorted([1, *range(0, 30, 3)])


@given(
    st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=40),
    st.floats(1e-6, 1 - 1e-6),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_a_nucleus_is_no_larger_than_it_must_be(
    values: list[float], share: float, copies: int
) -> None:
    scores = torch.tensor(values).repeat(copies + 1)
    result = sorted_nucleus(scores, share)
    assert torch.equal(narrowed_nucleus(scores, share), result)
    stays = result.isfinite()
    assert torch.equal(result[stays], scores[stays])
    odds = scores.double().softmax(0)
    least = scores[stays].min()
    last = int((stays & (scores == least)).nonzero().max())
    stays[last] = False
    assert odds[stays].sum() <= share + 1e-6
    stays[last] = True
    assert stays.all() or odds[stays].sum() > share - 1e-6
    assert not stays[last + 1 :][scores[last + 1 :] == least].any()


def test_the_largest_stays_however_small_the_share() -> None:
    left = kept(torch.tensor([0.0, 2.0, 1.0]), TokenOptions(top_p=1e-9))
    assert left.isfinite().tolist() == [False, True, False]


def test_what_ties_with_the_last_of_top_k_stays() -> None:
    left = kept(torch.tensor([1.0, 3.0, 1.0, 2.0, 0.0]), TokenOptions(top_k=3, top_p=1.0))
    assert left.isfinite().tolist() == [True, True, True, True, False]


def test_the_share_is_taken_before_the_temperature() -> None:
    """Heat spreads the odds, but not over tokens that were dropped without it."""
    logits, ids = torch.tensor([4.0, 0.0, 0.0, 0.0]), torch.arange(4)
    options = TokenOptions(temperature=50.0, top_p=0.9)
    assert all(int(pick(logits, ids, options, None, u / 10)) == 0 for u in range(10))


def test_temperature_0_takes_the_lowest_of_the_likeliest() -> None:
    logits, ids = torch.tensor([1.0, 5.0, 5.0, 2.0]), torch.arange(4)
    assert int(pick(logits, ids, TokenOptions(temperature=0.0), None, 0.99)) == 1
    assert int(pick(logits, ids, TokenOptions(temperature=2.0), None, None)) == 1
    seen = torch.tensor([False, True, False, False])
    penalty = TokenOptions(temperature=0.0, repetition_penalty=1.5)
    assert int(pick(logits, ids, penalty, seen, None)) == 2


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 100.0])
def test_extreme_temperatures_still_choose(temperature: float) -> None:
    logits = torch.tensor([-1e4, 20.0, 19.0, -1e30])
    options = TokenOptions(temperature=temperature, top_p=1.0)
    assert int(pick(logits, torch.arange(4), options, None, 0.3)) in (0, 1)


def test_a_number_falls_where_the_sum_of_probabilities_passes_it() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    for uniform, position in ((0.0, 0), (0.0999, 0), (0.1001, 1), (0.2999, 1), (0.3001, 2)):
        assert int(pick(logits, torch.arange(4), PLAIN, None, uniform)) == position
    assert int(pick(logits, torch.arange(4), PLAIN, None, 0.99999999)) == 3


def test_draws_follow_the_probabilities() -> None:
    logits = numbers(6, 1, scale=1.0)
    draws, count = Draws(derive_seed(7, "planner")), 4000
    found = [int(pick(logits, torch.arange(6), PLAIN, None, draws.next())) for _ in range(count)]
    observed, expected = np.bincount(found, minlength=6), logits.softmax(0).numpy() * count
    assert ((observed - expected) ** 2 / expected).sum() < 15  # 1 % of seeds are above, with 5 df


def test_draws_are_those_of_their_seed() -> None:
    first, again, other = Draws(5), Draws(5), Draws(6)
    torch.rand(3)  # nobody else's draws matter
    numbers = [first.next() for _ in range(5)]
    assert numbers == [again.next() for _ in range(5)]
    assert numbers != [other.next() for _ in range(5)]
    assert all(0 <= number < 1 for number in numbers)
    assert any(number * 2**24 % 1 for number in numbers)  # more digits than float32 has


@pytest.mark.parametrize("n", [3, WORTH_NARROWING])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("uniform", [0.5, None])
def test_scores_that_are_not_finite_choose_nothing(
    n: int, value: float, uniform: float | None
) -> None:
    logits = torch.zeros(n)
    logits[1] = value
    assert int(pick(logits, torch.arange(n), TokenOptions(), None, uniform)) == -1


class NothingRead(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what makes the CPU wait for a GPU: to tell a value, or how many there are."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"), name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("uniform", [0.5, None])
def test_nothing_is_read_back_from_a_device(
    monkeypatch: pytest.MonkeyPatch, uniform: float | None
) -> None:
    monkeypatch.setattr(tokens, "WORTH_NARROWING", VOCABULARY + 1)
    logits, ids, seen = numbers(VOCABULARY, 1), torch.arange(VOCABULARY), numbers(VOCABULARY, 2) > 0
    options = TokenOptions(top_k=50, repetition_penalty=1.2)
    with NothingRead():  # type: ignore[no-untyped-call]
        position = pick(logits, ids, options, seen, uniform)
    assert int(position) >= 0
    with NothingRead(), pytest.raises(AssertionError):  # type: ignore[no-untyped-call]
        position.item()


def test_guidance_moves_away_from_the_unconditional_scores() -> None:
    rows = torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 4.0]])
    assert guided(rows, 2.5).tolist() == [2.5, 0.5, 4.0]
    assert torch.equal(guided(rows, 1.0), rows[0])
    assert torch.equal(guided(rows[:1], 2.5), rows[0])
    assert guided(rows.bfloat16(), 2.0).dtype == torch.float32
