"""Decoding through packed weights against the plain modules."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from acestep_cli.models import decoding, heads, packed
from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding import Decoder, cache_bytes
from acestep_cli.models.decoding_rows import RowSteps
from acestep_cli.models.packed import PackedModel
from acestep_cli.models.quantized import Quantization, product_maker
from tests.unit.models.planners import (
    SMALL,
    golden_planner,
    prompt,
    random_model,
    slow_greedy,
    slow_hidden,
    tied_model,
)
from tests.unit.models.transformers import difference, rms_difference

FORMS: tuple[Quantization, ...] = ("none", "int8", "int4")


def packed_decoder(model: CausalLM, form: Quantization = "none", streams: int = 2) -> Decoder:
    return Decoder(PackedModel.of(model, product_maker(form)), streams=streams, limit=120)


def run(decoder: Decoder, prompts: list[list[int]]) -> Tensor:
    """Hidden states after the prompts and after each of six tokens."""
    hidden = [decoder.start(prompts).clone()]
    hidden += [decoder.step(token).clone() for token in prompt(6, 11)]
    return torch.stack(hidden)


def plain_states(model: CausalLM, prompts: list[list[int]]) -> Tensor:
    grown = [prompt(6, 11)[:count] for count in range(7)]
    rows = [torch.stack([slow_hidden(model, ids + more) for ids in prompts]) for more in grown]
    return torch.stack(rows)


@pytest.mark.parametrize("model", [random_model(), tied_model()], ids=["untied", "tied"])
@pytest.mark.parametrize("piece", [7, 128])
def test_float32_equals_whole_passes(
    model: CausalLM, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "PIECE", piece)
    prompts = [prompt(31, 1), prompt(9, 2)]
    found = run(packed_decoder(model), prompts)
    assert difference(found, plain_states(model, prompts)) < 1e-5


def test_query_heads_of_one_key_head_each() -> None:
    block = replace(SMALL.block, heads=3, kv_heads=3, head_dim=16)
    model = random_model(replace(SMALL, block=block))
    prompts = [prompt(20, 1), prompt(3, 2)]
    assert difference(run(packed_decoder(model), prompts), plain_states(model, prompts)) < 1e-5


def test_bfloat16_is_no_further_off_than_the_plain_modules() -> None:
    rounded = random_model(dtype=torch.bfloat16)
    exact = random_model(dtype=torch.bfloat16).float()
    prompts = [prompt(40, 1), prompt(9, 2)]
    wanted = plain_states(exact, prompts)
    plain = run(Decoder(rounded, streams=2, limit=120), prompts)
    found = run(packed_decoder(rounded), prompts)
    assert 0 < rms_difference(found, wanted) <= 1.1 * rms_difference(plain, wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_likeliest_tokens_are_those_of_the_slow_way(dtype: torch.dtype) -> None:
    model = golden_planner(dtype)
    ids = [2538, *prompt(30, 5, 2500), 2561]
    decoder = packed_decoder(model, streams=1)
    head = decoder.head(torch.arange(model.config.vocabulary))
    found, hidden = [], decoder.start([ids])
    for _ in range(12):
        found.append(int(head(hidden)[0].argmax()))
        hidden = decoder.step(found[-1])
    assert found == slow_greedy(golden_planner(), ids, 12)


@pytest.mark.parametrize(("form", "worst"), [("int8", 0.05), ("int4", 0.6)])
def test_rounded_weights_stay_near(form: Quantization, worst: float) -> None:
    model, prompts = random_model(dtype=torch.bfloat16), [prompt(40, 1), prompt(9, 2)]
    wanted = run(packed_decoder(model), prompts)
    error = rms_difference(run(packed_decoder(model, form), prompts), wanted)
    assert worst / 10 < error < worst


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_ran_before_changes_no_bit(
    form: Quantization, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "PIECE", 8)
    model, shared = PackedModel.of(random_model(dtype=dtype), product_maker(form)), prompt(21, 1)
    songs = [
        [shared],
        [shared + prompt(9, 2), prompt(5, 3)],
        [prompt(40, 5), prompt(6, 6)],
        [shared, shared],
    ]
    alone = [run(Decoder(model, streams=2, limit=120), song) for song in songs]
    for order, limit in (([0, 1, 2, 3], 120), ([3, 1, 0, 2, 0, 1], 90)):
        decoder = Decoder(model, streams=2, limit=limit)
        for index in order:
            assert torch.equal(run(decoder, songs[index]), alone[index])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [96, 4096])
def test_a_head_in_blocks_gives_the_scores_of_its_ids(
    form: Quantization, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "HEAD_ROWS", rows)
    model = random_model()
    ids = torch.cat([torch.tensor([2, 9]), torch.arange(50, 350), torch.arange(400, 690)])
    hidden = torch.randn(2, 64, generator=torch.Generator().manual_seed(4))
    scores = packed_decoder(model, form).head(ids)(hidden)
    wanted = (hidden @ model.head_weight.T)[:, ids]
    assert scores.dtype == torch.float32
    assert rms_difference(scores, wanted) < {"none": 1e-6, "int8": 0.02, "int4": 0.2}[form]


def test_a_head_of_many_rows_with_short_gaps_copies_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_COPIED", 100)
    monkeypatch.setattr(packed, "HEAD_ROWS", 96)
    model = random_model()
    ids = torch.arange(40, 690, 2)
    hidden = torch.randn(2, 64, generator=torch.Generator().manual_seed(4))
    head = packed.PackedHead(PackedModel.of(model), ids)
    assert head.rest == []
    assert rms_difference(head(hidden), (hidden @ model.head_weight.T)[:, ids]) < 1e-6


def test_heads_of_one_model_share_their_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "HEAD_ROWS", 100)
    model = PackedModel.of(random_model())
    assert packed.PackedHead(model, torch.arange(150, 450)).blocks[0][1] is model.head_block(1)
    assert [part[1] for part in packed.PackedHead(model, torch.arange(100, 400)).blocks] == [
        model.head_block(index) for index in (1, 2, 3)
    ]


def test_the_cache_takes_what_is_told() -> None:
    steps = RowSteps(PackedModel.of(random_model(dtype=torch.bfloat16)), 2, 50)
    assert steps.cache.nbytes == cache_bytes(SMALL, 2, 50, 2)
