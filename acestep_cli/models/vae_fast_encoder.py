"""The encoder of the autoencoder as a CPU likes it; see `vae_fast` for the ways and means."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from acestep_cli.models.vae import STD_FLOOR, EncoderBlock, Posterior, Vae
from acestep_cli.models.vae_config import UNITS_REACH
from acestep_cli.models.vae_kernels import Scratch
from acestep_cli.models.vae_rows import (
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


class FastEncoder:
    """The encoder of `vae` packed for the CPU in `dtype` (float32, bfloat16); not for two threads.

    Holds its own copy of the weights: `vae` may be dropped afterwards, and needs no decoder.
    """

    def __init__(self, vae: Vae, dtype: torch.dtype) -> None:
        encoder, self._crew = vae.encoder, Crew()
        self.config, self.dtype = vae.config, dtype
        width = vae.config.encoder_hidden_size
        self._entry = taps(encoder.conv1, dtype, TILE_VALUES // width)
        self._entry_reach = encoder.conv1.padding
        self._blocks = [_Block(cast(EncoderBlock, block), dtype) for block in encoder.block]
        self._snake = snake_rows(encoder.snake1, dtype)
        self._exit = taps(encoder.conv2, dtype, _USUAL_FRAMES)
        self._exit_reach = encoder.conv2.padding

    @torch.no_grad()
    def encode(self, audio: Tensor, start: int, stop: int, poll: Poll = nothing) -> Posterior:
        """The posterior of the latent frames `start` to `stop`, each [stop - start, 64] in float32.

        `audio` [2, S] is the whole song; only samples that the span depends on are read. `poll` is
        called before every tile and may raise.
        """
        lengths = [audio.shape[1]]
        for block in self._blocks:
            lengths.append(lengths[-1] // block.stride)
        frames = Span(start, stop)
        wanted = [frames.widened(self._exit_reach, lengths[-1])]
        for block, length in zip(self._blocks[:0:-1], lengths[-2:0:-1], strict=True):
            wanted.append(block.source(wanted[-1], length))
        x = self._begin(audio, wanted.pop(), poll)
        for block in self._blocks[1:]:
            x = block.run(x, wanted.pop(), self._crew, poll)
        y = Rows(self._exit(self._snake(x.values, Scratch())), x.start, x.length).cut(frames)
        mean, scale = y.values.float().chunk(2, dim=1)
        return Posterior(mean, F.softplus(scale) + STD_FLOOR)

    def _begin(self, audio: Tensor, span: Span, poll: Poll) -> Rows:
        """The first convolution and block together, tile by tile: `span` of the block's output."""
        block, length = self._blocks[0], audio.shape[1]
        out = torch.empty(span.stop - span.start, block.channels, dtype=self.dtype)

        def work(part: Span, scratch: Scratch) -> None:
            source = block.source(part, length)
            wide = source.widened(self._entry_reach, length)
            x = audio[:, wide.within(0)].t().to("cpu", self.dtype).contiguous()
            entered = Rows(self._entry(x), wide.start, length).cut(source)
            out[part.within(span.start)] = block.tile(entered, part, scratch)

        self._crew.run(span, block.rows, work, poll)
        return Rows(out, span.start, length // block.stride)


class _Block:
    """An encoder block: one output row for each `stride` input rows."""

    def __init__(self, block: EncoderBlock, dtype: torch.dtype) -> None:
        down = block.conv1
        assert down.bias is not None
        self.stride, self.channels = down.stride, down.bias.shape[0]
        long = TILE_VALUES // block.snake1.alpha.numel()
        self.rows = max(1, long // self.stride)
        self.units = units(block, dtype, long)
        self.snake = snake_rows(block.snake1, dtype)
        self.down = taps(down, dtype, long)

    def source(self, span: Span, length: int) -> Span:
        """The input rows, of `length`, that the output rows of `span` depend on."""
        return self._inner(span, length).widened(UNITS_REACH, length)

    def tile(self, x: Rows, span: Span, scratch: Scratch) -> Tensor:
        """The output rows of `span` [n, O]."""
        inner = self._inner(span, x.length)
        x = x.cut(self.source(span, x.length))
        y = x.values.clone()
        for unit in self.units:
            y = unit(y, scratch)
        y = self.down(self.snake(y[inner.within(x.start)], scratch))
        return y[span.within(inner.start // self.stride)]

    def run(self, x: Rows, span: Span, crew: Crew, poll: Poll) -> Rows:
        """The output rows of `span`, tile by tile."""
        out = x.values.new_empty(span.stop - span.start, self.channels)

        def work(part: Span, scratch: Scratch) -> None:
            out[part.within(span.start)] = self.tile(x, part, scratch)

        crew.run(span, self.rows, work, poll)
        return Rows(out, span.start, x.length // self.stride)

    def _inner(self, span: Span, length: int) -> Span:
        """What the strided convolution reads: one stride more on either side, as its padding there
        is wrong inside a song. A rest that fills no stride belongs to the last row."""
        count = length // self.stride
        wide = span.widened(1, count)
        stop = length if wide.stop == count else wide.stop * self.stride
        return Span(wide.start * self.stride, stop)
