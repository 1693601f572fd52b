"""The Oobleck autoencoder of ACE-Step: stereo audio at 48 kHz to 64 channels at 25 Hz and back.

This is the plain form, channels first, for any device and dtype. Attribute names are the published
tensor names, so a checkpoint's state dict loads as it is; `Vae.fold` then turns the weight norms
into plain weights. `vae_fast` computes the same numbers faster on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from acestep_cli.models.vae_config import DILATIONS, VaeConfig

__all__ = ["Posterior", "Vae", "VaeConfig", "published_name"]

STD_FLOOR = 1e-4
_FOLD_ROWS = 64


def published_name(name: str) -> str:
    """The published tensor name for `name`, which may come from a newer weight-norm export.

    `X.parametrizations.weight.original0` is the gain `X.weight_g`, `original1` the direction
    `X.weight_v`.
    """
    for suffix, old in (("original0", "weight_g"), ("original1", "weight_v")):
        new = f"parametrizations.weight.{suffix}"
        if name.endswith("." + new):
            return name.removesuffix(new) + old
    return name


def _empty(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape), requires_grad=False)


class WeightNormed(nn.Module):
    """A kernel stored as gain and direction: `w = g * v / |v|`, the norm for each first index.

    The first dimension is the output channel, in transposed convolutions the input channel. Values
    are uninitialised until a state dict is loaded.
    """

    weight_g: nn.Parameter | None
    weight_v: nn.Parameter | None
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, first: int, second: int, taps: int, biases: int) -> None:
        super().__init__()
        self.weight_g = _empty(first, 1, 1)
        self.weight_v = _empty(first, second, taps)
        self.bias = _empty(biases) if biases else None
        self.register_parameter("weight", None)

    def kernel(self, dtype: torch.dtype | None = None) -> Tensor:
        """The weight [first, second, taps]; gain and direction meet in float32.

        In `dtype`, else as folded, else in float32.
        """
        if self.weight is not None:
            return self.weight if dtype is None else self.weight.to(dtype)
        assert self.weight_g is not None and self.weight_v is not None
        direction = self.weight_v
        norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True, dtype=torch.float32)
        scale = self.weight_g.float() / norm
        out = torch.empty_like(direction, dtype=dtype or torch.float32)
        # In slices, as the widest layer would need 170 MB in float32.
        for part in range(0, len(out), _FOLD_ROWS):
            rows = slice(part, part + _FOLD_ROWS)
            out[rows] = direction[rows].float() * scale[rows]
        return out

    def fold(self, dtype: torch.dtype) -> None:
        """Replace gain and direction by the weight in `dtype`, computed in float32."""
        self.weight = nn.Parameter(self.kernel(dtype), requires_grad=False)
        self.weight_g = self.weight_v = None
        if self.bias is not None:
            self.bias = nn.Parameter(self.bias.to(dtype), requires_grad=False)


class Conv(WeightNormed):
    """A convolution over time, [B, C, T] to [B, O, T'], zero padding of `padding` on both sides."""

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
    ) -> None:
        super().__init__(outputs, inputs, taps, outputs if bias else 0)
        self.stride, self.dilation, self.padding = stride, dilation, padding

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` [B, C, T]."""
        weight = self.kernel(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.conv1d(x, weight, bias, self.stride, self.padding, self.dilation)


class UpConv(WeightNormed):
    """A transposed convolution of 2 * stride taps, stride even: [B, C, T] to [B, O, stride * T]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 2 * stride, outputs)
        self.stride, self.padding = stride, stride // 2

    def forward(self, x: Tensor) -> Tensor:
        """Spread `x` [B, C, T]."""
        assert self.bias is not None
        weight, bias = self.kernel(x.dtype), self.bias.to(x.dtype)
        return F.conv_transpose1d(x, weight, bias, self.stride, self.padding)


class Snake(nn.Module):
    """`x + sin(a x)^2 / b` for each channel, with `a = exp(alpha)`, `b = exp(beta)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = _empty(1, channels, 1)
        self.beta = _empty(1, channels, 1)

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """`a` and `1 / b`, each [1, C, 1] in float32."""
        return self.alpha.float().exp(), (self.beta.float().exp() + 1e-9).reciprocal()

    def forward(self, x: Tensor) -> Tensor:
        """Activate `x` [B, C, T]."""
        rate, gain = (c.to(x.dtype) for c in self.coefficients())
        return torch.addcmul(x, (x * rate).sin_().square_(), gain)


