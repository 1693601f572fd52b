"""Exactly what an encoder with a limit never reads is told."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acestep_cli.lyrics import fit_text
from acestep_cli.weights.tokenizer import Tokenizer
from tests.conftest import GOLDEN

_END = 256


class Bytes:
    """A token for each byte of the composed text, and one appended."""

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        plain = self.encode_plain(text)
        return [*(plain if max_length is None else plain[: max_length - 1]), _END]

    def encode_plain(self, text: str) -> list[int]:
        return list(unicodedata.normalize("NFC", text).encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode(errors="replace")


def prompt(text: str) -> str:
    return f"<{text}>"


@pytest.mark.parametrize(
    ("text", "limit", "lost"),
    [
        ("abc", 6, ""),
        ("abc", 5, ""),  # only what the prompt itself adds is lost
        ("abc", 4, "c"),
        ("abc", 1, "abc"),
        ("aéc", 5, "c"),
        ("aéc", 4, "éc"),  # half a letter is no letter
        ("ae\u0301c", 5, "c"),
        ("a\nb\n\nc", 4, "b\n\nc"),
    ],
)
def test_what_is_lost(text: str, limit: int, lost: str) -> None:
    fit = fit_text(text, prompt, Bytes(), limit)
    assert fit.lost == lost
    assert fit.limit == limit
    assert fit.tokens == len(Bytes().encode(prompt(text)))


def test_blank_lines_are_no_lost_lines() -> None:
    assert fit_text("a\nb\n\nc", prompt, Bytes(), 4).lost_lines == 2
    assert fit_text("a\nb\n\nc", prompt, Bytes(), 99).lost_lines == 0


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.integers(1, 60))
def test_what_is_kept_is_the_longest_that_is_read(text: str, limit: int) -> None:
    text = unicodedata.normalize("NFC", text)
    tokens = Bytes()
    fit = fit_text(text, prompt, tokens, limit)
    assert text.endswith(fit.lost)
    kept = text[: len(text) - len(fit.lost)]
    room = limit - 1
    if kept:
        assert len(f"<{kept}".encode()) <= room
    if fit.lost:
        assert len(f"<{kept}{fit.lost[0]}".encode()) > room


@pytest.mark.parametrize(
    "text", ["I walk alone\n" * 30, "夜空の星が光る\n" * 30, "привет мир\n" * 30]
)
@pytest.mark.parametrize("limit", [20, 57, 64])
def test_a_real_tokenizer(text: str, limit: int, checkpoints: Path) -> None:
    tokens = Tokenizer(GOLDEN / "checkpoints" / "Qwen3-Embedding-0.6B")
    fit = fit_text(text, prompt, tokens, limit)
    assert fit.tokens > limit
    kept = prompt(text)[: len(text) + 1 - len(fit.lost)]
    read = tokens.decode(tokens.encode(prompt(text), limit)[:-1])
    assert read.rstrip("\ufffd") == kept
