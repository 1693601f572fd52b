"""The default grammar once more, slowly: which tokens may follow, from all tokens so far.

Written from the rules alone. It keeps no state: each question reads the whole output again, and
asks every token of the vocabulary whether its text could go on from there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

from acestep_cli.pipeline.grammar import Settings
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.weights.tokenizer import Tokenizer

ORDER = ("bpm", "caption", "duration", "genres", "keyscale", "language", "timesignature")
KEYS = [f"{n}{a} {m}" for n in "ABCDEFG" for a in ["", *"#b♯♭"] for m in ("major", "minor")]
NEVER = re.compile(rb"[<`\\\x00-\x08\x0b-\x1f\x7f]")
Ids = tuple[int, ...]


@cache
def spelled_bytes() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for, learnt from examples."""
    level = ByteLevel(add_prefix_space=False, use_regex=False)
    table = {chr(byte): byte for byte in (0xC0, 0xC1, *range(0xF5, 0x100))}  # in no text at all
    for code in (*range(0x800), *range(0x800, 0x110000, 0x400)):
        if not 0xD800 <= code < 0xE000:
            ((spelled, _),) = level.pre_tokenize_str(chr(code))
            table.update(zip(spelled, chr(code).encode(), strict=True))
    assert len(table) == 256
    return table


@cache
def silent_bytes() -> frozenset[int]:
    """Bytes of characters that show nothing: whitespace and controls."""
    characters = map(chr, (*range(0xD800), *range(0xE000, 0x110000)))
    return frozenset(
        byte
        for character in characters
        if character.isspace() or unicodedata.category(character) == "Cc"
        for byte in character.encode()
    )


def has_word(text: bytes) -> bool:
    return any(chr(byte).isalnum() if byte < 0x80 else byte not in silent_bytes() for byte in text)


@cache
def blank_bytes() -> frozenset[int]:
    """Bytes of whitespace characters."""
    blanks = (chr(code) for code in range(0xD800) if chr(code).isspace())
    return frozenset(byte for blank in blanks for byte in blank.encode())


def is_blank(text: bytes) -> bool:
    return blank_bytes().issuperset(text)


