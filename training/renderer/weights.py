"""The weights that training begins with."""

from __future__ import annotations

import math

import torch
from torch import nn

from training.renderer.sizes import DIT

_SPREAD = 0.02


@torch.no_grad()
def set_first_weights(renderer: nn.Module, seed: int) -> None:
    """Small random weights; norms 1; the ways into the residual stream small, the gates open."""
    generator = torch.Generator().manual_seed(seed)
    depth = 1 / math.sqrt(2 * DIT.layers)
    for name, parameter in renderer.named_parameters():
        if name.endswith("norm.weight") or ("norm" in name and parameter.ndim == 1):
            parameter.fill_(1.0)
        elif name.endswith("bias") or "proj_out.1" in name or "time_proj" in name:
            parameter.zero_()
        elif name.endswith("scale_shift_table"):
            parameter.zero_()
            if parameter.shape[1] == 6:
                parameter[:, [2, 5]] = 1.0
        elif "embed_tokens.weight" in name and name.startswith("text."):
            parameter.normal_(0, 0.5, generator=generator)
        elif parameter.ndim >= 2:
            spread = 1 / math.sqrt(parameter[0].numel())
            quiet = name.endswith(("o_proj.weight", "down_proj.weight"))
            parameter.normal_(0, spread * (depth if quiet else 1.0), generator=generator)
        else:
            parameter.normal_(0, _SPREAD, generator=generator)
