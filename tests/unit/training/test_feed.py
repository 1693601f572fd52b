"""Batches come in order, whoever makes them, and go where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from training.feed import batches, moved


@dataclass(frozen=True, slots=True)
class Inner:
    values: Tensor


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    pair: tuple[Tensor, str]


def drawn(step: int) -> Outer:
    return Outer(Inner(torch.full((2,), step)), (torch.zeros(1), f"step {step}"))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_the_order_of_their_steps(workers: int) -> None:
    found = list(batches(drawn, range(3, 9), workers, "cpu"))
    assert [int(batch.inner.values[0]) for batch in found] == list(range(3, 9))
    assert [batch.pair[1] for batch in found] == [f"step {step}" for step in range(3, 9)]


def test_every_tensor_is_moved_and_nothing_else() -> None:
    there = moved(drawn(1), "meta")
    assert there.inner.values.device.type == there.pair[0].device.type == "meta"
    assert there.pair[1] == "step 1"
    assert moved("words", "meta") == "words"
