"""Weights rounded to 8 or 4 bits for decoding on the CPU; activations keep their precision.

int8: each row of a weight has one scale, the largest value of the row is 127. int4: each group of
64 (or 32) values of a row has a scale and an offset of its own.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.products import MakeProduct, make_product

Quantization = Literal["none", "int8", "int4"]
GROUPS = (64, 32)
# Rows of a weight that are rounded at once: what that takes stays in the cache.
_ROWS = 512
_TINY = 1e-12
# An activation is whole steps of 1 / 16 319 of its row's largest value, in 16 bits: a high and a
# low byte, each taken 64 below its value. Their middle, and a half more since conversion cuts off:
_MIDDLE, _LARGEST = 64, 32_767 - 64 * 257
# As a tensor, since a number would be made into one for each use.
_FROM_ZERO = torch.tensor(64 * 257 + 0.5)
# The int4 kernel wants whole multiples of this many rows.
_INT4_ROWS = 16


def product_maker(quantization: Quantization) -> MakeProduct:
    """What makes products of weights in this form."""
    match quantization:
        case "none":
            return make_product
        case "int8":
            return BytesProduct if bytes_available() else Int8Product
        case "int4":
            return Int4Product


def rounded_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values [out, in] and float32 scales [out] of a weight: weight ~ values * scale."""
    values = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(weight.shape[0])
    wide = torch.empty(min(_ROWS, weight.shape[0]), weight.shape[1])
    for start in range(0, weight.shape[0], _ROWS):
        part = weight[start : start + _ROWS]
        block = wide[: len(part)].copy_(part)
        largest = torch.linalg.vector_norm(block, float("inf"), dim=1)
        scale = largest.div_(127).clamp_min_(_TINY)
        values[start : start + _ROWS] = block.div_(scale[:, None]).round_()
        scales[start : start + _ROWS] = scale
    return values, scales


class BytesProduct:
    """int8 weights times activations of two bytes, for processors that sum products of bytes.

    The bytes of an activation are two rows of one product, which costs no more than one: the
    weights are read once. So activations are rounded to 14 bits below the largest of their row,
    not to the 8 that the kernel takes.
    """

    least_rows = 1

    def __init__(self, weight: Tensor) -> None:
        values, self.scales = rounded_rows(weight)
        self.zeros = torch.zeros(len(values), dtype=torch.int64)
        self.weight = torch.ops.onednn.qlinear_prepack(values, [4, weight.shape[1]])

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to float32 [n, out]."""
        low_high, scale = two_bytes(x)
        product = torch.ops.onednn.qlinear_pointwise(
            low_high, 1.0, _MIDDLE, self.weight, self.scales, self.zeros,
            None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        low, high = product.chunk(2)
        return low.add_(high, alpha=256).mul_(scale)


def two_bytes(x: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 [2 n, in], the low bytes and then the high ones, and scales float32 [n, 1]:
    x ~ (low - 64 + 256 * (high - 64)) * scale."""
    scale = x.abs().amax(1, keepdim=True).float().mul_(1 / _LARGEST).clamp_min_(_TINY)
    steps = torch.div(x, scale).add_(_FROM_ZERO).to(torch.int16)
    pairs = steps.view(torch.uint8).unflatten(1, (-1, 2))  # low bytes come first
    return pairs.permute(2, 0, 1).reshape(-1, x.shape[1]), scale


class Int8Product:
    """int8 weights times bfloat16 activations, on any processor."""

    least_rows = 1

    def __init__(self, weight: Tensor) -> None:
        self.weight, scales = rounded_rows(weight)
        self.scales = scales.bfloat16()

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to bfloat16 [n, out]."""
        return torch.ops.aten._weight_int8pack_mm(x.to(torch.bfloat16), self.weight, self.scales)


def bytes_available() -> bool:
    """Whether this processor and this build of torch sum products of bytes in 32 bits. Older
    processors sum pairs in 16, which overflow."""
    return torch.backends.mkldnn.is_available() and bool(torch.cpu._is_vnni_supported())


class Int4Product:
    """int4 weights times bfloat16 activations."""

    least_rows = 1

    def __init__(self, weight: Tensor) -> None:
        self.rows, self.group = weight.shape[0], group_of(weight.shape[1])
        whole = F.pad(weight, (0, 0, 0, -self.rows % _INT4_ROWS))
        parts = [rounded_groups(part, self.group) for part in whole.split(_ROWS)]
        pack = torch.ops.aten._convert_weight_to_int4pack_for_cpu
        self.weight = torch.cat([pack(values, 1) for values, _ in parts])
        self.scales = torch.cat([scales for _, scales in parts], dim=1)

    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] to bfloat16 [n, out]."""
        product = torch.ops.aten._weight_int4pack_mm_for_cpu(
            x.to(torch.bfloat16), self.weight, self.group, self.scales
        )
        return product[:, : self.rows]


def group_of(width: int) -> int:
    """Values of an int4 group in rows of `width`; ValueError where none fits."""
    for group in GROUPS:
        if width % group == 0:
            return group
    raise ValueError(f"int4 weights need widths that are multiples of {GROUPS[-1]}, not {width}")


def rounded_groups(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Values 0..15 [out, in] int32 and bfloat16 [in / group, out, 2] of scale and middle: weight ~
    (values - 8) * scale + middle."""
    grouped = weight.float().view(len(weight), -1, group)
    low, high = grouped.aminmax(dim=-1)
    # The kernel has them in bfloat16, so the values are chosen for the rounded ones.
    scale = ((high - low) / 15).clamp_min_(_TINY).bfloat16()
    middle = (low + 8 * scale.float()).bfloat16()
    values = (grouped - middle[..., None]).div_(scale[..., None]).add_(8).round_().clamp_(0, 15)
    scales = torch.stack([scale, middle], dim=-1).transpose(0, 1).contiguous()
    return values.to(torch.int32).view(weight.shape), scales
