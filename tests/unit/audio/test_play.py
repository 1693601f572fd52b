"""Playing: which program is chosen, what is told when none can, and that Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from acestep_cli.audio.play import play, players_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


def program(folder: Path, name: str, body: str) -> Path:
    """A shell script that stands in for a player."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def log_arguments(folder: Path) -> str:
    return f'for word in "$@"; do echo "$word" >> "{folder}/log"; done'


def told(folder: Path) -> list[str]:
    return (folder / "log").read_text(encoding="utf-8").splitlines()


def test_the_first_program_that_reads_the_format_is_chosen(tmp_path: Path) -> None:
    for name in ("aplay", "pw-play", "ffplay", "mpv"):
        program(tmp_path, name, "exit 0")
    environ = {"PATH": str(tmp_path)}
    chosen = {
        ending: [Path(command[0]).name for command in players_for(Path(f"a.{ending}"), environ)]
        for ending in ("wav", "mp3", "m4a")
    }
    assert chosen["wav"] == ["pw-play", "ffplay", "mpv", "aplay"]
    assert chosen["mp3"] == ["pw-play", "ffplay", "mpv"]
    assert chosen["m4a"] == ["ffplay", "mpv"]
    assert "-autoexit" in players_for(Path("a.m4a"), environ)[0]


def test_every_file_is_played_in_order_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "mpv", log_arguments(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert play([Path("-one.mp3"), Path("two.mp3")], {"PATH": str(tmp_path)}) == ""
    files = [line for line in told(tmp_path) if not line.startswith("--")]
    assert files == [str(tmp_path / "-one.mp3"), str(tmp_path / "two.mp3")]


def test_the_variable_is_a_command_line_and_wins(tmp_path: Path) -> None:
    program(tmp_path, "mpv", "exit 9")
    own = program(tmp_path, "my player", log_arguments(tmp_path))
    environ = {"PATH": str(tmp_path), "ACESTEP_PLAYER": f"'{own}' --volume 'very loud'"}
    assert play([Path("/x/song.mp3")], environ) == ""
    assert told(tmp_path) == ["--volume", "very loud", "/x/song.mp3"]


def test_a_player_that_gives_up_at_once_makes_room_for_the_next(tmp_path: Path) -> None:
    program(tmp_path, "pw-play", "echo no mp3 here >&2; exit 1")
    program(tmp_path, "mpv", log_arguments(tmp_path))
    assert play([Path("/x/song.mp3")], {"PATH": str(tmp_path)}) == ""
    assert told(tmp_path)[-1] == "/x/song.mp3"


def test_without_a_player_the_sentence_names_file_and_remedy(tmp_path: Path) -> None:
    message = play([Path("/x/song.mp3")], {"PATH": str(tmp_path)})
    assert message.startswith("/x/song.mp3 was not played: no player for .mp3 was found")
    assert "ACESTEP_PLAYER" in message and "ffplay" in message
    assert " aplay" not in message, "it reads wav alone"
    assert " aplay" in play([Path("/x/song.wav")], {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("/nowhere/player", "cannot be started (No such file or directory)"),
        ("'unfinished", "cannot be started"),
        ("sh -c 'echo first >&2; printf \"no \\033[31mdevice\" >&2; exit 7'", "ended with 7: no "),
    ],
)
def test_a_player_that_fails_is_told_on_one_line(named: str, expected: str) -> None:
    message = play([Path("/x/song.wav")], {"PATH": os.environ["PATH"], "ACESTEP_PLAYER": named})
    assert expected in message
    assert message.isprintable()


def test_nothing_to_play_is_no_failure() -> None:
    assert play([], {"PATH": ""}) == ""


def test_an_interrupt_stops_the_player_and_goes_on(tmp_path: Path) -> None:
    loop = f"import time; open({str(tmp_path / 'begun')!r}, 'w').close(); time.sleep(60)"
    environ = {"PATH": os.environ["PATH"], "ACESTEP_PLAYER": f'{sys.executable} -c "{loop}"'}

    def interrupt() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    begun = time.monotonic()
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            play([Path("/x/song.wav")], environ)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 20
