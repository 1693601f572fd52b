"""Spans of long sequences, their division among threads, and the parts that the fast encoder and
decoder share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from acestep_cli.models.vae import Conv, DecoderBlock, EncoderBlock, ResidualUnit, Snake
from acestep_cli.models.vae_kernels import Scratch, SnakeRows, Taps

Poll = Callable[[], None]

# Values (rows times channels) of a tile where a block is longest: 1.5 MB in bfloat16. Half of it
# loses to more halo and shorter loops, twice of it to caches.
TILE_VALUES = 3 << 18
# Wide blocks need more, so that reading their weights pays.
ROWS_A_CHANNEL = 3


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


class Crew:
    """As many threads as torch uses, that share the tiles of a span.

    One thread for each tile saves all waiting for each other after every layer, which is most
    of the cost of short layers on many cores and of any layer on a busy machine.
    """

    def __init__(self) -> None:
        self._scratch: list[Scratch] = []

    def run(self, span: Span, rows: int, work: Callable[[Span, Scratch], None], poll: Poll) -> None:
        """Call `work` for every tile of `rows` of `span`, and `poll`, which may raise, before.

        Too few tiles to keep all threads busy come one after the other, with all threads for each.
        """
        waiting, count = deque(span.tiles(rows)), torch.get_num_threads()
        self._scratch += [Scratch() for _ in range(count - len(self._scratch))]
        if count == 1 or len(waiting) < 2 * count:
            _drain(waiting, work, self._scratch[0], poll)
            return
        # Each thread must set it: torch takes the last value for new threads, but at its own first
        # parallel operation, not at oneDNN's.
        alone = partial(torch.set_num_threads, 1)
        alone()
        try:
            with ThreadPoolExecutor(count - 1, initializer=alone) as pool:
                helpers = [
                    pool.submit(_drain, waiting, work, scratch, nothing)
                    for scratch in self._scratch[1:count]
                ]
                try:
                    _drain(waiting, work, self._scratch[0], poll)
                finally:
                    waiting.clear()
                for helper in helpers:
                    helper.result()
        finally:
            torch.set_num_threads(count)


def _drain(
    waiting: deque[Span], work: Callable[[Span, Scratch], None], scratch: Scratch, poll: Poll
) -> None:
    with torch.no_grad():
        while waiting:
            poll()
            try:
                part = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            work(part, scratch)


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


def snake_rows(snake: Snake, dtype: torch.dtype) -> SnakeRows:
    """The activation `snake` over rows."""
    rate, gain = (values.flatten() for values in snake.coefficients())
    return SnakeRows(rate, gain, dtype)


class Unit:
    """A residual unit over rows [T, C]; the input is overwritten and returned."""

    def __init__(self, unit: ResidualUnit, dtype: torch.dtype, rows: int) -> None:
        self.snake1 = snake_rows(unit.snake1, dtype)
        self.snake2 = snake_rows(unit.snake2, dtype)
        self.wide = taps(unit.conv1, dtype, rows)
        self.narrow = taps(unit.conv2, dtype, rows)

    def __call__(self, x: Tensor, scratch: Scratch) -> Tensor:
        y = self.wide(self.snake1(x, scratch))
        return self.narrow.add_to(x, self.snake2(y, scratch))


def units(block: EncoderBlock | DecoderBlock, dtype: torch.dtype, rows: int) -> list[Unit]:
    """The three residual units of `block`."""
    three = (block.res_unit1, block.res_unit2, block.res_unit3)
    return [Unit(unit, dtype, rows) for unit in three]
