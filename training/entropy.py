"""The error of what is told of classes, where some places have none."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def mean_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy, in nats, of scores [..., classes] where targets [...] are not -1; 0 where
    all are."""
    rows, asked = scores.flatten(0, -2).float(), targets.flatten()
    summed = F.cross_entropy(rows, asked, ignore_index=-1, reduction="sum")
    return summed / (asked >= 0).sum().clamp(min=1)
