"""How the transformers are computed: chosen once, after their weights are in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from acestep_cli.models.dit import DiT
from acestep_cli.models.encoders import LyricEncoder, TimbreEncoder
from acestep_cli.models.fast import FastDiT, FastStack
from acestep_cli.models.qwen3 import Qwen3Model

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Kernels:
    """What `optimize` may do.

    rows: run transformer stacks on the CPU over tiles of rows, with fused epilogues and attention
    in blocks of matrix products. Elsewhere, and without it, the plain modules run.
    """

    rows: bool = True


def optimize(module: Network, kernels: Kernels) -> Network:
    """Set up the DiT, the lyric and timbre encoders and Qwen3 inside `module`, in place.

    Call it when parameters are loaded and on their device; parameters keep their names, their
    storage and so their mapping to a file. The same input gives the same bytes for one number of
    threads. An optimised module serves one thread at a time.
    """
    for part in module.modules():
        if isinstance(part, DiT):
            part.fast = FastDiT(part.blocks()) if _applies(part, kernels) else None
        elif isinstance(part, LyricEncoder | TimbreEncoder | Qwen3Model):
            part.fast = FastStack(part.blocks()) if _applies(part, kernels) else None
    return module


def _applies(module: nn.Module, kernels: Kernels) -> bool:
    return kernels.rows and next(module.parameters()).device == torch.device("cpu")
