"""`acestep help` as a process: what it prints, and what it does not load."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from acestep_cli import guide
from tests.process.programs import acestep, run


def test_without_a_name_it_is_the_help_of_the_program(tmp_path: Path) -> None:
    told, helped = run(acestep("help"), tmp_path), run(acestep("--help"), tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == helped.stdout
    for name, line in guide.TOPICS.items():
        assert f"{name} " in told.stdout and line in told.stdout


@pytest.mark.parametrize("words", [["generate"], ["lyrics", "check"], ["doctor"]])
def test_of_a_command_it_is_the_help_of_the_command(tmp_path: Path, words: list[str]) -> None:
    told = run(acestep("help", *words), tmp_path)
    helped = run(acestep(*words, "--help"), tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == helped.stdout


def test_a_topic_is_its_page_and_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from acestep_cli.cli import main\n"
        "try:\n    main(['help', 'lyrics'])\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'rich', 'matplotlib'} & sys.modules.keys()\n"
        "    assert not heavy, heavy\n"
    )
    told = run([sys.executable, "-c", program], tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == guide.topic("lyrics")


def test_json_holds_the_same_text(tmp_path: Path) -> None:
    told = run(acestep("help", "Seeds", "--json"), tmp_path)
    data = json.loads(told.stdout)["data"]
    assert data == {"kind": "topic", "name": "seeds", "text": guide.topic("seeds")}
    told = run(acestep("--json", "help", "lyrics", "check"), tmp_path)
    data = json.loads(told.stdout)["data"]
    assert (data["kind"], data["name"]) == ("command", "acestep lyrics check")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["caption"], "there is no topic or command 'caption'", "did you mean captions?"),
        (["genrate"], "there is no topic or command 'genrate'", "did you mean generate?"),
        (["qqqq"], "there is no topic or command 'qqqq'", "see `acestep --help`"),
        (
            ["lyrics", "chek"],
            "there is no command of acestep lyrics called 'chek'",
            "did you mean check?",
        ),
        (
            ["generate", "more"],
            "acestep generate has no command 'more'",
            "see `acestep generate --help`",
        ),
        (
            ["formats", "captions"],
            "one topic or command is explained at a time, and 'formats captions' names more",
            "write `acestep help formats`",
        ),
        (
            ["lyrics", "cover"],
            "one topic or command is explained at a time, and 'lyrics cover' names more",
            "write `acestep help lyrics`",
        ),
        (
            ["generate", "captions"],
            "one topic or command is explained at a time, and 'generate captions' names more",
            "write `acestep help generate`",
        ),
    ],
)
def test_an_unknown_name_has_a_near_miss(
    tmp_path: Path, words: list[str], message: str, hint: str
) -> None:
    told = run(acestep("help", *words), tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"error: {message}\nhint: {hint}\n"
