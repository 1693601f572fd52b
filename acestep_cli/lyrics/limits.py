"""What of a text a model never reads, because its encoder takes so many tokens and no more."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Tokens(Protocol):
    """What is asked of a tokenizer."""

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Ids with what the tokenizer appends; at most `max_length`, the text cut on the right."""

    def encode_plain(self, text: str) -> list[int]:
        """Ids of the text alone."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a text fits its encoder: `tokens` of at most `limit`, prompt and end marks included, and
    the end of the text that is not read, empty when all of it is."""

    tokens: int
    limit: int
    lost: str

    @property
    def lost_lines(self) -> int:
        """In how many lines something is lost, blank ones not counted."""
        return len([line for line in self.lost.splitlines() if line.strip()])


def fit_text(text: str, prompt: Callable[[str], str], tokens: Tokens, limit: int) -> Fit:
    """What is lost of `text` when `prompt(text)` is cut on the right to `limit` tokens.

    Lost text is told in the composed form (NFC) of Unicode, in which tokenizers read.
    """
    text = unicodedata.normalize("NFC", text)
    whole = prompt(text)
    plain = tokens.encode_plain(whole)
    length = len(tokens.encode(whole))
    appended = length - len(plain)
    if length <= limit:
        return Fit(length, limit, "")
    read = _shared(whole, tokens.decode(plain[: max(0, limit - appended)]))
    return Fit(length, limit, text[max(0, read - whole.find(text)) :])


def _shared(one: str, other: str) -> int:
    """How many characters both begin with: a token may end within one."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
