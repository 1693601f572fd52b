"""Where in a TOML text each key, value and header stands, so that one can be changed alone.

Reads text that is known to be valid TOML, and finds no more in it than places; what the values mean
is left to `tomllib`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Path = tuple[str, ...]

_BLANK = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"[^\n]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# Longer delimiters first: a literal may hold what would end a shorter one.
_QUOTED = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`key = value` of `table`, or the header of a table, where `key` is empty.

    `start` to `end` are whole lines, with indentation, comment and line break; `first` to `last` is
    the value alone.
    """

    table: Path
    key: Path
    start: int
    end: int
    first: int = 0
    last: int = 0

    @property
    def path(self) -> Path:
        """The whole way to the value, or to the table."""
        return self.table + self.key


def statements(text: str) -> Iterator[Statement]:
    """The statements of `text` in order; ValueError where it is no valid TOML."""
    table: Path = ()
    at = 0
    while at < len(text):
        start, at = at, _blank(text, at)
        if at < len(text) and text[at] not in "#\r\n":
            found, at = _statement(text, start, at, table)
            table = found.table
            yield found
        else:
            at = _line_end(text, at)


def _statement(text: str, start: int, at: int, table: Path) -> tuple[Statement, int]:
    """The statement that begins at `at`, and where the line behind it begins."""
    if text[at] == "[":
        opening = 2 if text.startswith("[[", at) else 1
        name, at = _key(text, at + opening)
        end = _line_end(text, at + opening)
        return Statement(name, (), start, end), end
    key, at = _key(text, at)
    first = _blank(text, at + 1)
    last = _value_end(text, first)
    end = _line_end(text, last)
    return Statement(table, key, start, end, first, last), end


def _key(text: str, at: int) -> tuple[Path, int]:
    """The dotted key at `at`, and where the sign behind it stands."""
    parts = []
    while True:
        at = _blank(text, at)
        match = _QUOTED.match(text, at) or _BARE.match(text, at)
        if match is None:
            raise ValueError(f"no key at character {at}")
        parts.append(_unquoted(match[0]))
        at = _blank(text, match.end())
        if not text.startswith(".", at):
            return tuple(parts), at
        at += 1


def _unquoted(key: str) -> str:
    import tomllib

    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key


def _value_end(text: str, at: int) -> int:
    """Where the value that begins at `at` ends: before a blank, comment or line break, but none
    of those inside brackets or quotes."""
    depth = 0
    while at < len(text):
        char = text[at]
        if quoted := _QUOTED.match(text, at):
            at = quoted.end()
            continue
        if char == "#":
            if not depth:
                break
            at = _comment_end(text, at)
            continue
        if char in "\r\n" and not depth:
            break
        depth += (char in "[{") - (char in "]}")
        at += 1
    return len(text[:at].rstrip(" \t"))


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _comment_end(text: str, at: int) -> int:
    match = _COMMENT.match(text, at)
    return match.end() if match else at


def _line_end(text: str, at: int) -> int:
    """Where the next line begins."""
    newline = text.find("\n", at)
    return newline + 1 if newline >= 0 else len(text)
