"""The autoencoder's layers in the form that trains fastest on a CPU.

Convolutions over time run as two-dimensional ones of height 1, channels last, in bfloat16: several
times as fast here as one-dimensional ones. Snake keeps its input alone for the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 3, 9)


class _SnakeFunction(torch.autograd.Function):
    """x + sin(a x)^2 / b over [B, C, 1, T], a and b [1, C, 1, 1]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: Tensor, gain: Tensor) -> Tensor:
        ctx.save_for_backward(x, rate, gain)
        return _compiled(_snake_plain)(x, rate, gain)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, rate, gain = ctx.saved_tensors
        return _compiled(_snake_back_plain)(grad, x, rate, gain)


def _snake_plain(x: Tensor, rate: Tensor, gain: Tensor) -> Tensor:
    wide = x.float()
    return (wide + gain * (wide * rate).sin().square()).to(x.dtype)


def _snake_back_plain(
    grad: Tensor, x: Tensor, rate: Tensor, gain: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    wide, back = x.float(), grad.float()
    angle = wide * rate
    double = (2 * angle).sin()
    grad_x = back * (1 + gain * rate * double)
    dims = (0, 2, 3)
    grad_rate = (back * double * wide).sum(dims, keepdim=True) * gain
    grad_gain = (back * angle.sin().square()).sum(dims, keepdim=True)
    return grad_x.to(x.dtype), grad_rate, grad_gain


Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def _compiled(function: Function) -> Function:
    """`function` as one fused loop. Every width and length is a shape of its own, and past dynamo's
    limit of shapes it would fall back in silence."""
    torch._dynamo.config.cache_size_limit = 256
    return cast(Function, torch.compile(function, dynamic=False))


class Snake(nn.Module):
    """Snake with logarithmic coefficients [1, C, 1], as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1, channels, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, 1, T]."""
        rate, gain = self.alpha.exp()[..., None], (-self.beta).exp()[..., None]
        return _SnakeFunction.apply(x, rate, gain)


class Conv(nn.Module):
    """A convolution over time; weight [out, in, taps]. Its export has `weight_g` and `weight_v`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        taps: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int = 0,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        scale = gain / (inputs * taps) ** 0.5
        self.weight = nn.Parameter(torch.randn(outputs, inputs, taps) * scale)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.stride, self.dilation, self.padding = stride, dilation, padding

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, 1, T]."""
        weight = self.weight[:, :, None].to(x.dtype, memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.conv2d(x, weight, bias, (1, self.stride), (0, self.padding), (1, self.dilation))


class UpConv(nn.Module):
    """A transposed convolution of 2 * stride taps; weight [in, out, taps]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs, 2 * stride) / (2 * inputs) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, 1, T]."""
        weight = self.weight[:, :, None].to(x.dtype, memory_format=torch.channels_last)
        return F.conv_transpose2d(
            x, weight, self.bias.to(x.dtype), (1, self.stride), (0, self.stride // 2)
        )


class ResidualUnit(nn.Module):
    """`x + conv2(snake2(conv1(snake1(x))))`, quiet at first."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.snake1 = Snake(channels)
        self.conv1 = Conv(channels, channels, 7, dilation=dilation, padding=3 * dilation)
        self.snake2 = Snake(channels)
        self.conv2 = Conv(channels, channels, 1, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, T] to the same."""
        return x + self.conv2(self.snake2(self.conv1(self.snake1(x))))


class DecoderBlock(nn.Module):
    """`stride` times more samples, then three residual units."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.snake1 = Snake(inputs)
        self.conv_t1 = UpConv(inputs, outputs, stride)
        self.res_unit1, self.res_unit2, self.res_unit3 = (
            ResidualUnit(outputs, dilation) for dilation in DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, T] to [B, O, 1, stride * T]."""
        x = self.conv_t1(self.snake1(x))
        return self.res_unit3(self.res_unit2(self.res_unit1(x)))


class EncoderBlock(nn.Module):
    """Three residual units, then `stride` times fewer samples."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.res_unit1, self.res_unit2, self.res_unit3 = (
            ResidualUnit(inputs, dilation) for dilation in DILATIONS
        )
        self.snake1 = Snake(inputs)
        self.conv1 = Conv(inputs, outputs, 2 * stride, stride=stride, padding=stride // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, T] to [B, O, 1, T // stride]."""
        return self.conv1(self.snake1(self.res_unit3(self.res_unit2(self.res_unit1(x)))))


class Decoder(nn.Module):
    """Latents [B, 64, T] to stereo [B, 2, 1920 T], float32; computed in bfloat16."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = Conv(64, widths[0], 7, padding=3)
        self.block = nn.ModuleList(map(DecoderBlock, widths, widths[1:], strides))
        self.snake1 = Snake(widths[-1])
        self.conv2 = Conv(widths[-1], 2, 7, padding=3, bias=False, gain=0.3)

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, 64, T]."""
        x = latents[:, :, None].to(torch.bfloat16, memory_format=torch.channels_last)
        x = self.conv1(x)
        for block in self.block:
            x = block(x)
        return self.conv2(self.snake1(x))[:, :, 0].float()


class Encoder(nn.Module):
    """Stereo [B, 2, 1920 T] to means [B, 64, T], float32; narrower than the published layout, into
    which `export` embeds it."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = Conv(2, widths[0], 7, padding=3)
        self.block = nn.ModuleList(map(EncoderBlock, widths, widths[1:], strides))
        self.snake1 = Snake(widths[-1])
        self.conv2 = Conv(widths[-1], 64, 3, padding=1)

    def forward(self, audio: Tensor) -> Tensor:
        """audio: [B, 2, S]."""
        x = audio[:, :, None].to(torch.bfloat16, memory_format=torch.channels_last)
        x = self.conv1(x)
        for block in self.block:
            x = block(x)
        return self.conv2(self.snake1(x))[:, :, 0].float()
