"""The help of every command: what it is for, examples that would run, options that are told."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from acestep_cli.cli import Commands
from acestep_cli.commands.verb import GroupedOption
from tests.process.programs import run
from tests.process.tree import Spoken, commands

WIDTH = 80
LEAST_EXAMPLES = 2
ALL = list(commands())
_WORDS = [(), *(one.words for one in ALL)]
_EXAMPLES = re.compile(r"Examples:\n((?:  .*\n?)+)")
_REDIRECTIONS = frozenset((">", ">>", "<", ">&", "<<<"))
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
# One process for all: click keeps the help option that it made first, whatever a test asked for.
_HELP = """
import sys
from acestep_cli.cli import main
for line in sys.stdin.read().splitlines():
    try:
        main(line.split())
    except SystemExit as left:
        print("\\f", left.code, flush=True)
"""


def examples(one: Spoken) -> list[str]:
    """The command lines under `Examples:`."""
    (block,) = _EXAMPLES.findall(one.command.help or "")
    return [line.strip() for line in block.splitlines()]


def calls(line: str) -> list[list[str]]:
    """The arguments of every call of acestep in a line of a shell."""
    line = re.sub(r'"(\$\([^()]*\))"', r"\1", line)
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    reader.whitespace_split = True
    parts: list[list[str]] = [[]]
    words = iter(reader)
    for word in words:
        if word in _REDIRECTIONS:
            next(words)
        elif not set(word) - set("|&;<>()"):
            parts.append([])
        elif parts[-1] or not _ASSIGNMENT.fullmatch(word):
            parts[-1].append(word)
    return [part[1:] for part in parts if part and part[0] == "acestep"]


def parsed(arguments: list[str]) -> tuple[str, ...]:
    """The names of the commands that take `arguments`; nothing runs."""
    root = Commands(params=[])
    names: list[str] = []
    group: click.Command = root
    context = click.Context(root, info_name="acestep")
    while isinstance(group, click.Group) and arguments and not arguments[0].startswith("-"):
        name, command, arguments = group.resolve_command(context, arguments)
        assert name
        assert command is not None, f"{name} is no command"
        names.append(name)
        group, context = command, click.Context(command, context, info_name=name)
    made = group.make_context(names[-1], list(arguments), parent=context.parent)
    # A verb takes what is too much, to say it in its own words.
    assert not made.args
    return tuple(names)


@pytest.mark.parametrize("one", ALL, ids=lambda one: " ".join(one.words))
def test_says_what_it_is_for(one: Spoken) -> None:
    lines = (one.command.help or "").splitlines()
    assert re.fullmatch(r"[A-Z].*[.:]", lines[0]), lines[0]
    assert len(lines[0]) <= WIDTH - 2
    assert not lines[1], "one line of purpose stands alone"
    short = one.command.get_short_help_str(WIDTH)
    assert short
    assert "," not in short, "fish splits there"
    assert not short.endswith((".", "..."))


@pytest.mark.parametrize("one", ALL, ids=lambda one: " ".join(one.words))
def test_examples_would_run(one: Spoken) -> None:
    lines = examples(one)
    assert len(lines) >= LEAST_EXAMPLES
    for line in lines:
        made = calls(line)
        assert made, line
        names = [parsed(arguments) for arguments in made]
        assert any(name[: len(one.words)] == one.words for name in names), line


@pytest.mark.parametrize("one", ALL, ids=lambda one: " ".join(one.words))
def test_options_are_told(one: Spoken) -> None:
    for option in one.options:
        assert isinstance(option, GroupedOption), option.name
        assert option.group
        if option.hidden:
            continue
        assert option.help, option.name
        assert "," not in option.help, option.help
        assert not option.help.endswith("."), option.help


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("generate", ["Words", "Run", "Music", "Models and seeds", "Files"]),
        ("cover", ["Source and edit", "Run", "Words", "Music", "Models and seeds", "Files"]),
        ("status", ["Run", "Files"]),
    ],
)
def test_options_that_are_typed_most_stand_first(name: str, first: list[str]) -> None:
    context = click.Context(Commands(), info_name="acestep")
    command = Commands().get_command(context, name)
    assert command is not None
    told = command.get_help(click.Context(command, info_name=name, parent=context))
    headings = re.findall(r"^(\w[\w ]*):$", told, re.M)
    assert headings[: len(first)] == first


def test_fits_the_terminal(tmp_path: Path) -> None:
    asked = [" ".join((*words, flag)) for words in _WORDS for flag in ("-h", "--help")]
    program = [sys.executable, "-c", _HELP]
    done = run(program, tmp_path, input="\n".join(asked))
    assert (done.returncode, done.stderr) == (0, "")
    *shown, end = done.stdout.split("\f 0\n")
    assert (len(shown), end) == (len(asked), "")
    for line, text in zip(asked, shown, strict=True):
        words = line.rpartition("-")[0].rstrip("- ")
        assert text.startswith(f"Usage: acestep {words}"), line
        wide = [row for row in text.splitlines() if len(row) > WIDTH]
        assert not wide, (line, wide)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("acestep a 'b c' | grep x", [["a", "b c"]]),
        ("acestep a > x.txt; acestep b < y", [["a"], ["b"]]),
        ("cat x | acestep a -", [["a", "-"]]),
        ('du "$(acestep a b)"', [["a", "b"]]),
        ("X=1 mpv $(acestep a) <(acestep b 'c (d)')", [["a"], ["b", "c (d)"]]),
    ],
)
def test_lines_are_read_as_a_shell_does(line: str, expected: list[list[str]]) -> None:
    assert calls(line) == expected
