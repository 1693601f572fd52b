"""The layers of the autoencoder on a CPU, over rows: one item as [time, channels].

Weights are packed once for oneDNN where torch has it; elsewhere the same layers run through the
public functions. Nothing here knows the order of the layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# sin(pi r)^2 for |r| <= 1 is LEAD * p3, with p0 = r^2 and p[i + 1] = p[i] + BENDS[i] * p[i]^2. Each
# step has the shape of sin(2t)^2 = 4 (sin(t)^2 - sin(t)^4); together they were fitted for the least
# largest error, 7.5e-4. A bfloat16 step at 1 is ten times that.
LEAD = 9.841295685400699
BENDS = (-0.1897497880087228, -0.6145410486244669, -2.458664191500145)


def packing_available() -> bool:
    """Whether this build of torch has oneDNN's packed layers for the CPU."""
    return torch.backends.mkldnn.is_available() and hasattr(
        torch.ops.mkldnn, "_convolution_pointwise_"
    )


def _image(rows: Tensor) -> Tensor:
    """Rows [T, C] as a picture [1, C, 1, T] with channels last in memory, a view."""
    return rows.t()[None, :, None, :]


class Taps:
    """A convolution over time with the same zero padding on both sides: [T, I] to [T', O]."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        padding: int,
        dilation: int = 1,
        stride: int = 1,
        rows: int,
    ) -> None:
        """Pack `weight` [O, I, K] and `bias` [O]; `rows`, the usual T, helps choose the layout."""
        self.padding, self.dilation, self.stride = [0, padding], [1, dilation], [1, stride]
        self.bias = bias
        kernel = weight.unsqueeze(2)
        self.packed = packing_available()
        if self.packed:
            shape = [1, weight.shape[1], 1, rows]
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(
                kernel, self.padding, self.stride, self.dilation, 1, shape
            )
        else:
            self.weight = kernel.contiguous(memory_format=torch.channels_last)

    def __call__(self, x: Tensor) -> Tensor:
        """Convolve rows."""
        where = (self.padding, self.stride, self.dilation, 1)
        if self.packed:
            out = torch.ops.mkldnn._convolution_pointwise(
                _image(x), self.weight, self.bias, *where, "none", [], ""
            )
        else:
            out = F.conv2d(
                _image(x), self.weight, self.bias, self.stride, self.padding, self.dilation
            )
        return out[0, :, 0, :].t()

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """Add the convolution of `x` to `total`, which is overwritten and returned."""
        if not self.packed:
            return total.add_(self(x))
        where = (self.padding, self.stride, self.dilation, 1)
        torch.ops.mkldnn._convolution_pointwise_.binary(
            _image(total),
            _image(x),
            self.weight,
            self.bias,
            *where,
            *("add", 1.0, None, [], None),
        )
        return total


class Scratch:
    """Float32 working memory for activations; each thread needs its own."""

    def __init__(self) -> None:
        self.buffers = [torch.empty(0)] * 2

    def take(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Two buffers shaped as `x`, valid until the next call."""
        size = x.numel()
        if self.buffers[0].numel() < size:
            self.buffers = [torch.empty(size) for _ in self.buffers]
        first, second = (buffer[:size].view(x.shape) for buffer in self.buffers)
        return first, second


class SnakeRows:
    """`x + sin(a x)^2 / b` over rows [T, C], with `a` and `1 / b` for each channel.

    In narrower dtypes than float32 the sine is a polynomial in whole turns, computed in float32:
    nine cheap passes in place of one dear one, and closer to the exact value than bfloat16 passes.
    """

    def __init__(self, rate: Tensor, gain: Tensor, dtype: torch.dtype) -> None:
        """`rate` = a and `gain` = 1 / b, [C] in float32."""
        self.exact = dtype == torch.float32
        self.rate = rate if self.exact else rate / math.pi
        self.gain = gain if self.exact else gain * LEAD

    def __call__(self, x: Tensor, scratch: Scratch) -> Tensor:
        """A new tensor [T, C] of the dtype of `x`."""
        wide = self.wide(x, scratch)
        return wide if self.exact else torch.empty_like(x).copy_(wide)

    def wide(self, x: Tensor, scratch: Scratch) -> Tensor:
        """The same in float32; unless `x` is float32 too, valid until `scratch` is used again."""
        if self.exact:
            return torch.addcmul(x, (x * self.rate).sin_().square_(), self.gain)
        base, turns = scratch.take(x)
        power = torch.mul(base.copy_(x), self.rate, out=turns).frac_().square_()
        for bend in BENDS:
            power.addcmul_(power, power, value=bend)
        return base.addcmul_(power, self.gain)
