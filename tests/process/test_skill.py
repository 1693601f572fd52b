"""The agent skill: where it is written, and that it tells of nothing that there is not."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from acestep_cli.cli import Commands
from acestep_cli.commands.skill_document import document
from acestep_cli.commands.skill_words import ANSWERS, MARK
from acestep_cli.commands.verb import switches
from tests.process.programs import acestep, run

TARGET = Path(".claude/skills/acestep/SKILL.md")
MOST_LINES = 370
CHECKPOINTS = Path(__file__).parents[1] / "golden" / "checkpoints"
JOB = ("x", "--no-lm", "--duration", "2", "--checkpoints", str(CHECKPOINTS))


def root() -> click.Context:
    """The program, as it is dispatched."""
    group = Commands(params=switches())
    return click.Context(group, info_name="acestep")


TEXT = document(root())


def written_lines() -> list[str]:
    """The command lines of fences, of indented examples and of the text."""
    fenced = "\n".join(re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S)).splitlines()
    indented = re.findall(r"^ {4}(acestep .*(?:\n {6}.*)*)", TEXT, re.M)
    # Beside an indented example stands what it does.
    bare = [re.split(r" {3,}", " ".join(part.split("\n      ")))[0] for part in indented]
    quoted: list[str] = re.findall(r"`(acestep [^`]+)`", TEXT.replace("\n", " "))
    spoken = [line for line in quoted if not re.search(r"\[|COMMAND|\.\.\.|--help", line)]
    return [*fenced, *bare, *spoken]


def calls(line: str) -> list[list[str]]:
    """The arguments of each call of acestep in a line for a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|;<>&()"):
            found.append([])
        else:
            found[-1].append(word)
    return [words[1:] for words in found if words[:1] == ["acestep"]]


CALLS = [pytest.param(call, id=" ".join(call)) for line in written_lines() for call in calls(line)]


def test_there_are_command_lines_to_look_at() -> None:
    assert len(CALLS) > 70
    assert calls('acestep generate "a; b" > f; acestep status x | jq') == [
        ["generate", "a; b"], ["status", "x"],
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", CALLS)
def test_command_lines_are_understood(arguments: list[str]) -> None:
    context = Commands(params=switches()).make_context("acestep", list(arguments))
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            # A group that is only named need not run.
            assert context.command.invoke_without_command or len(arguments) == 1
            return
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    assert context.args == [], "one argument too many"


def test_flags_that_are_named_exist() -> None:
    known = {"--help"}
    waiting: list[tuple[click.Context, click.Command]] = [(root(), root().command)]
    while waiting:
        context, command = waiting.pop()
        for param in command.params:
            known |= {*param.opts, *param.secondary_opts}
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            found = (command.get_command(context, name) for name in names)
            waiting += [(context, one) for one in found if one is not None]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", TEXT))
    assert len(named) > 50
    assert named <= known


def test_it_tells_of_every_command_and_stays_short() -> None:
    for name in root().command.list_commands(root()):  # type: ignore[attr-defined]
        assert f"`acestep {name}" in TEXT
    assert len(TEXT.splitlines()) <= MOST_LINES
    front = TEXT.split("---\n")[1]
    assert re.fullmatch(r"name: acestep\ndescription: .{50,1024}\n", front)
    assert "\n\n\n" not in TEXT


def told_keys(opening: str) -> set[str]:
    """The keys that the document says `data` of the command `opening` has."""
    (line,) = re.findall(rf"^- .*?`{opening}`[^:;\n]*: ([^;\n]*)", ANSWERS, re.M)
    return set(re.findall(r"`(\w+)`", line))


@pytest.mark.parametrize(
    ("opening", "arguments"),
    [
        ("jobs", ["jobs"]),
        ("jobs show", ["jobs", "show", "last"]),
        ("status", ["status", "last"]),
        ("lyrics check", ["lyrics", "check", "-"]),
        ("models", ["models"]),
        ("health", ["health", "--brief"]),
        ("--dry-run", ["generate", *JOB, "--dry-run"]),
        ("config --get", ["config", "--get", "generation.bpm"]),
        ("random --print", ["random", "--print"]),
    ],
)
def test_answers_hold_what_is_told_of_them(
    opening: str, arguments: list[str], tmp_path: Path
) -> None:
    if arguments[0] in ("jobs", "status"):
        assert run(acestep("generate", *JOB), tmp_path).returncode == 0
    done = run(acestep(*arguments, "--json"), tmp_path, input="[verse]\nla la la\n")
    data = json.loads(done.stdout)["data"]
    told = told_keys(opening)
    assert told
    assert ANSWERS in TEXT
    assert told <= set(data[0] if isinstance(data, list) else data)


def test_installed_and_installed_again(tmp_path: Path) -> None:
    done = run(acestep("skill", "install"), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TARGET}\n", "")
    written = tmp_path / TARGET
    assert written.read_text(encoding="utf-8") == TEXT
    assert run(acestep("skill", "show"), tmp_path).stdout == TEXT
    written.write_text(f"older\n{MARK}\n")
    again = run(acestep("skill", "install", ".claude/skills", "--json"), tmp_path)
    assert json.loads(again.stdout)["data"] == {"path": str(TARGET), "replaced": True}
    assert written.read_text(encoding="utf-8") == TEXT
    assert [path.name for path in written.parent.iterdir()] == ["SKILL.md"]


def test_a_file_of_another_origin_stays(tmp_path: Path) -> None:
    foreign = tmp_path / "skills" / "acestep" / "SKILL.md"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    refused = run(acestep("skill", "install", "skills"), tmp_path)
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "--force" in refused.stderr
    assert foreign.read_text() == "mine"
    assert run(acestep("skill", "install", "skills", "--force"), tmp_path).returncode == 0
    assert foreign.read_text(encoding="utf-8") == TEXT


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(acestep("skill", "install", "file", "--json"), tmp_path)
    values = json.loads(done.stdout)
    assert (done.returncode, values["error"]["hint"]) == (2, "see `acestep skill install --help`")
    (tmp_path / "folder" / "acestep" / "SKILL.md").mkdir(parents=True)
    done = run(acestep("skill", "install", "folder"), tmp_path)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr


def test_a_verb_is_asked_for(tmp_path: Path) -> None:
    done = run(acestep("skill"), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
