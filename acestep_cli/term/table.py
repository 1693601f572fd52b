"""Rows of words in columns: as wide as the terminal, and whole where nobody looks at a terminal."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from acestep_cli.term.words import on_one_line

_GAP = "  "
_CUT = "…"
# No column is made narrower than this, so that what is left of its words still tells something.
_LEAST = 12


def columns_of(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    """How many columns the terminal of `stream` has (`COLUMNS` knows better); None for a pipe or a
    file, which take any width."""
    if not stream.isatty():
        return None
    told = environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told[:6]) > 0:
        return int(told[:6])
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return None


def table(rows: Iterable[Sequence[str]], columns: int | None = None) -> list[str]:
    """The lines of `rows`, all of the same number of cells, each column as wide as its widest cell
    and no line wider than `columns` (None: any width).

    What moves the cursor is escaped. The first cell of a line names it and stays whole; the last
    one is cut first, then the widest between them, each while more than a few letters are left.
    """
    cells = [[on_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    if columns is not None:
        widths = _fitted(widths, columns)
    lines = []
    for row in cells:
        fitted = [cut(cell, size) for cell, size in zip(row, widths, strict=True)]
        padded = [
            cell + " " * (size - width(cell)) for cell, size in zip(fitted, widths, strict=True)
        ]
        lines.append(cut(_GAP.join(padded).rstrip(), columns))
    return lines


def _fitted(widths: Sequence[int], columns: int) -> list[int]:
    """`widths` made smaller until a line fits into `columns`, as far as that leaves words."""
    fitted, last = list(widths), len(widths) - 1
    excess = sum(fitted) + len(_GAP) * last - columns
    while excess > 0:
        wide = [index for index in range(1, len(fitted)) if fitted[index] > _LEAST]
        if not wide:
            break
        chosen = last if last in wide else max(wide, key=lambda index: fitted[index])
        fitted[chosen] -= 1
        excess -= 1
    return fitted


def width(text: str) -> int:
    """How many columns `text` takes: marks on other letters take none, wide signs two."""
    return sum(map(_width, text))


def cut(text: str, columns: int | None) -> str:
    """`text`, or as much of it as fits into `columns` with a sign that more was there."""
    if columns is None or width(text) <= columns:
        return text
    room, kept = columns - 1, []
    for char in text:
        room -= _width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + _CUT


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
