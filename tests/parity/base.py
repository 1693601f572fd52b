"""What a parity family is made of: cases that run and report how far off each quantity is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Check:
    """One compared quantity: its error and the largest one allowed (0 means equal)."""

    what: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """NaN never passes."""
        return self.error <= self.tolerance


@dataclass(frozen=True, slots=True)
class Case:
    """One golden case. `task` is the task type where the family has one, else empty."""

    family: str
    name: str
    run: Callable[[], list[Check]]
    task: str = ""


def relative(what: str, ours: Tensor, golden: Tensor, tolerance: float) -> Check:
    """max |a - b| / max |b| over a tensor; a wrong shape is infinitely far off."""
    if ours.shape != golden.shape:
        return Check(f"{what} {tuple(ours.shape)} for {tuple(golden.shape)}", float("inf"), 0)
    if golden.numel() == 0:
        return Check(what, 0.0, tolerance)
    scale = golden.double().abs().max().item() or 1.0
    error = (ours.double() - golden.double()).abs().max().item() / scale
    return Check(what, error, tolerance)


def equal(what: str, ours: object, golden: object) -> Check:
    """0 where both are the same, else infinitely far off."""
    if isinstance(ours, Tensor) and isinstance(golden, Tensor):
        same = ours.shape == golden.shape and bool((ours == golden).all())
    else:
        same = ours == golden
    return Check(what, 0.0 if same else float("inf"), 0.0)


def no_grad(run: Callable[[], list[Check]]) -> Callable[[], list[Check]]:
    """The same case without autograd."""

    def wrapped() -> list[Check]:
        with torch.no_grad():
            return run()

    return wrapped
