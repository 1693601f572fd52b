"""Columns: whole without a terminal, no wider than a terminal has room for."""

from __future__ import annotations

import pytest

from acestep_cli.term.table import cut, table, width

ROWS = [
    ("NAME", "VALUE", "FROM"),
    ("generation.lm_repetition_penalty", "a value of many words that goes on", "the settings file"),
    ("device", "cpu", "default"),
]


def test_a_pipe_takes_any_width() -> None:
    lines = table(ROWS)
    assert lines[1].split("  ") == list(ROWS[1])
    assert [line.index(row[2]) for line, row in zip(lines, ROWS, strict=True)] == [70] * 3
    assert table([]) == []


@pytest.mark.parametrize("columns", [10, 40, 60, 75, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    lines = table([*ROWS, ("日本語" * 9, "日本語" * 9, "日本語" * 9)], columns)
    assert all(width(line) <= columns for line in lines)


def test_every_column_keeps_some_of_its_words() -> None:
    name, _, last = ROWS[1]
    assert table(ROWS[1:], 80)[0] == f"{name}  a value of many words that goes…  the setting…"
    assert table(ROWS[1:], 62)[0] == f"{name}  a value of ma…  the setting…"
    assert table(ROWS[1:], 62)[1].split() == ["device", "cpu", "default"]
    assert len(last) > 12


def test_the_first_column_stays_whole() -> None:
    assert [line.split("  ")[0].rstrip() for line in table(ROWS, 50)] == [row[0] for row in ROWS]


def test_what_moves_the_cursor_is_escaped() -> None:
    assert table([("a\nb", "\x1b[31m")]) == ["a\\nb  \\x1b[31m"]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("a b", 2, "a…"),
        ("x", None, "x"),
    ],
)
def test_cut(text: str, columns: int | None, expected: str) -> None:
    assert cut(text, columns) == expected
