"""Matrix products of a few rows with a weight that is read from memory each time.

What decides is the rate at which weights come in. On the CPU oneDNN reaches memory's own rate on
weights in its block format; kernels on plain bfloat16 rows stop at half of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.fused import pointwise_available


class Product(Protocol):
    """x W^T of one weight W [out, in], kept in the form that suits it.

    `least_rows`: fewer rows take at least as long as these.
    """

    least_rows: int

    def __call__(self, x: Tensor) -> Tensor:
        """x: float32 or the weight's dtype [n, in]; [n, out] in a dtype of its choice."""


# Makes the product of a plain weight [out, in], which it does not keep.
MakeProduct = Callable[[Tensor], Product]


def make_product(weight: Tensor) -> Product:
    """The product in the weight's own dtype; nothing is lost."""
    return _PackedProduct(weight) if _packs(weight) else _FloatProduct(weight)


def make_gate(gate: Tensor, up: Tensor, make: MakeProduct) -> Product:
    """silu(x gate^T) * (x up^T) of the two weights [out, in] as if it were one product."""
    if make is make_product and _packs(gate):
        return _PackedGate(gate, up)
    return _JoinedGate(make(torch.cat([gate, up])))


class _PackedProduct:
    """bfloat16 in oneDNN's block format."""

    # Its kernel reads weights faster for 4 rows than for 2 or 3.
    least_rows = 4

    def __init__(self, weight: Tensor) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, self.least_rows)
        self.few = torch.zeros(self.least_rows, weight.shape[1], dtype=weight.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to bfloat16 [n, out]."""
        rows = x.shape[0]
        if rows >= self.least_rows:
            return self.after(x.to(torch.bfloat16), "none")
        self.few[:rows] = x
        return self.after(self.few, "none")[:rows]

    def after(self, x: Tensor, epilogue: str) -> Tensor:
        """The product of bfloat16 x, then `epilogue`."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, None, epilogue, [], "")

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """The product of bfloat16 x times `other` [n, out]."""
        return torch.ops.mkldnn._linear_pointwise(x, other, self.weight, None, "mul")


class _PackedGate:
    """Both products with what follows them inside."""

    least_rows = _PackedProduct.least_rows

    def __init__(self, gate: Tensor, up: Tensor) -> None:
        self.gate, self.up = _PackedProduct(gate), _PackedProduct(up)

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to bfloat16 [n, out]."""
        x = x.to(torch.bfloat16)
        return self.up.times(x, self.gate.after(x, "swish"))


class _JoinedGate:
    """One product for both, then the rest."""

    def __init__(self, joined: Product) -> None:
        self.joined, self.least_rows = joined, joined.least_rows

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to [n, out]."""
        gate, up = self.joined(x).chunk(2, dim=-1)
        return F.silu(gate).mul_(up)


class _FloatProduct:
    """Any dtype, as it lies."""

    least_rows = 1

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.fused = weight.dtype == torch.float32 and _has_kernel(weight)

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to [n, out] in the weight's dtype."""
        x = x.to(self.weight.dtype)
        if self.fused:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, None, "none", [], "")
        return F.linear(x, self.weight)


def _packs(weight: Tensor) -> bool:
    return weight.dtype == torch.bfloat16 and _has_kernel(weight)


def _has_kernel(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and pointwise_available(weight.dtype)
