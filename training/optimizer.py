"""The optimizer of all networks: Muon for the matrices of their layers, AdamW for all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

# The side from which on a weight is a matrix: gains and tables of shifts have no directions that
# are to be moved equally far.
_SIDE = 16


class Optimizer:
    """Moves the weights of `module` against their gradients: `torch.optim.Muon` those that
    `matrices_of` names, `torch.optim.AdamW` all others.

    rate: the learning rate, in units of AdamW's; betas: of AdamW alone; weight_decay: of both, per
    step and unit of rate. Muon (Jordan 2024) moves all directions of a matrix about equally far, by
    what is nearest to its gradient among the orthogonal matrices, times 0.2 sqrt(max(rows,
    columns)), which makes its steps as large as AdamW's (Liu et al. 2025, "Muon is Scalable for LLM
    Training"). A convolution is a matrix [out, in x taps].
    """

    def __init__(
        self, module: nn.Module, rate: float, betas: tuple[float, float], weight_decay: float
    ) -> None:
        inner = matrices_of(module)
        named = dict(module.named_parameters())
        self._shaped = [own for name, own in named.items() if name in inner]
        # The same memory as rows and columns: what moves the one moves the other.
        self._flat = [own.detach().view(len(own), -1).requires_grad_() for own in self._shaped]
        others = [own for name, own in named.items() if name not in inner]
        self._parts: list[torch.optim.Optimizer] = []
        if others:
            self._parts.append(
                torch.optim.AdamW(
                    others, lr=rate, betas=betas, weight_decay=weight_decay, fused=True
                )
            )
        if inner:
            self._parts.append(
                torch.optim.Muon(
                    self._flat, lr=rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )

    def set_rate(self, rate: float) -> None:
        """The learning rate of the steps to come."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate

    def step(self) -> None:
        """Move all weights that have a gradient."""
        for own, flat in zip(self._shaped, self._flat, strict=True):
            flat.grad = None if own.grad is None else own.grad.reshape(flat.shape)
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of an optimizer of the same networks takes."""
        return {type(part).__name__: part.state_dict() for part in self._parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`. KeyError where it is that of other optimizers."""
        for part in self._parts:
            part.load_state_dict(state[type(part).__name__])


def matrices_of(module: nn.Module) -> set[str]:
    """The names of the weights that are matrices of layers: of the `layers` of a transformer, of a
    `block` of the autoencoder. What leads into these and out of them, embeddings and the networks
    of time among it, learns slower with Muon."""
    return {
        name
        for name, own in module.named_parameters()
        if ("layers." in name or "block." in name) and _is_matrix(own)
    }


def _is_matrix(own: Tensor) -> bool:
    return own.ndim > 1 and min(len(own), own[0].numel()) >= _SIDE
