from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from acestep_cli.pipeline.guidance import (
    Momentum,
    angle_guidance,
    plain_guidance,
    projected_guidance,
    within,
)


def tensors(count: int, batch: int = 2, frames: int = 9, channels: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(batch, frames, channels, generator=generator) for _ in range(count)]


def test_plain_guidance_by_hand() -> None:
    conditional, null = torch.tensor([3.0]), torch.tensor([1.0])
    assert float(plain_guidance(conditional, null, 4)) == 9
    assert float(plain_guidance(conditional, null, 1)) == 3


def test_momentum_carries_minus_three_quarters() -> None:
    momentum = Momentum()
    one = torch.ones(1)
    assert float(momentum.advance(one)) == 1
    assert float(momentum.preview(one)) == 0.25
    assert float(momentum.preview(one)) == 0.25  # looking does not move it
    assert float(momentum.advance(one)) == 0.25
    assert float(momentum.advance(one)) == 1 - 0.75 * 0.25


def slow_apg(conditional: Tensor, difference: Tensor, scale: float) -> Any:
    """Channel by channel in numpy, as published."""
    c, d = conditional.double().numpy(), difference.double().numpy()
    result = np.empty_like(c)
    for item in range(c.shape[0]):
        for channel in range(c.shape[2]):
            along, step = c[item, :, channel], d[item, :, channel]
            norm = np.linalg.norm(step)
            if norm > 2.5:
                step = step * 2.5 / norm
            unit = along / np.linalg.norm(along)
            result[item, :, channel] = along + (scale - 1) * (step - step.dot(unit) * unit)
    return result


@pytest.mark.parametrize("size", [0.01, 1.0, 50.0])
def test_projected_guidance_is_the_slow_one(size: float) -> None:
    c, d = tensors(2)
    d = d * size
    np.testing.assert_allclose(projected_guidance(c, d, 5.0), slow_apg(c, d, 5.0), atol=2e-5)


def test_projected_guidance_drops_what_points_along_the_velocity() -> None:
    (c,) = tensors(1)
    assert torch.allclose(projected_guidance(c, 0.3 * c, 7.0), c, atol=1e-6)


def test_projected_guidance_without_difference_is_the_velocity() -> None:
    (c,) = tensors(1)
    assert torch.equal(projected_guidance(c, torch.zeros_like(c), 7.0), c)


def slow_adg(*given: Tensor, time: float, scale: float) -> Any:
    weight = max(scale - 1, 0) + 1e-3
    x, c, u = (tensor.double().numpy() for tensor in given)
    result = np.empty_like(c)
    for place in np.ndindex(c.shape[:2]):
        clean, null = x[place] - time * c[place], x[place] - time * u[place]
        cosine = clean.dot(null) / np.linalg.norm(clean) / np.linalg.norm(null)
        angle = math.acos(min(max(cosine, -1 + 1e-6), 1 - 1e-6))
        turned = min(max(weight * angle, -3.14 / 6), 3.14 / 6)
        difference = clean - null
        aside = difference - difference.dot(null) / (null.dot(null) + 1e-8) * null
        stretch = math.sin(turned) / math.sin(angle) if math.sin(angle) > 1e-3 else weight
        result[place] = (x[place] - (math.cos(turned) * clean + stretch * aside)) / time
    return result


@pytest.mark.parametrize("scale", [0.5, 1.5, 7.0])
@pytest.mark.parametrize("apart", [1.0, 0.01, 0.0])
def test_angle_guidance_is_the_slow_one(scale: float, apart: float) -> None:
    x, c, d = tensors(3)
    u = c + apart * d
    ours = angle_guidance(x, c, u, 0.6, scale)
    np.testing.assert_allclose(ours, slow_adg(x, c, u, time=0.6, scale=scale), rtol=1e-4, atol=1e-5)
    assert ours.dtype == torch.float32


def test_angle_guidance_takes_a_clean_prediction_of_zero() -> None:
    x, c = tensors(2)
    assert torch.isfinite(angle_guidance(x, c, x, 1.0, 5.0)).all()  # x - 1.0 * x is zero


def test_the_interval_holds_both_ends_as_stored() -> None:
    eighth = torch.tensor(0.8).item()  # 0.800000011920929: above 0.8 in double precision
    assert within(eighth, 0.0, 0.8)
    assert within(torch.tensor(0.3).item(), 0.3, 0.8)
    assert not within(0.81, 0.3, 0.8)
    assert not within(0.29, 0.3, 0.8)
