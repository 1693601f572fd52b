"""What the machine can do at best: the rate of a large `F.linear`."""

from __future__ import annotations

import time

import torch
from torch.nn import functional as F

# Rows of one stage's activations by a weight of the 2B model, and a squarer shape.
_SHAPES = {
    "cpu": ((1024, 2048, 6144), (2048, 2048, 2048)),
    "cuda": ((8192, 8192, 8192), (16384, 2048, 6144)),
}
_SECONDS = 1.0


def matmul_rate(dtype: torch.dtype, device: torch.device, seconds: float = _SECONDS) -> float:
    """Floating-point operations a second of the fastest of some big products in `dtype`.

    Each shape is repeated for `seconds` and its best run counts.
    """
    rates = []
    for rows, inputs, outputs in _SHAPES.get(device.type, _SHAPES["cpu"]):
        x = torch.randn(rows, inputs, dtype=dtype, device=device)
        weight = torch.randn(outputs, inputs, dtype=dtype, device=device)
        rates.append(2.0 * rows * inputs * outputs / _best(x, weight, device, seconds))
    return max(rates)


def _best(x: torch.Tensor, weight: torch.Tensor, device: torch.device, seconds: float) -> float:
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        synchronise(device)
        start = time.perf_counter()
        F.linear(x, weight)
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
