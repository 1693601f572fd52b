"""The batches of a run: made where the steps are taken, or ahead of them by other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Drawn = TypeVar("Drawn")


class _Steps(Dataset[Drawn]):
    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        self._draw = draw

    def __getitem__(self, step: int) -> Drawn:
        return self._draw(step)


def batches(
    draw: Callable[[int], Drawn], steps: range, workers: int, device: torch.device | str
) -> Iterator[Drawn]:
    """The batch `draw(step)` of each of `steps`, in order, its tensors on `device`.

    workers: processes that make them ahead, 0 for none. They are forked, so that `draw` may be any
    function, and what it uses must not be on an accelerator.
    """
    loader = DataLoader(
        _Steps(draw),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context="fork" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    for drawn in loader:
        yield moved(drawn, device)


def moved(drawn: Any, device: torch.device | str) -> Any:
    """Tensors, and all tensors in tuples and dataclasses, on `device`."""
    if isinstance(drawn, Tensor):
        return drawn.to(device, non_blocking=True)
    if isinstance(drawn, tuple):
        return tuple(moved(part, device) for part in drawn)
    if is_dataclass(drawn) and not isinstance(drawn, type):
        found = {field.name: moved(getattr(drawn, field.name), device) for field in fields(drawn)}
        return replace(drawn, **found)
    return drawn


def _as_it_is(drawn: Any) -> Any:
    return drawn
