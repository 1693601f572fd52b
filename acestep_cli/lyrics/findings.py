"""A finding: something in lyrics that a model will sing, skip or misread."""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 40


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`line` counts from 1; 0 stands for the lyrics as a whole. `code` is a stable word."""

    line: int
    code: str
    message: str


def quoted(text: str) -> str:
    """`text` in quotes for a message: on one line, printable, at most 40 characters."""
    shown = repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
    return shown if text.isprintable() else ascii(text[:_SHOWN])
