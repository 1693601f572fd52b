"""Linear layers and row operations with what follows them done in the same pass, on the CPU.

Each function names the plain operation in layers.py that it stands for. Sums and norms run in
float32; what leaves for a matrix product is rounded once, to the dtype of the weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.layers import MLP, Linear, RMSNorm, RopeTable
from acestep_cli.models.scratch import Scratch


def pointwise_available(dtype: torch.dtype) -> bool:
    """Whether this build of torch runs linear layers of `dtype` with fused epilogues."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype == torch.float32


class Product:
    """x W^T + b of one linear layer, alone or with an epilogue; x is [..., in], contiguous.

    Weights are read where they lie. Packing them for oneDNN made products 4 to 8 % faster, but took
    3 to 7 s for the 2B model, most of it for fresh memory: several times what the 8 steps of
    a 30 s song give back.
    """

    def __init__(self, layer: Linear) -> None:
        self.layer = layer
        self.fused = pointwise_available(layer.weight.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """The product alone."""
        return self._unary(x, "none") if self.fused else self.layer(x)

    def silu(self, x: Tensor) -> Tensor:
        """silu(product)."""
        return self._unary(x, "swish") if self.fused else F.silu(self.layer(x))

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """product * other, `other` shaped as the result."""
        return self._binary(x, other, "mul") if self.fused else self.layer(x) * other

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """product + other, `other` shaped as the result."""
        return self._binary(x, other, "add") if self.fused else self.layer(x) + other

    def _unary(self, x: Tensor, epilogue: str) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(
            x, self.layer.weight, self.layer.bias, epilogue, [], ""
        )

    def _binary(self, x: Tensor, other: Tensor, epilogue: str) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(
            x, other, self.layer.weight, self.layer.bias, epilogue
        )


class GatedProducts:
    """The parts of `MLP`: silu(gate) * up in two products, then down."""

    def __init__(self, mlp: MLP) -> None:
        self.gate, self.up = Product(mlp.gate_proj), Product(mlp.up_proj)
        self.down = Product(mlp.down_proj)

    def inner(self, x: Tensor) -> Tensor:
        """silu(gate(x)) * up(x): [..., hidden] to [..., mlp]."""
        return self.up.times(x, self.gate.silu(x))


def normalise(
    x: Tensor,
    norm: RMSNorm,
    scratch: Scratch,
    *,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
) -> Tensor:
    """RMSNorm of x [n, r, width], then * (1 + scale) + shift, each float32 [1 or n, 1, width].

    The result lies in `scratch` until the next call.
    """
    wide = _unit_rms(x, norm.eps, scratch)
    weight = norm.weight.float()
    if scale is None or shift is None:
        wide.mul_(weight)
    else:
        torch.addcmul(shift, wide, weight * (1 + scale), out=wide)
    return _narrow(wide, x.dtype, scratch)


def turn_heads(
    x: Tensor, norm: RMSNorm, scratch: Scratch, *, rope: RopeTable | None = None, scale: float = 1
) -> Tensor:
    """RMSNorm over each head of x [n, r, heads, d], rotary positions where given (tables [r, d]
    in float32), times `scale`: float32, in `scratch` until the next call."""
    wide = _unit_rms(x, norm.eps, scratch)
    wide.mul_(norm.weight.float() * scale)
    if rope is None:
        return wide
    half = x.shape[-1] // 2
    cos, sin = rope.cos[:, None], rope.sin[:, None]
    turned = torch.mul(wide, cos, out=scratch.take("turned", tuple(wide.shape), wide.dtype))
    turned[..., :half].addcmul_(wide[..., half:], sin[..., :half], value=-1)
    turned[..., half:].addcmul_(wide[..., :half], sin[..., half:])
    return turned


def centre(keys: Tensor, length: int) -> Tensor:
    """Keys [n, r, K, d], in place, less the mean of their first `length` rows.

    That adds the same to all scores of a query, which softmax does not see, and keeps scores small
    where keys have much in common: what rounding scores to bfloat16 costs grows with their size.
    """
    return keys.sub_(keys[:, :length].mean(1, keepdim=True))


def _unit_rms(x: Tensor, eps: float, scratch: Scratch) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over the last dimension, float32."""
    wide = scratch.take("wide", tuple(x.shape), torch.float32).copy_(x)
    length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
    return wide.mul_(length.square_().div_(x.shape[-1]).add_(eps).rsqrt_())


def _narrow(wide: Tensor, dtype: torch.dtype, scratch: Scratch) -> Tensor:
    if dtype == torch.float32:
        return wide
    return scratch.take("narrow", tuple(wide.shape), dtype).copy_(wide)
