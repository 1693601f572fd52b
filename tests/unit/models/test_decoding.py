"""Decoding with a cache against whole passes without one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import decoding
from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding import Decoder, cache_bytes
from acestep_cli.models.decoding_plain import PlainSteps
from tests.unit.models.planners import (
    SMALL,
    golden_planner,
    prompt,
    random_model,
    slow_greedy,
    slow_hidden,
    tied_model,
)

TOLERANCE = 2e-5


def make(model: CausalLM, streams: int = 1, limit: int = 120) -> Decoder:
    return Decoder(model, streams=streams, limit=limit)


def difference(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


@pytest.mark.parametrize("model", [random_model(), tied_model()], ids=["untied", "tied"])
def test_streams_of_different_lengths_equal_whole_passes(model: CausalLM) -> None:
    decoder = make(model, 2)
    grown = [prompt(31, 1), prompt(9, 2)]
    hidden = decoder.start(grown)
    for token in prompt(20, 3):
        for row, ids in zip(hidden, grown, strict=True):
            assert difference(row, slow_hidden(model, ids)) < TOLERANCE
        hidden = decoder.step(token)
        grown = [[*ids, token] for ids in grown]


def test_the_likeliest_tokens_are_those_of_the_slow_way() -> None:
    model = golden_planner()
    ids = [2538, *prompt(30, 5, 2500), 2561]
    decoder = make(model)
    head = decoder.head(torch.arange(model.config.vocabulary))
    found, hidden = [], decoder.start([ids])
    for _ in range(12):
        found.append(int(head(hidden)[0].argmax()))
        hidden = decoder.step(found[-1])
    assert found == slow_greedy(model, ids, 12)
    assert len(set(found)) > 1


def test_several_tokens_at_once_equal_whole_passes() -> None:
    model = random_model()
    decoder, grown = make(model, 2), [prompt(31, 1), prompt(9, 2)]
    decoder.start(grown)
    for count in (1, 2, 7, 30):
        tokens = prompt(count, count)
        hidden = decoder.extend([*tokens[:-1], torch.tensor(tokens[-1])])
        grown = [[*ids, *tokens] for ids in grown]
        for row, ids in zip(hidden, grown, strict=True):
            assert difference(row, slow_hidden(model, ids)) < TOLERANCE
    assert decoder.room == 120 - 71
    with pytest.raises(ValueError, match="no room for 50 more tokens"):
        decoder.extend(prompt(50, 1))


def test_a_token_may_be_a_tensor() -> None:
    decoder = make(random_model())
    decoder.start([prompt(7)])
    first = decoder.step(5).clone()
    decoder.start([prompt(7)])
    assert torch.equal(decoder.step(torch.tensor([5])), first)
    decoder.start([prompt(7)])
    assert torch.equal(decoder.step(torch.tensor(5)), first)


def run(decoder: Decoder, prompts: list[list[int]]) -> Tensor:
    """Hidden states of a short song: after the prompts and after each of six tokens."""
    hidden = [decoder.start(prompts).clone()]
    hidden += [decoder.step(token).clone() for token in prompt(6, 11)]
    return torch.stack(hidden)


@pytest.mark.parametrize("piece", [1, 4, 128])
def test_what_ran_before_changes_no_bit(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(decoding, "PIECE", piece)
    model, shared = random_model(), prompt(21, 1)
    songs = [
        [shared],
        [shared + prompt(9, 2), prompt(5, 3)],
        [shared + prompt(4, 4), prompt(5, 3)],
        [shared[:10], prompt(5, 3)],
        [prompt(40, 5), prompt(6, 6)],
        [shared, shared],
    ]
    alone = [run(make(model, 2), song) for song in songs]
    for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 1, 0, 2, 0, 5, 3, 2]):
        decoder = make(model, 2)
        for index in order:
            assert torch.equal(run(decoder, songs[index]), alone[index])


def test_a_common_beginning_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PIECE", 4)
    computed: list[tuple[int, int]] = []
    prefill = PlainSteps.prefill

    def counted(self: PlainSteps, stream: int, ids: Tensor, start: int) -> Tensor:
        computed.append((start, len(ids)))
        return prefill(self, stream, ids, start)

    monkeypatch.setattr(PlainSteps, "prefill", counted)
    decoder, shared = make(random_model()), prompt(10, 1)
    decoder.start([shared])
    assert computed == [(0, 4), (4, 4), (8, 2)]
    computed.clear()
    decoder.step(1)
    decoder.start([shared])
    assert computed == []
    decoder.start([[*shared, 1, 2, 3]])
    assert computed == [(8, 4), (12, 1)]
    computed.clear()
    decoder.start([shared[:8]])
    assert computed == [(4, 4)]


def test_an_interrupted_prompt_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PIECE", 4)
    model, ids = random_model(), prompt(14, 1)
    decoder = make(model)
    wanted = decoder.start([ids]).clone()
    prefill = PlainSteps.prefill

    def interrupted(self: PlainSteps, stream: int, ids: Tensor, start: int) -> Tensor:
        if start == 8:
            raise KeyboardInterrupt
        return prefill(self, stream, ids, start)

    with monkeypatch.context() as patched:
        patched.setattr(PlainSteps, "prefill", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decoder.start([ids[:4] + prompt(12, 2)])
    assert torch.equal(decoder.start([ids]), wanted)


def test_fewer_prompts_than_streams_use_the_first() -> None:
    model = random_model()
    decoder = make(model, 2)
    both = run(decoder, [prompt(9, 1), prompt(5, 2)])
    one = run(decoder, [prompt(9, 1)])
    assert one.shape == (7, 1, 64)
    assert difference(one[:, 0], both[:, 0]) < TOLERANCE


def test_what_does_not_fit_is_refused() -> None:
    decoder = make(random_model(), 2, 6)
    with pytest.raises(ValueError, match="no room"):
        decoder.step(1)
    unfit: list[list[list[int]]] = [[], [[]], [prompt(7)], [[1], [2], [3]]]
    for prompts in unfit:
        with pytest.raises(ValueError, match="prompt"):
            decoder.start(prompts)
    decoder.start([prompt(5), prompt(3)])
    assert decoder.room == 1
    decoder.step(1)
    assert decoder.room == 0
    with pytest.raises(ValueError, match="6 is the limit"):
        decoder.step(1)
    with pytest.raises(ValueError, match="at least 1"):
        make(random_model(), 0)


def test_the_cache_takes_what_is_told() -> None:
    steps = PlainSteps(random_model(), 2, 50)
    assert steps.keys.nbytes + steps.values.nbytes == cache_bytes(SMALL, 2, 50, 4)
