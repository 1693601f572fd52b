"""What is offered on TAB: the right things, first what is here, and never an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, CompletionItem

from acestep_cli.cli import Commands
from acestep_cli.commands.verb import switches
from acestep_cli.jobs import JobRecord

HEAVY = ("torch", "numpy", "rich", "transformers", "huggingface_hub", "soundfile", "av")


def offered(line: str, monkeypatch: pytest.MonkeyPatch) -> list[CompletionItem[str]]:
    """What is offered at the end of `line`."""
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    group = Commands(params=switches())
    complete = BashComplete(group, {}, "acestep", "_ACESTEP_COMPLETE")
    return complete.get_completions(words[1:-1], words[-1])


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is here unless a test puts it here."""
    monkeypatch.chdir(tmp_path)


def job(folder: Path, name: str, *, caption: str = "", audio: bool = True) -> None:
    record = JobRecord.create(folder, ["acestep"], new_id=lambda: name,
                              items=[{"index": 0, "metas": {"caption": caption}}])  # fmt: skip
    record.succeed()
    values = json.loads(record.path.read_text())
    record.path.write_text(json.dumps({**values, "audio_paths": ["a.mp3"] * audio}))


def test_models_that_are_here_come_first(
    monkeypatch: pytest.MonkeyPatch, checkpoints: Path
) -> None:
    items = offered(f"acestep generate --checkpoints {checkpoints} --model ", monkeypatch)
    values = [item.value for item in items]
    assert values[0] == "acestep-v15-turbo"
    assert len(values) == len(set(values))
    assert not [value for value in values if "lm" in value], "planners are no models"
    here = [item.value for item in items if str(item.help).startswith("installed")]
    assert here == values[: len(here)]
    assert set(here) == {path.name for path in checkpoints.glob("acestep-v15-*")}


def test_the_demonstration_is_a_model_that_is_here(
    monkeypatch: pytest.MonkeyPatch, demonstration: Path, checkpoints: Path
) -> None:
    items = offered("acestep generate --model ", monkeypatch)
    assert (items[0].value, items[0].help) == ("demo", "the built-in demonstration; a toy band")
    monkeypatch.setenv("ACESTEP_CHECKPOINTS_DIR", str(checkpoints))
    values = [item.value for item in offered("acestep generate --model ", monkeypatch)]
    here = len(list(checkpoints.glob("acestep-v15-*")))
    assert values[here] == "demo" and values.count("demo") == 1
    for line in ("acestep models pull ", "acestep models remove ", "acestep generate --lm "):
        assert not [item for item in offered(line, monkeypatch) if "demo" in item.value]


def test_planners(monkeypatch: pytest.MonkeyPatch, checkpoints: Path) -> None:
    monkeypatch.setenv("ACESTEP_CHECKPOINTS_DIR", str(checkpoints))
    items = offered("acestep generate --lm acestep-5Hz", monkeypatch)
    assert items[0].value == "acestep-5Hz-lm-0.6B"
    assert str(items[0].help).startswith("installed")
    assert {item.value for item in items} >= {"acestep-5Hz-lm-1.7B", "acestep-5Hz-lm-4B"}


def test_what_can_be_fetched(monkeypatch: pytest.MonkeyPatch, checkpoints: Path) -> None:
    monkeypatch.setenv("ACESTEP_CHECKPOINTS_DIR", str(checkpoints))
    items = offered("acestep models pull ", monkeypatch)
    assert items[0].value == "recommended"
    assert "installed" not in str(items[1].help)
    assert "installed" in str(items[-1].help)
    removable = offered("acestep models remove ", monkeypatch)
    assert {item.value for item in removable} == {path.name for path in checkpoints.iterdir()}


def test_jobs_are_told_newest_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    output = tmp_path / "acestep_output"
    job(output, "20260101-000000-aaaa", caption="slow, sad\n\x1b[2Jpiano " + "and more " * 20)
    job(output, "20260102-000000-bbbb", audio=False)
    (output / "20260103-000000-cccc.json").write_text("{")
    (output / "notes.json").write_text("{}")
    items = offered("acestep status ", monkeypatch)
    values = [item.value for item in items]
    assert values == ["last", "20260102-000000-bbbb", "20260101-000000-aaaa"]
    told = str(items[2].help)
    assert told.startswith("succeeded; slow; sad")
    assert told.isprintable()
    assert "," not in told
    assert len(told) < 80
    assert [item.value for item in offered("acestep status 20260101", monkeypatch)] == [values[2]]
    assert [item.value for item in offered("acestep status la", monkeypatch)] == ["last"]


def test_sources_are_files_and_jobs_that_made_sound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job(tmp_path / "out", "20260101-000000-aaaa")
    job(tmp_path / "out", "20260102-000000-bbbb", audio=False)
    for begin in ("acestep cover", "acestep repaint --src-audio", "acestep extract"):
        command, _, option = begin.partition(" --")
        line = f"{command} --output-dir out {f'--{option}' if option else ''}".rstrip() + " "
        items = [(item.type, item.value) for item in offered(line, monkeypatch)]
        assert items == [("file", ""), ("plain", "20260101-000000-aaaa")], line
    job(tmp_path / "out", "20260103-000000-cccc")
    begun = offered("acestep cover --output-dir out la", monkeypatch)
    assert [item.value for item in begun] == ["la", "last"]


