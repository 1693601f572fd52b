"""The language model and its head."""

from __future__ import annotations

import torch

from tests.unit.models.planners import prompt, random_model, tied_model


def test_a_tied_head_is_the_embedding() -> None:
    model = tied_model()
    assert model.lm_head is None
    assert model.head_weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert "lm_head.weight" not in model.state_dict()


def test_a_head_of_its_own_is_used() -> None:
    model = random_model()
    assert model.lm_head is not None
    ids = torch.tensor([prompt(5)])
    assert torch.equal(model(ids), model.model(ids) @ model.lm_head.weight.T)
    assert not torch.equal(model.head_weight, model.model.embed_tokens.weight)


def test_scores_are_float32() -> None:
    scores = random_model(dtype=torch.bfloat16)(torch.tensor([prompt(5)]))
    assert scores.dtype == torch.float32
    assert scores.shape == (1, 5, 700)
