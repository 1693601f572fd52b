"""The output head cut to some tokens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import heads
from acestep_cli.models.heads import PlainHead, cut_runs

WEIGHT = torch.randn(2000, 16, generator=torch.Generator().manual_seed(1))
CHOICES = [
    torch.arange(2000),
    torch.arange(300, 900),
    torch.tensor([5]),
    torch.tensor([3, 4, 9, 100]),
    torch.cat([torch.tensor([7]), torch.arange(400, 1400), torch.tensor([1999])]),
    torch.cat([torch.arange(0, 300), torch.arange(301, 700), torch.arange(1000, 1100)]),
]


def storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


@pytest.mark.parametrize("ids", CHOICES, ids=lambda ids: f"{len(ids)} ids")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_come_in_the_order_of_the_ids(ids: Tensor, dtype: torch.dtype) -> None:
    hidden = torch.randn(2, 16, generator=torch.Generator().manual_seed(2)).to(dtype)
    scores = PlainHead(WEIGHT.to(dtype), ids)(hidden)
    assert scores.dtype == torch.float32
    wanted = (hidden @ WEIGHT.to(dtype).T).float()[:, ids]
    assert torch.allclose(scores, wanted, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-5)


def test_long_runs_are_views_and_the_rest_is_one_copy() -> None:
    head = PlainHead(WEIGHT, CHOICES[4])
    views = [weight for _, weight in head.parts if storage(weight) == storage(WEIGHT)]
    copies = [weight for _, weight in head.parts if storage(weight) != storage(WEIGHT)]
    assert [len(view) for view in views] == [1000]
    assert [len(copy) for copy in copies] == [2]


def test_parts_cover_every_place_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "LONG_RUN", 3)
    generator = torch.Generator().manual_seed(4)
    for _ in range(50):
        ids = torch.nonzero(torch.rand(60, generator=generator) < 0.7).flatten()
        covered, rows = torch.zeros(len(ids), dtype=torch.int64), torch.zeros_like(ids)
        for place, part in cut_runs(ids):
            covered[place] += 1
            rows[place] = torch.arange(60)[part]
        assert bool((covered == 1).all())
        assert torch.equal(rows, ids)


def test_many_rows_with_short_gaps_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_COPIED", 500)
    ids = torch.arange(100, 1900)
    ids = ids[ids % 3 != 0]
    hidden = torch.randn(2, 16, generator=torch.Generator().manual_seed(2))
    head = PlainHead(WEIGHT, ids)
    assert all(storage(weight) == storage(WEIGHT) for _, weight in head.parts)
    assert torch.allclose(head(hidden), (hidden @ WEIGHT.T)[:, ids], atol=1e-5)


@pytest.mark.parametrize("ids", [[], [3, 3], [4, 2], [[1, 2]]], ids=str)
def test_ids_that_are_no_ascending_list_are_refused(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        cut_runs(torch.tensor(ids, dtype=torch.int64))
