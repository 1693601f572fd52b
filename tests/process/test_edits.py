"""Commands that work on a source: what they ask for, and what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from acestep_cli import cli
from acestep_cli.errors import AceStepError
from acestep_cli.request import SongRequest
from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run, stand_in
from tests.process.standin import RunSpec

Ask = Callable[..., RunSpec]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    """What the command line asks `run` to do; nothing is run."""
    specs: list[RunSpec] = []

    def refuse(spec: RunSpec, *_: Any) -> None:
        specs.append(spec)
        raise AceStepError("nothing is run")

    room = ModuleType("acestep_cli.run")
    room.RunSpec = RunSpec  # type: ignore[attr-defined]
    room.run_job = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acestep_cli.run", room)
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def caller(*arguments: str) -> RunSpec:
        with pytest.raises(SystemExit):
            cli.main([*arguments])
        assert "nothing is run" in capfd.readouterr().err
        return specs[-1]

    return caller


def request_of(spec: RunSpec) -> SongRequest:
    request: SongRequest = spec.resolved.request
    return request


SAME = [
    (
        ["cover", "a.wav", "choir", "--strength", "0.7", "--noise-strength", "0.2"],
        ["--task", "cover", "-c", "choir", "--cover-strength", "0.7", "--noise-strength", "0.2"],
    ),
    (["cover", "a.wav", "choir"], ["choir"]),
    (["cover", "a.wav", "--faithful"], ["--task-type", "cover-nofsq"]),
    (
        ["repaint", "a.wav", "x", "--from", "10", "--to", "0:20", "--mode", "aggressive"],
        [
            "x", "--task", "repainting", "--repaint-start", "10", "--repaint-end", "20",
            "--repaint-mode", "aggressive",
        ],
    ),
    (["repaint", "a.wav", "--region", "10-20"], ["--repainting_start", "10", "--repaintingEnd=20"]),
    (
        ["repaint", "a.wav", "--region", "1-2", "--region", "3-", "--mask-mode", "auto"],
        ["--task", "inpaint", "--regions", "3-,1-2", "--chunk-mask-mode", "auto"],
    ),
    (
        ["repaint", "a.wav", "--repaint-end", "3", "--strength", "0.2"],
        ["--task", "repaint", "--repaint-end", "3", "--repaint-strength", "0.2"],
    ),
    (
        ["extend", "a.wav", "--after", "30", "--before", "0:08"],
        ["--task", "continuation", "--extend-after", "30", "--extend-before", "8"],
    ),
    (["extend", "a.wav", "--after", "30"], ["--task", "outpaint", "--extend-after", "30s"]),
    (
        ["extract", "a.wav", "vocals", "drums"],
        ["--task", "extract", "--track-name", "vocals,drums"],
    ),
    (
        ["extract", "a.wav", "Backing Vocals"],
        ["--task", "extract", "--extract-track", "backing-vocals"],
    ),
    (
        ["lego", "a.wav", "lead", "--track", "guitar", "--from", "3", "--mix"],
        ["lead", "--task", "lego", "--lego-track", "guitar", "--repaint-start", "3", "--mix"],
    ),
    (
        ["complete", "a.wav", "rock", "--track", "drums", "--track", "bass,guitar"],
        ["rock", "--task", "complete", "--instruments", "drums|bass|guitar"],
    ),
    (
        ["complete", "a.wav", "--track", "drums"],
        ["--task", "complete", "--complete-tracks", "DRUMS"],
    ),
    (
        ["morph", "a.wav", "organ", "--from-caption", "piano", "--n-max", "0.7", "--n-avg", "2"],
        [
            "organ", "--flow-edit-morph", "--flow-edit-source-caption", "piano",
            "--flow-edit-n-max", "0.7", "--flow-edit-n-avg", "2",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (["cover", "choir", "--codes", "1,2"], ["--task", "cover", "-c", "choir"]),
        (
            ["extract", "drums", "vocals", "--codes", "1,2"],
            ["--task", "extract", "--track-name", "drums,vocals"],
        ),
        (["repaint", "--codes", "1,2", "-c", "x"], ["--task", "repaint", "-c", "x"]),
    ],
)
def test_codes_may_stand_for_the_source(ask: Ask, edit: list[str], words: list[str]) -> None:
    request = request_of(ask(*edit))
    assert request.audio_codes == ((1, 2),) and request.src_audio is None
    assert request == request_of(ask("generate", *words, "--codes", "1,2"))


@pytest.mark.parametrize(("command", "documented"), SAME, ids=lambda words: " ".join(words)[:40])
def test_generate_means_the_same(ask: Ask, command: list[str], documented: list[str]) -> None:
    common = [
        "--lyrics",
        "la",
        "--bpm",
        "90",
        "--seed",
        "7",
        "--steps",
        "3",
        "--reference",
        "b.wav",
    ]
    request = request_of(ask(*command, *common))
    for source in ("--src-audio", "--src_audio_path", "--ctxAudio"):
        assert request_of(ask("generate", *documented, source, "a.wav", *common)) == request
    assert request.src_audio == "a.wav" and request.reference_audio == "b.wav"


def test_a_settings_file_with_documented_names_means_the_same(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "song.toml").write_text(
        'task_type = "repainting"\nsrc_audio = "a.wav"\nprompt = "x"\nrepainting_start = 1.5\n'
        "repainting_end = 3\n",
        encoding="utf-8",
    )
    asked = request_of(ask("repaint", "a.wav", "x", "--from", "1.5", "--to", "3"))
    assert request_of(ask("generate", "--config", "song.toml")) == asked
    assert request_of(ask("repaint", "--config", "song.toml")) == asked


def test_all_tracks(ask: Ask) -> None:
    from acestep_cli.request.table_sound import TRACKS

    assert request_of(ask("extract", "a.wav", "--all")).track_name == TRACKS


def test_the_source_as_an_option(ask: Ask) -> None:
    expected = request_of(ask("cover", "a.wav", "choir"))
    assert request_of(ask("cover", "--src-audio", "a.wav", "choir")) == expected
    assert request_of(ask("cover", "choir", "--src-audio", "a.wav")) == expected
    tracks = request_of(ask("extract", "--src-audio", "a.wav", "vocals", "drums")).track_name
    assert tracks == ("vocals", "drums")


@pytest.mark.parametrize(
    ("typed", "planner"),
    [
        ([], "optional"),
        (["--thinking"], "required"),
        (["--no-lm"], "off"),
        (["--no-thinking"], "optional"),
    ],
)
def test_the_planner_is_asked_where_it_is_wanted(ask: Ask, typed: list[str], planner: str) -> None:
    from acestep_cli.pipeline.planning import planning_of

    for command in (
        ["cover", "a.wav"],
        ["extract", "a.wav", "fx"],
        ["extend", "a.wav", "--after=3"],
    ):
        resolved = ask(*command, *typed).resolved
        assert resolved.planner_wish == planner
        planning = planning_of(resolved.request)
        assert planning.metas == (planner == "required") and not planning.codes


def test_codes_come_from_a_file_as_they_are(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "codes.txt").write_text("1,2,3\n<|audio_code_4|>\n", encoding="utf-8")
    request = request_of(ask("generate", "x", "--codes", "codes.txt"))
    assert request.audio_codes == ((1, 2, 3), (4,)) and request.batch_size == 2
    assert request_of(ask("generate", "x", "--codes", "@codes.txt")) == request
    assert request_of(ask("generate", "x", "--codes", "1,2,3")).audio_codes == ((1, 2, 3),)


def test_files_are_numbered_by_track(tmp_path: Path) -> None:
    done = run(stand_in("quick", "extract", "a.wav", "vocals", "drums"), tmp_path)
    assert "compose 1 done" in done.stderr
    done = run(stand_in("quick", "complete", "a.wav", "--track", "vocals,drums"), tmp_path)
    assert "compose done" in done.stderr


def test_what_is_unlike_everything_is_not_guessed(tmp_path: Path) -> None:
    done = run(acestep("cover", "a.wav", "--duration", "3"), tmp_path)
    assert done.returncode == 2 and "see `acestep cover --help`" in done.stderr
    done = run(acestep("cover", "a.wav", "--stregth", "3"), tmp_path)
    assert done.returncode == 2 and "did you mean --strength?" in done.stderr


def test_a_name_cannot_move_the_cursor(tmp_path: Path) -> None:
    checkpoints = ("--checkpoints", str(GOLDEN / "checkpoints"))
    done = run(acestep("cover", "a\n\x1b[2Jb", *checkpoints), tmp_path)
    assert done.returncode == 5 and "error: a\\n\\x1b[2Jb does not exist\n" in done.stderr


def test_a_timbre_to_follow_with_every_command(ask: Ask) -> None:
    for command in (["generate", "x"], ["random", "--no-lm"]):
        assert request_of(ask(*command, "--reference", "b.wav")).reference_audio == "b.wav"
