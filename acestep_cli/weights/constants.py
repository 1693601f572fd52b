"""Tensors that follow from a checkpoint alone, worked out once and kept in a small file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.errors import OutputError
from acestep_cli.files import replace_bytes

if TYPE_CHECKING:
    import torch

_NAME = "constant"


def read_constant(
    path: Path | None, shape: tuple[int, ...], dtype: torch.dtype
) -> torch.Tensor | None:
    """The tensor kept at `path`; None where there is none of that shape and type, finite and whole:
    it is then worked out again."""
    if path is None or not path.is_file():
        return None
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensor = load(path.read_bytes()).get(_NAME)
    except (OSError, SafetensorError):
        return None
    if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
        return None
    return tensor if bool(torch.isfinite(tensor).all()) else None


def keep_constant(path: Path | None, tensor: torch.Tensor) -> None:
    """Keep `tensor` at `path`; a folder that cannot be written costs a later run a second, no
    more, and a tensor that is not finite is not kept."""
    import torch

    if path is None or not bool(torch.isfinite(tensor).all()):
        return
    from safetensors.torch import save

    with suppress(OutputError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, save({_NAME: tensor.detach().cpu().contiguous()}))
