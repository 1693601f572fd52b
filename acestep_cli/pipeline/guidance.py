"""Classifier-free guidance: two velocities, with and without the condition, to one.

Facts: pipeline 7.9. All tensors are [B, T, C] float32; `scale` is the guidance scale (1 changes
nothing).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

APG_NORM_LIMIT = 2.5
APG_MOMENTUM = -0.75
ADG_ANGLE_LIMIT = 3.14 / 6
ADG_WEIGHT_FLOOR = 1e-3


class Momentum:
    """The running difference of one guided run: m <- d - 0.75 m, starting at zero."""

    def __init__(self, factor: float = APG_MOMENTUM) -> None:
        self.factor = factor
        self._average: Tensor | None = None

    def preview(self, difference: Tensor) -> Tensor:
        """What `advance` would return, leaving the state as it is."""
        if self._average is None:
            return difference
        return difference + self.factor * self._average

    def advance(self, difference: Tensor) -> Tensor:
        """Take in the next difference [B, T, C] and return the running one."""
        self._average = self.preview(difference)
        return self._average


def plain_guidance(conditional: Tensor, null: Tensor, scale: float) -> Tensor:
    """null + scale * (conditional - null)."""
    return null + scale * (conditional - null)


def projected_guidance(conditional: Tensor, difference: Tensor, scale: float) -> Tensor:
    """Adaptive projected guidance (APG): only what is orthogonal to the conditional velocity.

    difference: conditional - null, already carried through a `Momentum`. Its norm over time is
    limited to 2.5 for each channel; then its part along the conditional velocity (over time, in
    double precision) is dropped.
    """
    norm = difference.norm(dim=1, keepdim=True)
    limited = difference * (APG_NORM_LIMIT / norm).clamp(max=1)
    wide, direction = _double(limited), F.normalize(_double(conditional), dim=1)
    orthogonal = wide - (wide * direction).sum(1, keepdim=True) * direction
    return conditional + (scale - 1) * orthogonal.to(conditional.device, conditional.dtype)


def angle_guidance(
    latents: Tensor, conditional: Tensor, null: Tensor, time: float, scale: float
) -> Tensor:
    """Angle-based dynamic guidance (ADG): turn the predicted clean latents of every frame away
    from the unconditional ones, by at most 3.14/6 rad.

    latents: the state at `time` (0 < time <= 1), from which both clean predictions follow.
    """
    weight = max(scale - 1, 0.0) + ADG_WEIGHT_FLOOR
    clean, clean_null = latents - time * conditional, latents - time * null
    angle = _angle(clean, clean_null)
    turned = (weight * angle).clamp(-ADG_ANGLE_LIMIT, ADG_ANGLE_LIMIT)
    aside = _double(_perpendicular(clean - clean_null, clean_null))
    guided = turned.cos() * _double(clean) + turned.sin() / angle.sin() * aside
    return ((_double(latents) - guided) / time).to(latents.device, latents.dtype)


def within(time: float, start: float, end: float) -> bool:
    """Whether guidance acts at `time`, start <= time <= end, compared in float32: times are stored
    so, and 0.8 must be inside an interval that ends at 0.8."""
    low, here, high = torch.tensor([start, time, end], dtype=torch.float32).tolist()
    return bool(low <= here <= high)


def _angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle between frames in double precision, [B, T, 1]; a right one where a frame is zero, and
    at least 0.0014 away from 0 and pi, so that one can divide by its sine."""
    directions = F.normalize(_double(first), dim=-1), F.normalize(_double(second), dim=-1)
    cosine = (directions[0] * directions[1]).sum(-1, keepdim=True)
    return cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()


def _perpendicular(x: Tensor, direction: Tensor) -> Tensor:
    """x less its part along `direction`, frame by frame."""
    along = (x * direction).sum(-1, keepdim=True)
    return x - along / (direction.pow(2).sum(-1, keepdim=True) + 1e-8) * direction


def _double(x: Tensor) -> Tensor:
    """Double precision; Apple's GPUs have none, so there the CPU computes."""
    return (x.cpu() if x.device.type == "mps" else x).double()
