"""What a person sees on terminals of 60 and 80 columns: nothing is wider, NO_COLOR is heard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acestep_cli.jobs import JobRecord
from tests.conftest import GOLDEN
from tests.process.programs import acestep, stand_in
from tests.process.screens import Screen, Seen, on_screen

WIDTHS = (60, 80)
_COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3|4|9|10)[0-8][0-9;]*m")
_CAPTIONS = (
    "a caption that goes on and on, with strings and brass and a choir and more of everything",
    "日本語の歌を歌う日本語の歌を歌う日本語の歌を歌う日本語の歌を歌う日本語の歌を歌う",
    "\x1b[31mred\x1b[0m and \x07 bells\r\nand lines",
)


@pytest.fixture
def jobs(tmp_path: Path) -> list[str]:
    """Jobs whose captions are long, wide and hostile, in every state; their ids."""
    made = []
    for number, caption in enumerate(_CAPTIONS):
        metas = {
            "caption": caption,
            "lyrics": caption,
            "bpm": 90,
            "duration": 200.0,
            "keyscale": "F# minor",
            "timesignature": "4",
            "language": "en",
            "genres": None,
        }
        item = {"index": 0, "seed": number, "metas": metas, "path": None}
        record = JobRecord.create(tmp_path / "acestep_output", ["acestep", caption], items=[item])
        if number:
            record.start()
        if number == 1:
            record.succeed()
        made.append(record.job_id)
    return made  # fmt: skip


def see(folder: Path, width: int, *arguments: str, **variables: str) -> Seen:
    """`acestep` on a terminal, with tiny checkpoints."""
    places = {"ACESTEP_HOME": str(folder / "home")}
    places["ACESTEP_CHECKPOINTS_DIR"] = str(GOLDEN / "checkpoints")
    return on_screen(acestep(*arguments), folder, width, **places, **variables)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_is_drawn_in_place(width: int, tmp_path: Path) -> None:
    seen = on_screen(stand_in("visible", "generate", "x", "--seed", "7"), tmp_path, width)
    assert seen.code == 0
    assert seen.screen.wrapped == [], "a row that wraps cannot be drawn over"
    first, note, done, song, *rest = seen.screen.lines()
    assert first.startswith("acestep ") and first.endswith("seed 7")
    assert note == "note: no planner is used"
    assert re.fullmatch(r"compose done in 0\.\d s", done)
    assert (tmp_path / song).exists()
    assert not any(rest)
    assert "/8 steps" in seen.written
    assert _COLOUR.search(seen.written)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "arguments", [["jobs"], ["status", "last"], ["models"], ["config", "--quiet"], ["jobs", "-q"]]
)
def test_tables_fit(arguments: list[str], width: int, jobs: list[str], tmp_path: Path) -> None:
    seen = see(tmp_path, width, *arguments)
    assert seen.code == 0, seen.written
    assert seen.screen.wrapped == [], "\n".join(seen.screen.lines())
    assert any(seen.screen.lines())


def test_every_job_is_in_the_table(jobs: list[str], tmp_path: Path) -> None:
    lines = see(tmp_path, 60, "jobs").screen.lines()
    found = [next(line for line in lines if job in line) for job in jobs]
    assert "succeeded" in found[1]
    # Their process is this one, which is alive.
    assert ("queued" in found[0], "running" in found[2]) == (True, True)


@pytest.mark.parametrize("arguments", [["jobs"], ["status", "last"], ["models"], ["config"]])
def test_no_colour(arguments: list[str], jobs: list[str], tmp_path: Path) -> None:
    seen = see(tmp_path, 80, *arguments, NO_COLOR="1")
    assert seen.code == 0
    assert not _COLOUR.search(seen.written)


def test_no_colour_in_a_run(tmp_path: Path) -> None:
    command = stand_in("visible", "generate", "x")
    seen = on_screen(command, tmp_path, 80, NO_COLOR="1")
    assert (seen.code, seen.screen.wrapped) == (0, [])
    assert not _COLOUR.search(seen.written)


@pytest.mark.parametrize(
    "arguments", [["jobs", "remove", "nothing"], ["config", "--get", "x" * 90]]
)
def test_complaints_are_words(arguments: list[str], tmp_path: Path) -> None:
    seen = see(tmp_path, 60, *arguments, NO_COLOR="1")
    assert seen.code == 2
    assert seen.screen.lines()[0].startswith("error: ")


def test_the_screen_moves_as_a_terminal_does() -> None:
    screen = Screen(10)
    screen.feed("one\r\ntwo\r\n\x1b[1A\x1b[2K\x1b[31mthree\x1b[0m\r\n0123456789\r\n")
    assert screen.lines() == ["one", "three", "0123456789", ""]
    assert screen.wrapped == []
    screen.feed("日本語の歌!")
    assert screen.lines()[3:] == ["日本語の歌", "!"]
    assert screen.wrapped == [4]
