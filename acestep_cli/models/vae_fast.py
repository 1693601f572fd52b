"""The decoder of the autoencoder as a CPU likes it: rows of channels, tiles that fit the caches.

Every block runs over tiles of its own output and reads exactly the input rows that these depend
on. So tiles change nothing but rounding, and any span of a song can be had without the rest.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from acestep_cli.models.vae import Decoder, DecoderBlock, UpConv, Vae
from acestep_cli.models.vae_config import UNITS_REACH
from acestep_cli.models.vae_kernels import Scratch, Taps
from acestep_cli.models.vae_rows import (
    ROWS_A_CHANNEL,
    TILE_VALUES,
    Crew,
    Poll,
    Rows,
    Span,
    nothing,
    snake_rows,
    taps,
    units,
)

_USUAL_FRAMES = 256


class FastDecoder:
    """The decoder of `vae` packed for the CPU in `dtype` (float32, bfloat16); not for two threads.

    Holds its own copy of the weights: `vae` may be dropped afterwards, and needs no encoder.
    """

    def __init__(self, vae: Vae, dtype: torch.dtype) -> None:
        decoder, self._crew = vae.decoder, Crew()
        self.config, self.dtype = vae.config, dtype
        self._entry = taps(decoder.conv1, dtype, _USUAL_FRAMES)
        self._reach = decoder.conv1.padding
        self._blocks = [_Block(cast(DecoderBlock, block), dtype) for block in decoder.block]
        self._head = _Head(decoder, dtype)

    @torch.no_grad()
    def decode(self, latents: Tensor, start: int, stop: int, poll: Poll = nothing) -> Tensor:
        """Audio [2, 1920 * (stop - start)] in float32 of the latent frames `start` to `stop`.

        `latents` [T, 64] are those of the whole song, in any float dtype; only frames that the span
        depends on are read. `poll` is called before every tile and may raise.
        """
        lengths = [latents.shape[0]]
        for block in self._blocks:
            lengths.append(lengths[-1] * block.stride)
        audio = Span(start * self.config.hop, stop * self.config.hop)
        wanted = [audio.widened(self._head.reach, lengths[-1])]
        for block, length in zip(self._blocks[::-1], lengths[-2::-1], strict=True):
            wanted.append(block.source(wanted[-1], length))
        x = self._enter(latents, wanted.pop())
        for block in self._blocks[:-1]:
            x = block.run(x, wanted.pop(), self._crew, poll)
        return self._finish(x, audio, poll)

    def _enter(self, latents: Tensor, span: Span) -> Rows:
        """The first convolution."""
        length = latents.shape[0]
        wide = span.widened(self._reach, length)
        x = latents[wide.within(0)].to("cpu", self.dtype).contiguous()
        return Rows(self._entry(x), wide.start, length).cut(span)

    def _finish(self, x: Rows, audio: Span, poll: Poll) -> Tensor:
        """The last block and the head together, tile by tile: its rows are never all in memory."""
        block, head = self._blocks[-1], self._head
        length = x.length * block.stride
        out = torch.empty(self.config.audio_channels, audio.stop - audio.start)

        def work(part: Span, scratch: Scratch) -> None:
            wide = part.widened(head.reach, length)
            y = Rows(block.tile(x, wide, scratch), wide.start, length)
            out[:, part.within(audio.start)] = head(y, part, scratch)

        self._crew.run(audio, block.rows, work, poll)
        return out


class _Block:
    """A decoder block: `stride` output rows for each input row."""

    def __init__(self, block: DecoderBlock, dtype: torch.dtype) -> None:
        up = block.conv_t1
        assert up.bias is not None
        self.stride, self.padding = up.stride, up.padding
        self.channels = up.bias.shape[0]
        self.rows = max(ROWS_A_CHANNEL * self.channels, TILE_VALUES // self.channels)
        self.snake = snake_rows(block.snake1, dtype)
        bias = up.bias.to(dtype).repeat(self.stride)
        rows = self.rows // self.stride
        self.up = Taps(pair_kernel(up, dtype), bias, padding=1, rows=rows)
        self.units = units(block, dtype, self.rows)

    def source(self, span: Span, length: int) -> Span:
        """The input rows, of `length`, that the output rows of `span` depend on."""
        wide = span.widened(UNITS_REACH, length * self.stride)
        first = (wide.start + self.padding) // self.stride - 1
        last = (wide.stop - 1 + self.padding) // self.stride
        return Span(max(0, first), min(length, last + 1))

    def tile(self, x: Rows, span: Span, scratch: Scratch) -> Tensor:
        """The output rows of `span` [n, O]."""
        x = x.cut(self.source(span, x.length))
        wide = span.widened(UNITS_REACH, x.length * self.stride)
        y = self.up(self.snake(x.values, scratch)).reshape(-1, self.channels)
        y = y[wide.within(x.start * self.stride - self.padding)]
        for unit in self.units:
            y = unit(y, scratch)
        return y[span.within(wide.start)]

    def run(self, x: Rows, span: Span, crew: Crew, poll: Poll) -> Rows:
        """The output rows of `span`, tile by tile."""
        out = x.values.new_empty(span.stop - span.start, self.channels)

        def work(part: Span, scratch: Scratch) -> None:
            out[part.within(span.start)] = self.tile(x, part, scratch)

        crew.run(span, self.rows, work, poll)
        return Rows(out, span.start, x.length * self.stride)


class _Head:
    """The last activation and convolution, in float32: rows [T, C] to audio [2, T]."""

    def __init__(self, decoder: Decoder, dtype: torch.dtype) -> None:
        self.snake = snake_rows(decoder.snake1, dtype)
        kernel = decoder.conv2.kernel(torch.float32)  # [O, C, K]
        self.width, self.reach = kernel.shape[2], decoder.conv2.padding
        self.weight = kernel.permute(2, 0, 1).flatten(0, 1).contiguous()  # [K O, C]

    def __call__(self, x: Rows, span: Span, scratch: Scratch) -> Tensor:
        """Audio of `span` [2, n] from `x`, which holds `reach` rows more wherever there are more.

        Two output channels waste a convolution's vectors: one matrix product for all taps, whose
        rows are then added, each one step further along.
        """
        each = torch.mm(self.weight, self.snake.wide(x.values, scratch).t())  # [K O, rows]
        left = self.reach - (span.start - x.start)
        right = self.reach - (x.start + x.values.shape[0] - span.stop)
        each = F.pad(each, (left, right)).unflatten(0, (self.width, -1))
        size = span.stop - span.start
        out = each[0, :, :size].clone()
        for tap in range(1, self.width):
            out += each[tap, :, tap : tap + size]
        return out


def pair_kernel(up: UpConv, dtype: torch.dtype) -> Tensor:
    """The transposed convolution `up` as a convolution over pairs of rows: [stride * O, I, 2].

    Row q * stride + r of its result, before the padding is cut away, is tap r of input row q plus
    tap stride + r of input row q - 1. So the result at q holds `stride` rows, one after the other.
    """
    kernel = up.kernel(dtype)  # [I, O, 2 stride]
    inputs, outputs, _ = kernel.shape
    each = kernel.flatten(1).t().contiguous().view(outputs, 2, up.stride, inputs)
    now, before = (tap.transpose(0, 1) for tap in each.unbind(1))  # [stride, O, I]
    return torch.stack((before, now), dim=3).flatten(0, 1)
