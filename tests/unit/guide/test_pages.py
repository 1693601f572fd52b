"""The pages hold what they promise: short, readable as they are, and true of this program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from acestep_cli import guide
from acestep_cli.cli import ALIASES, Commands
from acestep_cli.commands.verb import switches
from acestep_cli.config import find_key, find_presets
from acestep_cli.request.names import check_template
from acestep_cli.weights.catalog import BY_NAME

MOST_LINES, MOST_COLUMNS = 60, 80
# Variables that are no setting's own.
VARIABLES = {"ACESTEP_PLAYER", "MAX_CUDA_VRAM", "OMP_NUM_THREADS"}
# A remark stands behind at least two blanks that are not within quotes.
_BEFORE_REMARK = re.compile(r'(?:"[^"]*"|(?! {2})[^"])*')


def tree() -> tuple[click.Context, Commands]:
    group = Commands(params=switches())
    return click.Context(group, info_name="acestep"), group


def verbs(context: click.Context, command: click.Command) -> Iterator[click.Command]:
    """All commands below `command` that can be called, each module imported."""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from verbs(click.Context(found, info_name=name, parent=context), found)
    yield command


def flags_of(command: click.Command) -> set[str]:
    return {
        flag
        for param in command.params
        if isinstance(param, click.Option)
        for flag in (*param.opts, *param.secondary_opts)
    }


def blocks(page: str) -> Iterator[str]:
    """The indented lines of a page, remarks left out, what is quoted over two lines as one."""
    held = ""
    for line in page.splitlines():
        if not line.startswith("    "):
            continue
        held = f"{held} {line.strip()}".strip()
        if held.count('"') % 2 == 0:
            before = _BEFORE_REMARK.match(held)
            assert before is not None
            yield before[0]
            held = ""


def parsed(words: list[str]) -> None:
    """Have click parse a command line without running anything; it raises where it cannot."""
    context, command = tree()
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words[0]
        found = command.get_command(context, name)
        assert found is not None, f"{context.command_path} has no {name}"
        context, command, words = click.Context(command, info_name=name), found, words[1:]
    made = command.make_context(command.name, words, parent=context)
    assert not made.args, f"{made.args} is left over"


@pytest.mark.parametrize("name", guide.TOPICS)
def test_a_page_is_short_and_fits_a_terminal(name: str) -> None:
    lines = guide.topic(name).splitlines()
    assert 20 <= len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS
    assert lines[0] == f"# {name.capitalize()}"
    assert all(line == line.rstrip() and "\t" not in line for line in lines)


def test_every_page_is_a_topic_and_has_a_line_without_commas() -> None:
    from importlib.resources import files

    pages = {path.name for path in files(guide).iterdir() if path.name.endswith(".md")}
    assert pages == {f"{name}.md" for name in guide.TOPICS}
    assert not any("," in told for told in guide.TOPICS.values())


@pytest.mark.parametrize("name", ["../guide/lyrics", "", "secret"])
def test_what_is_no_topic_is_no_page(name: str) -> None:
    with pytest.raises(KeyError):
        guide.topic(name)


@pytest.mark.parametrize("name", guide.TOPICS)
def test_every_command_line_of_a_page_can_be_parsed(name: str) -> None:
    page = guide.topic(name)
    lines = [line for line in blocks(page) if line.startswith("acestep ")]
    lines += [quoted for quoted in re.findall(r"`([^`]+)`", page) if quoted.startswith("acestep ")]
    assert lines
    for line in lines:
        words = shlex.split(line)[1:]
        if ">" in words:
            words = words[: words.index(">")]
        parsed([word for word in words if word != "--help"])


@pytest.mark.parametrize("name", guide.TOPICS)
def test_every_flag_of_a_page_exists(name: str) -> None:
    page, (context, group) = guide.topic(name), tree()
    known = set().union(*(flags_of(command) for command in verbs(context, group)), {"--help"})
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", page))
    assert named and not named - known
    for line in blocks(page):
        if line.startswith("-"):
            words = shlex.split(line)
            parsed(["generate", *words])


@pytest.mark.parametrize("name", guide.TOPICS)
def test_settings_variables_and_checkpoints_of_a_page_exist(name: str) -> None:
    page = guide.topic(name)
    for key in re.findall(r"\b(?:generation\.\w+)|(?<=--set )[\w.]+", page):
        assert find_key(key) is not None, key
    for variable in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", page):
        known = find_key(variable.removeprefix("ACESTEP_").lower()) is not None
        assert known or variable in VARIABLES, variable
    for checkpoint in re.findall(r"\bacestep-(?:v15|5Hz)-[\w.-]+\b", page):
        assert checkpoint in BY_NAME
    for preset in re.findall(r"--preset (\w+)", page):
        assert preset in find_presets()
    for template in re.findall(r'"[^"]*\{[^"]*"', page):
        check_template(template.strip('"'))


def test_the_formats_page_tells_every_part_of_a_name_and_every_format() -> None:
    from acestep_cli.request.names import PARTS
    from acestep_cli.request.table_sound import AUDIO_FORMATS

    page = guide.topic("formats")
    told = re.search(r"Parts: ([^.]*)\.", page)
    assert told is not None
    assert re.split(r",\s+", told[1]) == list(PARTS)
    assert {line.split()[0] for line in blocks(page)} >= set(AUDIO_FORMATS)


def test_the_lyrics_page_tells_the_sections_that_are_known() -> None:
    from acestep_cli.lyrics import SECTION_NAMES

    page = guide.topic("lyrics")
    told = re.search(r"Known sections: ([^;]*);", page)
    assert told is not None
    assert set(re.split(r",\s+", told[1])) <= set(SECTION_NAMES)


def test_the_other_name_of_a_command_is_the_same_command() -> None:
    context, group = tree()
    for other, name in ALIASES.items():
        assert group.get_command(context, other) is group.get_command(context, name)
