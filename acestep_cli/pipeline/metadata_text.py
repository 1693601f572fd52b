"""Single values in the planner's text: out of YAML's quotes and folds, onto one clean line.

A value is only ever unquoted. Tags, aliases and nested structures mean nothing here and stay text,
so nothing that a model writes can grow, refer or run.
"""

from __future__ import annotations

import re

_SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BLOCK_HEADER = re.compile(r"\A[|>][-+1-9]{0,2}[ \t]*\n")
_BREAKS = re.compile(r"[ \t]*\n[ \t\n]*")
_ESCAPES_AND_BREAKS = re.compile(
    r"\\(?:\n[ \t]*|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|[ \t]*\n[ \t\n]*"
)
_ESCAPED = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", " ": " ", "\t": "\t", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_LAST_CHARACTER = 0x10FFFF
# Chat marks, audio codes (the reserved ones too) and the tags that the model thinks between.
_SPECIAL = re.compile(r"<\|[^\s<>|]{1,40}\|>|</?(?:think|reasoning|tool_call|tool_response)>")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def unquoted(text: str) -> str:
    """The value that `text` stands for, with its line breaks folded.

    `'it''s'` and `"it\\u0027s"` as `it's`, a block behind `|` or `>` as its text; anything else,
    quotes that do not close included, as it is.
    """
    text = text.strip()
    if single := _SINGLE_QUOTED.fullmatch(text):
        return _BREAKS.sub(_fold, single[1]).replace("''", "'")
    if double := _DOUBLE_QUOTED.fullmatch(text):
        return _ESCAPES_AND_BREAKS.sub(_unescape, double[1])
    return _BREAKS.sub(_fold, _BLOCK_HEADER.sub("", text))


def one_line(text: str) -> str:
    """`text` on one line: a blank for each break or tab, no controls, nothing around it."""
    return join_lines(clean(text).replace("\t", " "))


def join_lines(text: str) -> str:
    """The lines of `text` that hold something, stripped, with one blank between."""
    lines = (line.strip() for line in text.split("\n"))
    return " ".join(line for line in lines if line)


def clean(text: str) -> str:
    """`text` with plain line breaks, without other controls (tabs stay) and half characters."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("", "\n".join(whole.splitlines()))


def without_special(text: str) -> str:
    """`text` without anything that looks like a special token of the model."""
    return _SPECIAL.sub("", text)


def _fold(breaks: re.Match[str]) -> str:
    """One line break is a blank, any further one stays."""
    return "\n" * (breaks[0].count("\n") - 1) or " "


def _unescape(found: re.Match[str]) -> str:
    piece = found[0]
    if not piece.startswith("\\"):
        return _fold(found)
    kind, digits = piece[1], piece[2:]
    if kind == "\n":
        return ""
    if digits:
        number = int(digits, 16)
        return chr(number) if number <= _LAST_CHARACTER else piece
    return _ESCAPED.get(kind, piece)