class ResidualUnit(nn.Module):
    """`x + conv2(snake2(conv1(snake1(x))))`: seven dilated taps, then one."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.snake1 = Snake(channels)
        self.conv1 = Conv(channels, channels, 7, dilation=dilation, padding=3 * dilation)
        self.snake2 = Snake(channels)
        self.conv2 = Conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to the same."""
        return x + self.conv2(self.snake2(self.conv1(self.snake1(x))))


class EncoderBlock(nn.Module):
    """Three residual units, then `stride` times fewer samples: [B, C, T] to [B, O, T // stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.res_unit1, self.res_unit2, self.res_unit3 = (
            ResidualUnit(inputs, dilation) for dilation in DILATIONS
        )
        self.snake1 = Snake(inputs)
        self.conv1 = Conv(inputs, outputs, 2 * stride, stride=stride, padding=stride // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Shrink `x` [B, C, T]."""
        x = self.res_unit3(self.res_unit2(self.res_unit1(x)))
        return self.conv1(self.snake1(x))


class DecoderBlock(nn.Module):
    """`stride` times more samples, then three residual units: [B, C, T] to [B, O, stride * T]."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.snake1 = Snake(inputs)
        self.conv_t1 = UpConv(inputs, outputs, stride)
        self.res_unit1, self.res_unit2, self.res_unit3 = (
            ResidualUnit(outputs, dilation) for dilation in DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        """Grow `x` [B, C, T]."""
        x = self.conv_t1(self.snake1(x))
        return self.res_unit3(self.res_unit2(self.res_unit1(x)))


class Encoder(nn.Module):
    """Audio [B, channels, S] to moments [B, 2 * latent channels, t]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = config.encoder_widths()
        self.conv1 = Conv(config.audio_channels, widths[0], 7, padding=3)
        self.block = nn.ModuleList(
            map(EncoderBlock, widths, widths[1:], config.downsampling_ratios)
        )
        self.snake1 = Snake(widths[-1])
        self.conv2 = Conv(widths[-1], config.encoder_hidden_size, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Encode `x` [B, channels, S]."""
        x = self.conv1(x)
        for block in self.block:
            x = block(x)
        return self.conv2(self.snake1(x))


class Decoder(nn.Module):
    """Latents [B, latent channels, T] to audio [B, channels, hop * T]."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths, strides = config.decoder_widths(), config.downsampling_ratios[::-1]
        self.conv1 = Conv(config.decoder_input_channels, widths[0], 7, padding=3)
        self.block = nn.ModuleList(map(DecoderBlock, widths, widths[1:], strides))
        self.snake1 = Snake(widths[-1])
        self.conv2 = Conv(widths[-1], config.audio_channels, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Decode `x` [B, latent channels, T]."""
        x = self.conv1(x)
        for block in self.block:
            x = block(x)
        return self.conv2(self.snake1(x))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the encoder says of audio: a normal distribution for each latent value.

    `mean` and `std` are [B, latent channels, t].
    """

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """The draw that standard normal `noise`, shaped as `mean`, stands for."""
        return self.mean + self.std * noise


class Vae(nn.Module):
    """The autoencoder: built under `torch.device("meta")`, loaded with `assign=True`, folded."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def fold(self, dtype: torch.dtype) -> Vae:
        """Turn every weight norm into a plain weight of `dtype` and return self.

        The products are formed in float32. Activation coefficients stay as loaded: they are few,
        and exponentials want the precision.
        """
        for module in self.modules():
            if isinstance(module, WeightNormed):
                module.fold(dtype)
        return self

    def encode(self, audio: Tensor) -> Posterior:
        """`audio` [B, 2, S] in the dtype of the weights to the posterior [B, 64, S // 1920].

        A remainder of S that fills no frame is dropped by the strides.
        """
        mean, scale = self.encoder(audio).chunk(2, dim=1)
        return Posterior(mean, F.softplus(scale) + STD_FLOOR)

    def decode(self, latents: Tensor) -> Tensor:
        """`latents` [B, 64, T] in the dtype of the weights to audio [B, 2, 1920 T], unclipped."""
        return self.decoder(latents)
