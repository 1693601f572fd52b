"""Steps of unchanging shapes, not recorded, on the CPU, against the other ways."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import decoding, decoding_static
from acestep_cli.models.decoding import Decoder
from acestep_cli.models.decoding_static import StaticSteps
from acestep_cli.models.packed import PackedModel
from tests.unit.models.planners import golden_planner, prompt, random_model
from tests.unit.models.transformers import difference, rms_difference


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every span that a step looks over; the first is as short as eight positions."""
    seen: list[int] = []
    advance = StaticSteps._advance

    def noted(self: StaticSteps, count: int, span: int) -> Tensor:
        seen.append(span)
        return advance(self, count, span)

    monkeypatch.setattr(StaticSteps, "_advance", noted)
    monkeypatch.setattr(decoding_static, "_LEAST_SPAN", 8)
    return seen


def static_decoder(model: PackedModel, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    def make(model: PackedModel, streams: int, limit: int) -> StaticSteps:
        return StaticSteps(model, streams, limit, capture=False)

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "make_steps", make)
        return Decoder(model, streams=2, limit=60)


def run(decoder: Decoder, prompts: list[list[int]]) -> Tensor:
    hidden = [decoder.start(prompts).clone()]
    hidden += [decoder.step(token).clone() for token in prompt(12, 11)]
    return torch.stack(hidden)


@pytest.mark.parametrize("prompts", [[prompt(14, 1), prompt(3, 2)], [prompt(14, 1)]], ids=len)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_masked_positions_change_nothing(
    dtype: torch.dtype,
    prompts: list[list[int]],
    spans: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = random_model(dtype=dtype)
    decoder = static_decoder(PackedModel.of(model), monkeypatch)
    run(decoder, [prompt(40, 8), prompt(40, 9)])  # leaves keys and values beyond the ends
    spans.clear()
    found = run(decoder, prompts)
    assert spans == [16] * 2 + [32] * 10
    wanted = run(Decoder(model, streams=2, limit=60), prompts)
    if dtype == torch.float32:
        assert difference(found, wanted) < 1e-5
    else:
        assert rms_difference(found, wanted) < 0.02


def test_a_stream_that_rests_keeps_its_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = static_decoder(PackedModel.of(random_model()), monkeypatch)
    both = [prompt(14, 1), prompt(3, 2)]
    wanted = run(decoder, both)
    run(decoder, both[:1])
    assert torch.equal(run(decoder, both), wanted)


def test_the_span_ends_with_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = StaticSteps(PackedModel.of(random_model()), 1, 300, capture=False)
    assert [steps._span(needed) for needed in (1, 256, 257, 300)] == [256, 256, 320, 320]


def test_the_likeliest_tokens_are_those_of_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    model = golden_planner()
    ids = [2538, *prompt(30, 5, 2500), 2561]
    told = []
    for decoder in (
        static_decoder(PackedModel.of(model), monkeypatch),
        Decoder(model, streams=2, limit=60),
    ):
        head, hidden = decoder.head(torch.arange(model.config.vocabulary)), decoder.start([ids])
        tokens: list[int] = []
        for _ in range(12):
            tokens.append(int(head(hidden)[0].argmax()))
            hidden = decoder.step(tokens[-1])
        told.append(tokens)
    assert told[0] == told[1]
