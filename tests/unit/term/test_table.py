"""Columns that line up, lines that fit, words that cannot command a terminal."""

from __future__ import annotations

import io

import pytest

from acestep_cli.term.table import columns_of, cut, table, width

ROWS = [("one", "1", "warm lofi"), ("twenty", "22", "日本の歌"), ("", "3", "cafe\u0301 \x1b[2J\n")]


class Terminal(io.StringIO):
    """A terminal without a size of its own."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no descriptor")


def test_columns_line_up() -> None:
    assert table(ROWS) == [
        "one     1   warm lofi",
        "twenty  22  日本の歌",
        "        3   cafe\u0301 \\x1b[2J\\n",
    ]
    assert table([]) == []
    assert table([("日本", "a"), ("x", "b")]) == ["日本  a", "x     b"]


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 15, 20, 25, 26, 40])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    lines = table(ROWS, columns)
    assert max(map(width, lines)) <= columns
    assert any(line.endswith("…") for line in lines) == (columns < 26)


def test_what_is_cut_shows_it() -> None:
    assert cut("warm lofi", 9) == "warm lofi"
    assert cut("warm lofi", 8) == "warm lo…"
    assert cut("日本の歌", 6) == "日本…"
    assert cut("warm lofi", None) == "warm lofi"


def test_the_width_is_that_of_the_terminal() -> None:
    assert columns_of(io.StringIO(), {"COLUMNS": "40"}) is None, "a pipe takes any width"
    assert columns_of(Terminal(), {"COLUMNS": "40"}) == 40
    for odd in ("", "0", "-3", "wide", "４０"):
        assert columns_of(Terminal(), {"COLUMNS": odd}) is None