def test_presets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "acestep.toml").write_text("[presets.sketch]\nduration = 60\nthinking = false\n")
    items = {item.value: item.help for item in offered("acestep generate --preset ", monkeypatch)}
    assert items["sketch"] == "duration 60.0; thinking False"
    assert {"draft", "quality", "consistent"} <= set(items)


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("acestep config --get generation.think", {"generation.thinking"}),
        ("acestep config --get dev", {"device"}),
        ("acestep config --get bp", {"bpm"}),
        ("acestep config --set generation.thinking ", {"true", "false"}),
        ("acestep config --set audio_format f", {"flac"}),
        ("acestep config --set device c", {"cpu", "cuda"}),
        ("acestep config --set bpm ", set()),
        ("acestep generate --key F#", {"F#", "F#m"}),
        ("acestep generate --language ja", {"ja"}),
        ("acestep generate --time-sig 6", {"6/8"}),
        ("acestep generate --device m", {"mps"}),
        ("acestep generate --dtype b", {"bfloat16"}),
        ("acestep lego x --track voc", {"vocals"}),
        ("acestep extract x drums voc", {"vocals"}),
        ("acestep completions z", {"zsh"}),
        ("acestep schema e", {"events"}),
        ("acestep help cap", {"captions"}),
        ("acestep skill in", {"install"}),
    ],
)
def test_words(line: str, some: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert {item.value for item in offered(line, monkeypatch)} == some


def test_keys_are_told_by_their_whole_name_first(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [item.value for item in offered("acestep config --get ", monkeypatch)]
    assert "generation.bpm" in values
    assert "bpm" not in values
    assert len(values) == len(set(values))


def test_options_are_offered_as_the_help_spells_them(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [item.value for item in offered("acestep generate --key", monkeypatch)]
    assert values == ["--key", "--key-scale"]
    assert [item.value for item in offered("acestep generate --keysc", monkeypatch)] == [
        "--keyscale"
    ]
    assert "--no-format" in [item.value for item in offered("acestep generate --no", monkeypatch)]


def test_the_opposite_of_a_switch_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {item.value: item.help for item in offered("acestep generate --", monkeypatch)}
    assert told["--no-instrumental"] == f"turn off: {told['--instrumental']}"
    assert told["--no-lm"] == "use no planner at all"
    assert told["--use-lm"] == f"turn off: {told['--no-lm']}"


@pytest.mark.parametrize(
    "line",
    ["acestep generate --plan x", "acestep generate --events x", "acestep lyrics check x",
     "acestep understand x", "acestep generate -o x", "acestep cover x", "acestep cover y --plot x",
     "acestep generate --reference x", "acestep generate --config x"],
)  # fmt: skip
def test_files_are_left_to_the_shell(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(item.type, item.value) for item in offered(line, monkeypatch)] == [("file", "x")]


def test_files_of_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("words.txt", ".hidden", "more/old words.txt", "a\nb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("la")
    for line, expected in {
        "acestep generate --lyrics @": ["@more/", "@words.txt"],
        "acestep generate -l @.h": ["@.hidden"],
        "acestep generate -l @more/o": ["@more/old words.txt"],
        f"acestep cover x -l @{tmp_path}/w": [f"@{tmp_path}/words.txt"],
        "acestep generate -l @none/": [],
        "acestep generate -l wo": [],
        "acestep generate @w": ["@words.txt"],
        "acestep repaint x @w": ["@words.txt"],
    }.items():
        assert [item.value for item in offered(line, monkeypatch)] == expected, line


@pytest.mark.parametrize("text", ["no toml", "devise = 'cpu'", "[presets]\nx = 3"])
def test_broken_settings_offer_nothing(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "acestep.toml").write_text(text)
    for option in ("--model", "--lm", "--preset"):
        assert offered(f"acestep generate {option} ", monkeypatch) == []
    assert offered("acestep generate --language j", monkeypatch), "that needs no settings"


def test_nothing_heavy_is_loaded(tmp_path: Path, checkpoints: Path) -> None:
    job(tmp_path / "acestep_output", "20260101-000000-aaaa")
    program = (
        "import os, sys\n"
        "from acestep_cli.cli import main\n"
        "for words in {lines}:\n"
        "    os.environ.update(COMP_WORDS=words, COMP_CWORD=str(len(words.split(' ')) - 1))\n"
        "    try: main([])\n"
        "    except SystemExit as stopped: assert stopped.code == 0\n"
        "found = set({heavy}) & sys.modules.keys()\n"
        "assert not found, found\n"
    )
    lines = ["acestep ge", "acestep generate --model ", "acestep generate --lm ",
             "acestep status ", "acestep generate --preset ", "acestep config --get ",
             "acestep models pull "]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program.format(lines=lines, heavy=HEAVY)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "_ACESTEP_COMPLETE": "bash_complete",
             "ACESTEP_CHECKPOINTS_DIR": str(checkpoints)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "plain,generate\n" in done.stdout
    assert "plain,20260101-000000-aaaa" in done.stdout