class Vocabulary:
    """The texts of a tokenizer's tokens, as bytes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        plain = tokenizer.vocabulary(added=False)
        self.tokenizer = tokenizer
        self.special = {
            text: token
            for text, token in tokenizer.vocabulary(added=True).items()
            if text not in plain
        }
        self.text = {
            token: bytes(spelled_bytes()[character] for character in spelled)
            for spelled, token in plain.items()
        }
        self.newline = next(token for token, text in self.text.items() if text == b"\n")
        self.breaks = {token for token, text in self.text.items() if text.endswith(b"\n")}

    def encode(self, text: str) -> Ids:
        return tuple(self.tokenizer.encode_plain(text))

    def longest(self, text: str) -> Ids:
        """`text` by the longest single tokens."""
        if not text:
            return ()
        fits = (n for n in range(len(text), 0, -1) if len(self.encode(text[:n])) == 1)
        length = next(fits)
        return (*self.encode(text[:length]), *self.longest(text[length:]))


class Reference:
    """The grammar for one kind of run."""

    def __init__(
        self, words: Vocabulary, settings: Settings, longest: int, genres: Sequence[str]
    ) -> None:
        self.words, self.settings, self.longest = words, settings, longest
        entries = (line.strip().lower() for line in genres if line.strip() and line[0] != "#")
        self.genres = [f" {entry}".encode() for entry in entries]
        self.given = {k: str(v) for k, v in settings.given.items()}
        skipped = {
            name for name in ("genres", "caption", "language") if getattr(settings, f"skip_{name}")
        }
        self.fields = [name for name in ORDER if name in self.given or name not in skipped]

    def allowed(self, output: Sequence[int]) -> frozenset[int]:
        """Every token that may follow `output`."""
        rest: Ids = tuple(output)
        for kind, data in self.sentence:
            match kind:
                case "one of":
                    whole = [ids for ids in data if rest[: len(ids)] == ids]
                    if not whole:
                        return frozenset(ids[len(rest)] for ids in data if ids[: len(rest)] == rest)
                    rest = rest[len(whole[0]) :]
                case "text":
                    limit, follow = data
                    end = self._text_end(rest, follow)
                    if end is None:
                        return self._text(rest, limit, follow)
                    rest = rest[end:]
                case "genre":
                    if self.words.newline not in rest:
                        return self._genre(b"".join(self.words.text[token] for token in rest))
                    rest = rest[rest.index(self.words.newline) + 1 :]
                case "lyrics":
                    ends = self.words.special["<|im_end|>"]
                    return frozenset([*self.words.text, ends]) if ends not in rest else frozenset()
        assert not rest
        return frozenset()

    @cached_property
    def sentence(self) -> list[tuple[str, Any]]:
        words, special = self.words, self.words.special
        parts: list[tuple[str, Any]] = [("one of", [(special["<think>"], words.newline)])]
        for name, after in zip(self.fields, [*self.fields[1:], ""], strict=True):
            parts.append(("one of", [words.longest(f"{name}:")]))
            if name in self.given:
                parts.append(("one of", [words.encode(f" {self.given[name]}\n")]))
            elif name == "caption":
                parts.append(("text", (512, words.longest(f"{after}:")[0])))
            elif name == "genres":
                parts.append(("genre", None) if self.genres else ("text", (64, None)))
            else:
                parts.append(("one of", self._values(name)))
        if self.settings.phase == "understand":
            return [*parts, ("one of", [(special["</think>"],)]), ("lyrics", None)]
        return [*parts, ("one of", [(special["<|im_end|>"],)])]

    def _values(self, name: str) -> list[Ids]:
        values: Mapping[str, Sequence[object]] = {
            "bpm": range(30, 301),
            "duration": range(10, self.longest + 1),
            "keyscale": KEYS,
            "language": LANGUAGES,
            "timesignature": (2, 3, 4, 6),
        }
        skip = len(self.words.encode(f"{name}:"))
        return [
            (*self.words.encode(f"{name}: {value}")[skip:], self.words.newline)
            for value in values[name]
        ]

    def _text_end(self, rest: Ids, follow: int | None) -> int | None:
        """Where free text ends: behind its line, or before the name that follows its lines."""
        for place, token in enumerate(rest):
            if token == follow and rest[place - 1] in self.words.breaks:
                return place
            if follow is None and token in self.words.breaks:
                return place + 1
        return None

    def _text(self, rest: Ids, limit: int, follow: int | None) -> frozenset[int]:
        line = b"".join(self.words.text[token] for token in rest).rpartition(b"\n")[2]
        at_margin = bool(rest) and line == b""
        left = max(0, min(2, limit - len(rest)))
        ids = self._going_on(not rest, at_margin, left, bool(line), has_word(line))
        return ids | {follow} if at_margin and follow is not None else ids

    @cache  # noqa: B019  (a few entries, and the reference dies with its test)
    def _going_on(
        self, first: bool, at_margin: bool, left: int, begun: bool, worded: bool
    ) -> frozenset[int]:
        tokens: Iterator[tuple[int, bytes]] = iter(self.words.text.items())
        return frozenset(
            token
            for token, text in tokens
            if self._fits(text, first, at_margin, left, begun, worded)
        )

    @staticmethod
    def _fits(
        text: bytes, first: bool, at_margin: bool, left: int, begun: bool, worded: bool
    ) -> bool:
        """Whether `text` may come next, `left` tokens before the limit, on a line that is begun or
        not and has a word or not; a whole sentence must be possible behind it."""
        if left == 0:
            return worded and text == b"\n"
        if at_margin and left == 1:
            return False
        body = text.rstrip(b"\n")
        if not text or NEVER.search(text) or b"\n" in body:
            return False
        if (first and text[:1] != b" ") or (at_margin and text[:1] not in (b" ", b"\t")):
            return False
        if begun and not worded and is_blank(body):
            return False
        complete = worded or has_word(body)
        return complete if text.endswith(b"\n") else complete or left > 1

    def _genre(self, so_far: bytes) -> frozenset[int]:
        ids = {
            token
            for token, text in self.words.text.items()
            if text and any(entry.startswith((so_far + text).lower()) for entry in self.genres)
        }
        return frozenset(ids | {self.words.newline} if so_far.lower() in self.genres else ids)
