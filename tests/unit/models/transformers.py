"""Golden transformers in any dtype, plain or optimised, and the vectors to run them on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.kernels import Kernels, optimize
from acestep_cli.models.qwen3 import Qwen3Model
from tests.parity.checkpoints import checkpoint_of, load_acestep, load_text_encoder

GOLDEN = Path(__file__).parents[2] / "golden"
MODELS = ("turbo", "base", "xl")


@cache
def acestep(model: str, dtype: torch.dtype, *, rows: bool) -> AceStepModel:
    """A golden checkpoint's networks; nobody may change them."""
    plain = load_acestep(checkpoint_of(GOLDEN, model))
    with torch.device("meta"):
        copy = AceStepModel(plain.config)
    tensors = {name: tensor.to(dtype) for name, tensor in plain.state_dict().items()}
    copy.load_state_dict(tensors, strict=True, assign=True)
    return optimize(copy.requires_grad_(False), Kernels(rows=rows))


@cache
def text_encoder(dtype: torch.dtype, *, rows: bool) -> Qwen3Model:
    """The golden text encoder; nobody may change it."""
    plain = load_text_encoder(GOLDEN)
    with torch.device("meta"):
        copy = Qwen3Model(plain.config)
    tensors = {name: tensor.to(dtype) for name, tensor in plain.state_dict().items()}
    copy.load_state_dict(tensors, strict=True, assign=True)
    return optimize(copy.requires_grad_(False), Kernels(rows=rows))


def vectors(name: str) -> dict[str, Tensor]:
    """One file of golden/modules."""
    found: dict[str, Tensor] = load_file(GOLDEN / "modules" / f"{name}.safetensors")
    return found


def difference(a: Tensor, b: Tensor) -> float:
    """Largest difference relative to the largest value of b."""
    assert a.shape == b.shape
    return float((a.float() - b.float()).abs().max() / b.float().abs().max())


def rms_difference(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference, relative to that of b."""
    assert a.shape == b.shape
    return float((a.float() - b.float()).square().mean().sqrt() / b.float().square().mean().sqrt())
