"""Audio codes (5 Hz, 0 to 63999) as text: the form of the language model and plain numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from acestep_cli.request.problems import BadValue, shown

MAX_CODE = 63_999
CODES_PER_SECOND = 5
# 600 seconds.
MAX_CODES = 3_000

_TOKEN = re.compile(r"<\|audio_code_(\d{1,9})\|>")
_SEPARATORS = re.compile(r"[\s,;]+")
_NUMBER = re.compile(r"\d{1,9}")
_REMEDY = "write <|audio_code_N|> tokens or numbers from 0 to 63999 with commas or blanks between"


def parse_codes(text: str) -> tuple[int, ...]:
    """The codes of one item; BadValue names the first piece that is none."""
    body = text.strip().removeprefix("[").removesuffix("]")
    pieces = [piece for piece in _SEPARATORS.split(_TOKEN.sub(r" \1 ", body)) if piece]
    for piece in pieces:
        if not _NUMBER.fullmatch(piece) or not piece.isascii():
            raise BadValue(f"{shown(piece)} is not an audio code", _REMEDY, content=True)
    return check_codes(int(piece) for piece in pieces)


def check_codes(codes: Iterable[int]) -> tuple[int, ...]:
    """`codes` as a tuple; BadValue for one outside 0 to 63999 and for more than 3000 of them."""
    checked = tuple(codes)
    for code in checked:
        if not 0 <= code <= MAX_CODE:
            raise BadValue(
                f"audio code {shown(code)} is outside 0 to {MAX_CODE}", _REMEDY, content=True
            )
    if len(checked) > MAX_CODES:
        raise BadValue(
            f"{len(checked)} audio codes are more than {MAX_CODES} (600 seconds)",
            "give at most 5 codes for each second of the song",
            content=True,
        )
    return checked


def format_codes(codes: Iterable[int]) -> str:
    """The text form `<|audio_code_7|><|audio_code_8|>`."""
    return "".join(f"<|audio_code_{code}|>" for code in codes)
