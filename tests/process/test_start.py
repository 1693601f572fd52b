"""What the program does before it works: help, version, completion, and how little it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from acestep_cli import __version__
from acestep_cli.cli import COMMANDS, Commands
from acestep_cli.commands.verb import GroupedOption, Verb, VerbGroup
from tests.process.programs import acestep, environment, run, stand_in

HEAVY = {"torch", "numpy", "rich", "transformers", "tokenizers", "safetensors", "av", "soundfile"}
_LOADED = """
import sys
from acestep_cli.cli import main
try:
    main({arguments!r})
except SystemExit as stopped:
    assert stopped.code == {code}, stopped.code
found = set({heavy!r}) & sys.modules.keys()
assert not found, found
{extra}
"""


def commands() -> list[click.Command]:
    group = Commands()
    context = click.Context(group)
    found = [group.get_command(context, name) for name in COMMANDS]
    return [command for command in found if command is not None]


def verbs() -> list[Verb]:
    found: list[click.Command] = []
    for command in commands():
        found += command.commands.values() if isinstance(command, VerbGroup) else [command]
    assert all(isinstance(verb, Verb) for verb in found)
    return [verb for verb in found if isinstance(verb, Verb)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["generate", "--help"], 0),
        (["lyrics", "check", "--help"], 0),
        (["lyrics", "chek"], 2),
        (["nonsense"], 2),
        (["generate", "--nonsense"], 2),
        (["generate", "x", "--bpm", "9999"], 2),
    ],
)
def test_nothing_heavy_is_loaded(arguments: list[str], code: int, tmp_path: Path) -> None:
    program = _LOADED.format(arguments=arguments, code=code, heavy=sorted(HEAVY), extra="")
    done = run([sys.executable, "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_no_command(arguments: list[str], tmp_path: Path) -> None:
    extra = "assert 'acestep_cli.commands.generate' not in sys.modules\n"
    extra += "assert 'acestep_cli.request' not in sys.modules"
    program = _LOADED.format(arguments=arguments, code=0, heavy=sorted(HEAVY), extra=extra)
    done = run([sys.executable, "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr


def test_version(tmp_path: Path) -> None:
    done = run(acestep("--version"), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"acestep {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command(flag: str, tmp_path: Path) -> None:
    done = run(acestep(flag), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name, (_, words) in COMMANDS.items():
        assert name in done.stdout
        assert words in done.stdout


def test_without_arguments_help_goes_to_stderr(tmp_path: Path) -> None:
    done = run(acestep(), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: acestep" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_purpose_and_two_examples(name: str, tmp_path: Path) -> None:
    done = run(acestep(name, "--help"), tmp_path)
    assert done.returncode == 0
    assert COMMANDS[name][1] in done.stdout
    assert done.stdout.count(f"\n    acestep {name}") >= 2


def test_short_help_has_no_commas() -> None:
    assert not [name for name, (_, words) in COMMANDS.items() if "," in words]
    for verb in verbs():
        assert not [p.name for p in verb.params if "," in (getattr(p, "help", "") or "")]


def test_the_table_and_the_commands_agree() -> None:
    for command, (name, (_, words)) in zip(commands(), COMMANDS.items(), strict=True):
        assert command.name == name
        assert command.get_short_help_str(80) == words


def test_no_spelling_has_two_meanings() -> None:
    for verb in verbs():
        spellings = [
            flag for p in verb.params if isinstance(p, click.Option)
            for flag in {*p.opts, *p.secondary_opts}
        ]  # fmt: skip
        assert sorted(spellings) == sorted(set(spellings))
        assert all(isinstance(p, GroupedOption) for p in verb.params if isinstance(p, click.Option))


def test_options_have_no_defaults() -> None:
    for verb in verbs():
        given = verb.make_context(str(verb.name), [], resilient_parsing=True).params
        assert set(given.values()) <= {None, ()}


@pytest.mark.parametrize(
    ("words", "word", "expected"),
    [
        ("acestep gen", 1, "generate"),
        ("acestep generate --dura", 2, "--duration"),
        ("acestep generate --audio-format fl", 3, "flac"),
        ("acestep generate --dtype bf", 3, "bfloat16"),
    ],
)
def test_completion(words: str, word: int, expected: str, tmp_path: Path) -> None:
    asked = {
        "_ACESTEP_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(word),
    }
    done = run(acestep(), tmp_path, env=environment(tmp_path, **asked))
    assert expected in done.stdout.replace(",", "\n").splitlines()


def test_the_first_line_comes_before_the_work_is_imported(tmp_path: Path) -> None:
    command = stand_in("announced", "generate", "x", "--seed", "7", "--duration", "30")
    done = run(command, tmp_path, stderr=subprocess.STDOUT)
    lines = done.stdout.splitlines()
    assert lines[0] == f"acestep {__version__} · generate · seed 7 · 30 s"
    assert lines[1] == "run is imported"


def test_module_and_program_are_the_same(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("acestep")
    if not program.exists():
        pytest.skip("acestep is not installed here")
    assert run([str(program), "--help"], tmp_path).stdout == run(acestep("--help"), tmp_path).stdout
