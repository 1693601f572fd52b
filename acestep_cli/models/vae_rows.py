"""Spans of long sequences, and the parts that the fast encoder and decoder share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from acestep_cli.models.vae import Conv, DecoderBlock, EncoderBlock, ResidualUnit, Snake
from acestep_cli.models.vae_kernels import Scratch, SnakeRows, Taps

Poll = Callable[[], None]

# Values (rows times channels) of a tile where a block is longest: 2 MB in bfloat16. Half of it
# loses to more halo and shorter loops, twice of it to caches.
TILE_VALUES = 1 << 20


def nothing() -> None:
    """The poll that lets everything go on."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows `start` to `stop` (excluded) of a sequence."""

    start: int
    stop: int

    def widened(self, reach: int, length: int) -> Span:
        """`reach` more rows on either side, within a sequence of `length`."""
        return Span(max(0, self.start - reach), min(length, self.stop + reach))

    def tiles(self, rows: int) -> Iterator[Span]:
        """The span cut into pieces of `rows`, the last one shorter."""
        for start in range(self.start, self.stop, rows):
            yield Span(start, min(self.stop, start + rows))

    def within(self, start: int) -> slice:
        """Where these rows lie in a tensor whose first row is `start`."""
        return slice(self.start - start, self.stop - start)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a sequence of `length` rows: `values` [n, C] begin at row `start`."""

    values: Tensor
    start: int
    length: int

    def cut(self, span: Span) -> Rows:
        """The rows of `span`, a view."""
        return Rows(self.values[span.within(self.start)], span.start, self.length)


def taps(conv: Conv, dtype: torch.dtype, rows: int) -> Taps:
    """The convolution `conv` over rows."""
    return Taps(
        conv.kernel(dtype),
        None if conv.bias is None else conv.bias.to(dtype),
        padding=conv.padding,
        dilation=conv.dilation,
        stride=conv.stride,
        rows=rows,
    )


def snake_rows(snake: Snake, dtype: torch.dtype, scratch: Scratch) -> SnakeRows:
    """The activation `snake` over rows."""
    rate, gain = (values.flatten() for values in snake.coefficients())
    return SnakeRows(rate, gain, dtype, scratch)


class Unit:
    """A residual unit over rows [T, C]; the input is overwritten and returned."""

    def __init__(self, unit: ResidualUnit, dtype: torch.dtype, scratch: Scratch, rows: int) -> None:
        self.snake1 = snake_rows(unit.snake1, dtype, scratch)
        self.snake2 = snake_rows(unit.snake2, dtype, scratch)
        self.wide = taps(unit.conv1, dtype, rows)
        self.narrow = taps(unit.conv2, dtype, rows)

    def __call__(self, x: Tensor) -> Tensor:
        return self.narrow.add_to(x, self.snake2(self.wide(self.snake1(x))))


def units(
    block: EncoderBlock | DecoderBlock, dtype: torch.dtype, scratch: Scratch, rows: int
) -> list[Unit]:
    """The three residual units of `block`."""
    three = (block.res_unit1, block.res_unit2, block.res_unit3)
    return [Unit(unit, dtype, scratch, rows) for unit in three]
