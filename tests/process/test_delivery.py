"""Where the sound goes: stdout, names that the song fills in, pictures, speakers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.audio import read_audio
from tests.conftest import GOLDEN
from tests.process.programs import SECONDS, acestep, environment, run, stand_in

FAST = ["--no-lm", "--duration", "2", "--steps", "1", "--device", "cpu", "--dtype", "float32"]
FAST += ["--checkpoints", str(GOLDEN / "checkpoints")]


def generate(words: str, *more: str) -> list[str]:
    return acestep("generate", words, *FAST, *more)


def record_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "acestep_output").glob("*.json")
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "aac"])
def test_audio_goes_to_stdout_whole(ending: str, tmp_path: Path) -> None:
    command = generate("x", "--seed", "7", "-o", "-", "--audio-format", ending)
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert read_audio(done.stdout, name="stdout").seconds == pytest.approx(2.0, abs=0.05)
    record = record_of(tmp_path)
    assert record["audio_paths"] == ["-"]
    assert [path.suffix for path in (tmp_path / "acestep_output").iterdir()] == [".json"]
    name = "song.m4a" if ending == "aac" else f"song.{ending}"
    named = run(generate("x", "--seed", "7", "-o", name), tmp_path)
    assert (tmp_path / named.stdout.strip()).read_bytes() == done.stdout


def test_a_reader_that_leaves_ends_the_program_quietly(tmp_path: Path) -> None:
    more = ["-o", "-", "--audio-format", "wav", "-q"]
    line = f"{shlex.join(generate('x', *more))} | head -c 10 > /dev/null"
    done = subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")
    assert lost(record_of(tmp_path)) == ("failed", 141, "closed_pipe")


def lost(record: dict[str, Any]) -> tuple[str, int, str]:
    """What the record of a song that did not reach stdout ended with."""
    assert record["audio_paths"] == [] and record["items"][0]["path"] is None
    assert f"`acestep replay {record['job_id']}`" in record["error"]["hint"]
    return record["status"], record["exit_code"], record["error"]["code"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_song_that_stdout_does_not_take_has_failed(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = generate("x", "-o", "-", "--audio-format", "wav")
        done = run(command, tmp_path, stdout=full)
    assert done.returncode == 6
    assert done.stderr.count("error: ") == 1 and "No space left" in done.stderr
    assert lost(record_of(tmp_path)) == ("failed", 6, "cannot_write")


def test_a_signal_while_the_song_goes_out_cancels_the_job(tmp_path: Path) -> None:
    command = generate("x", "-o", "-", "--audio-format", "wav")
    making = subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with making:
        assert making.stdout is not None
        assert making.stdout.read(1)  # the rest fills the pipe, and nobody takes it
        making.terminate()
        assert making.wait(SECONDS) == 143
    record = record_of(tmp_path)
    assert (record["status"], record["exit_code"]) == ("cancelled", 143)
    assert record["audio_paths"] == []


def test_a_named_file_is_found_from_every_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    place = ["--output-dir", str(tmp_path / "out")]
    made = run(generate("x", "-o", "a.flac", "--batch", "2", *place), here)
    assert made.stdout.splitlines() == ["a_1.flac", "a_2.flac"]
    record = json.loads(run(acestep("status", "last", "--json", *place), there).stdout)["data"]
    paths = [str(here / line) for line in made.stdout.splitlines()]
    assert record["audio_paths"] == [item["path"] for item in record["items"]] == paths
    edit = acestep("cover", "last_2", "y", *FAST[:1], *FAST[3:], "--dry-run", "--json", *place)
    seen = run(edit, there)
    assert seen.returncode == 0, seen.stderr
    removed = run(acestep("jobs", "remove", "last", "--yes", *place), there)
    assert removed.returncode == 0 and list(here.glob("*.flac")) == []


def test_a_job_whose_file_was_written_over_is_no_source(tmp_path: Path) -> None:
    first = run(generate("rock", "-o", "s.wav", "--json"), tmp_path)
    job = json.loads(first.stdout)["data"]["job_id"]
    assert run(generate("jazz", "-o", "s.wav", "--force"), tmp_path).returncode == 0
    edit = ["--dry-run", *FAST[:1], *FAST[3:]]
    refused = run(acestep("cover", job, "y", *edit), tmp_path)
    assert refused.returncode == 5
    assert f"s.wav of the job {job} holds another song by now" in refused.stderr
    own = run(acestep("cover", "last", "y", *edit), tmp_path)
    assert own.returncode == 0, own.stderr
    taken = "s.wav (holds another song by now)"
    assert taken in run(acestep("status", job), tmp_path).stdout
    assert taken not in run(acestep("status", "last"), tmp_path).stdout


def test_audio_is_not_written_to_a_terminal_or_beside_json(tmp_path: Path) -> None:
    done = run(generate("x", "-o", "-", "--json"), tmp_path)
    assert done.returncode == 2
    assert "both claim stdout" in json.loads(done.stdout)["error"]["message"]
    master, terminal = os.openpty()
    try:
        done = run(generate("x", "-o", "-"), tmp_path, stdout=terminal)
    finally:
        os.close(terminal)
        os.close(master)
    assert done.returncode == 2
    assert "audio to the terminal" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_plan_goes_into_no_sound_file(tmp_path: Path) -> None:
    for target in ("-", "song.wav"):
        done = run(generate("x", "--plan-only", "-o", target), tmp_path)
        assert done.returncode == 2 and "no sound is made" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_names_no_file_of_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    for more, words in (
        (["-o", "new/"], "-o 'new/' names no file"),
        (["-o", "v1.2"], "'v1.2' ends with .2, which is no format; these are: mp3, "),
        (["-o", "song.aac"], "name it song.m4a"),
        (["--plot", "{titel}.png"], "--plot '{titel}.png' holds {titel}"),
        (["--plot", "{title.png"], "--plot '{title.png' is no name with parts"),
    ):
        done = run(generate("x", *more), tmp_path)
        assert done.returncode == 2 and words in done.stderr
    folder = run(generate("x", "-o", "songs"), tmp_path)
    assert folder.returncode == 6 and "'songs' names no file: it is a folder" in folder.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["songs"]


def test_a_typed_format_leaves_the_name_alone(tmp_path: Path) -> None:
    done = run(generate("x", "-o", "take.2", "--audio-format", "wav"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "take.2").read_bytes()[:4] == b"RIFF"


def test_the_song_fills_in_the_name(tmp_path: Path) -> None:
    name = "songs/{key}/{title}-{seed}.{ext}"
    more = [
        "-o",
        name,
        "--audio-format",
        "flac",
        "--batch",
        "2",
        "--seed",
        "7",
        "--key",
        "F# minor",
    ]
    done = run(generate("rain / thunder: a study", *more), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"songs/F# minor/rain _ thunder_ a study-{seed}.flac" for seed in (7, 8)
    ]
    again = run(generate("rain / thunder: a study", *more), tmp_path)
    assert again.returncode == 6
    assert "already exists" in again.stderr and "compose" not in again.stderr
    forced = run(generate("rain / thunder: a study", *more, "--force"), tmp_path)
    assert forced.returncode == 0


def test_songs_of_one_name_are_numbered(tmp_path: Path) -> None:
    done = run(generate("rain", "-o", "{title}", "--batch", "2"), tmp_path)
    assert done.stdout.splitlines() == ["rain_1.mp3", "rain_2.mp3"]


def test_a_picture_lies_where_it_was_asked_for(tmp_path: Path) -> None:
    more = ["--lyrics", "[verse]\nrain on the roof\n[chorus]\nlet it fall", "--plot", "{title}.png"]
    done = run(generate("rain", *more), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rain.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    again = run(generate("rain", *more), tmp_path)
    assert again.returncode == 6 and "rain.png already exists" in again.stderr


def test_songs_are_played_one_after_another(tmp_path: Path) -> None:
    player = tmp_path / "player"
    player.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/heard\n')
    player.chmod(0o755)
    home = environment(tmp_path, ACESTEP_PLAYER=str(player))
    done = run(stand_in("quick", "generate", "x", "--play"), tmp_path, env=home)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "heard").read_text().splitlines() == [str(tmp_path / done.stdout.strip())]


def test_a_song_that_cannot_be_played_is_made_all_the_same(tmp_path: Path) -> None:
    home = environment(tmp_path, ACESTEP_PLAYER="no-such-player")
    done = run(stand_in("quick", "generate", "x", "--play"), tmp_path, env=home)
    assert done.returncode == 0
    assert "note:" in done.stderr and "no-such-player" in done.stderr
