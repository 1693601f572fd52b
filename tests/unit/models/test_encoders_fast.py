"""The optimised text, lyric and timbre encoders against the plain ones and the golden vectors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import fast
from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.models.qwen3 import Qwen3Model
from tests.unit.models.transformers import (
    MODELS,
    acestep,
    difference,
    rms_difference,
    text_encoder,
    vectors,
)

CASES = [(model, index) for model in MODELS for index in range(3)]
BOTH = (False, True)


def condition(encoder: ConditionEncoder, golden: dict[str, Tensor]) -> Tensor:
    """The valid rows of the packed condition."""
    own = encoder.text_projector.weight.dtype
    packed = encoder(
        golden["text_hidden_states"].to(own),
        golden["text_attention_mask"].bool(),
        golden["lyric_hidden_states"].to(own),
        golden["lyric_attention_mask"].bool(),
        golden["refer_latents_packed"].to(own),
        golden["refer_order"],
    )
    assert torch.equal(packed.mask, golden["encoder_attention_mask"].bool())
    states: Tensor = packed.states[packed.mask]
    return states


def wanted_condition(golden: dict[str, Tensor]) -> Tensor:
    return golden["encoder_hidden_states"][golden["encoder_attention_mask"].bool()]


def words(encoder: Qwen3Model, golden: dict[str, Tensor]) -> Tensor:
    states: Tensor = encoder(golden["input_ids"].view(1, -1))
    return states.view_as(golden["last_hidden_state"])


@pytest.mark.parametrize(("model", "index"), CASES)
def test_conditions_in_float32(model: str, index: int) -> None:
    golden = vectors(f"condition_{model}_{index}")
    plain, optimised = (
        condition(acestep(model, torch.float32, rows=rows).encoder, golden) for rows in BOTH
    )
    assert difference(optimised, plain) <= 2e-6
    assert difference(optimised, wanted_condition(golden)) <= 1e-5


@pytest.mark.parametrize("model", MODELS)
def test_conditions_in_bfloat16(model: str) -> None:
    errors = torch.zeros(2)
    for index in range(3):
        golden = vectors(f"condition_{model}_{index}")
        for rows in BOTH:
            found = condition(acestep(model, torch.bfloat16, rows=rows).encoder, golden)
            errors[int(rows)] += rms_difference(found, wanted_condition(golden))
    assert 0 < errors[1] <= 1.1 * errors[0]


@pytest.mark.parametrize("index", range(3))
def test_words_in_float32(index: int) -> None:
    golden = vectors(f"text_encoder_{index}")
    plain, optimised = (words(text_encoder(torch.float32, rows=rows), golden) for rows in BOTH)
    assert difference(optimised, plain) <= 2e-6
    assert difference(optimised, golden["last_hidden_state"]) <= 1e-5


def test_words_in_bfloat16() -> None:
    errors = torch.zeros(2)
    for index in range(3):
        golden = vectors(f"text_encoder_{index}")
        for rows in BOTH:
            found = words(text_encoder(torch.bfloat16, rows=rows), golden)
            errors[int(rows)] += rms_difference(found, golden["last_hidden_state"])
    assert 0 < errors[1] <= 1.1 * errors[0]


def test_a_batch_of_words_equals_its_items() -> None:
    encoder = text_encoder(torch.float32, rows=True)
    ids = torch.randint(0, 2000, (3, 21), generator=torch.Generator().manual_seed(2))
    assert difference(encoder(ids)[1], encoder(ids[1:2])[0]) <= 1e-6


@pytest.mark.parametrize("rows", BOTH)
@pytest.mark.parametrize("model", MODELS)
def test_a_timbre_is_position_0_of_the_whole_run(model: str, rows: bool) -> None:
    encoder = acestep(model, torch.float32, rows=rows).encoder.timbre_encoder
    references = torch.randn(3, 37, 64, generator=torch.Generator().manual_seed(4))
    h = encoder.embed_tokens(references)
    if encoder.reads_class_token:
        h = torch.cat([encoder.special_token.expand(3, -1, -1), h], dim=1)
    assert difference(encoder(references), encoder.run(h)[:, 0]) <= 1e-6


@pytest.mark.parametrize("most", [8, 16])
def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    golden = vectors("condition_turbo_1")
    plain = condition(acestep("turbo", torch.float32, rows=False).encoder, golden)
    monkeypatch.setattr(fast, "TILE_ROWS", most)
    optimised = condition(acestep("turbo", torch.float32, rows=True).encoder, golden)
    assert difference(optimised, plain) <= 2e-6


@pytest.mark.parametrize("rows", BOTH)
def test_padded_lyrics_equal_lyrics_alone(rows: bool) -> None:
    encoder = acestep("turbo", torch.float32, rows=rows).encoder.lyric_encoder
    lyrics = torch.randn(2, 20, 48, generator=torch.Generator().manual_seed(6))
    valid = torch.arange(20) < torch.tensor([[20], [13]])
    alone = encoder(lyrics[1:, :13], valid[1:, :13])
    assert difference(encoder(lyrics, valid)[1:, :13], alone) <= 2e-6
