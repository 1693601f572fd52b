"""Genres from a list: every spelling of an entry that the vocabulary offers, in either case."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch

from acestep_cli.pipeline.grammar_tables import Allowed
from acestep_cli.pipeline.grammar_text import BREAK, SPELLED, TEXT, TextSets

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_AFTER = "\U0010ffff"  # greater than every spelling


class GenreTree:
    """The entries of a list of genres, each behind one space, in the vocabulary's spelling.

    Compared without regard to the case of ASCII letters. Entries that cannot be written byte by
    byte in permitted text are left out.
    """

    def __init__(self, entries: Sequence[str], sets: TextSets) -> None:
        self._sets = sets
        self._letters = {
            text.translate(_LOWER)
            for text, token in sets.spelling.items()
            if len(text) == 1 and sets.kind(token) & TEXT and not sets.kind(token) & BREAK
        }
        spelled = (_spell(f" {entry}") for entry in clean_entries(entries))
        self._entries = sorted({text for text in spelled if self._letters.issuperset(text)})
        self._made: dict[str, Allowed] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def spelling(self, token: int) -> str:
        """How a token counts towards an entry."""
        return self._spellings[token]

    def allowed(self, prefix: str) -> Allowed:
        """What may follow `prefix`, the beginning of an entry; a newline behind a whole one."""
        made = self._made.get(prefix)
        if made is None:
            low, high = _span(self._entries, prefix, 0, len(self._entries))
            ids = list(self._common(len(prefix), low, high, 0, 0, len(self._tokens)))
            if self._entries[low] == prefix:
                ids.append(self._sets.tables.newline)
            made = self._made[prefix] = Allowed(torch.tensor(sorted(ids)))
        return made

    def _common(
        self, start: int, low: int, high: int, depth: int, first: int, last: int
    ) -> Iterator[int]:
        """Tokens first..last, alike in `depth` characters, that go on as one of the entries
        low..high does from `start + depth`."""
        while low < high:
            entry = self._entries[low]
            if len(entry) == start + depth:
                low += 1
                continue
            beginning = entry[: start + depth + 1]
            stop = bisect_left(self._entries, beginning + _AFTER, low, high)
            some, none = _span(self._words, beginning[start:], first, last)
            while some < none and len(self._words[some]) == depth + 1:
                yield self._tokens[some]
                some += 1
            if some < none:
                yield from self._common(start, low, stop, depth + 1, some, none)
            low = stop

    @cached_property
    def _spellings(self) -> dict[int, str]:
        letters = self._letters.intersection("".join(self._entries))
        lowered = ((text.translate(_LOWER), token) for text, token in self._sets.spelling.items())
        return {token: text for text, token in lowered if text and letters.issuperset(text)}

    @cached_property
    def _tokens(self) -> list[int]:
        return sorted(self._spellings, key=self._spellings.__getitem__)

    @cached_property
    def _words(self) -> list[str]:
        return [self._spellings[token] for token in self._tokens]


def clean_entries(lines: Sequence[str]) -> list[str]:
    """Lower-cased entries of a list of genres; blank lines and `#` comments are none."""
    entries = (line.strip().lower() for line in lines)
    return [entry for entry in entries if entry and not entry.startswith("#")]


def _span(texts: list[str], prefix: str, low: int, high: int) -> tuple[int, int]:
    start = bisect_left(texts, prefix, low, high)
    return start, bisect_left(texts, prefix + _AFTER, start, high)


def _spell(text: str) -> str:
    return "".join(SPELLED[byte] for byte in text.encode())
