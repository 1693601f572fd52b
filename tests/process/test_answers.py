"""What comes out of stdout and stderr, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.process.programs import acestep, environment, run, stand_in

ENVELOPE = ["schema", "command", "ok", "exit_code", "data", "warnings", "error"]
ERROR = ["code", "message", "hint"]


def one_object(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert list(values) == ENVELOPE
    if values["error"] is not None:
        assert list(values["error"]) == ERROR
    return values


def songs(folder: Path) -> list[str]:
    return [f"acestep_output/{song.name}" for song in (folder / "acestep_output").glob("*.mp3")]


def test_paths_go_to_stdout_and_the_talk_to_stderr(tmp_path: Path) -> None:
    done = run(stand_in("quick", "generate", "x"), tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == songs(tmp_path)
    assert "random seed" in done.stderr.splitlines()[0]
    assert "note: no planner is used" in done.stderr
    assert "compose done" in done.stderr
    assert "\x1b" not in done.stderr


def test_songs_are_numbered_when_there_are_several(tmp_path: Path) -> None:
    done = run(stand_in("quick", "generate", "x", "--batch", "2"), tmp_path)
    assert "random seed · 2 songs" in done.stderr
    assert "compose 1 done" in done.stderr


def test_quiet_leaves_the_answer_alone(tmp_path: Path) -> None:
    for arguments in (["-q", "generate", "x"], ["generate", "x", "--quiet"]):
        done = run(stand_in("quick", *arguments), tmp_path)
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 1


def test_json_holds_the_record(tmp_path: Path) -> None:
    for arguments in (["--json", "generate", "x"], ["generate", "x", "--json"]):
        values = one_object(run(stand_in("warned", *arguments), tmp_path).stdout)
        assert values["ok"] is True
        assert values["exit_code"] == 0
        assert values["command"] == ["generate"]
        assert values["warnings"] == [{"code": "short_duration", "message": "too short"}]
        record = values["data"]
        saved = (tmp_path / "acestep_output" / f"{record['job_id']}.json").read_text()
        assert record == json.loads(saved)
        assert record["command"] == ["acestep", *arguments]


def test_the_shell_may_not_break_the_encoding(tmp_path: Path) -> None:
    ascii_only = environment(tmp_path, PYTHONIOENCODING="ascii")
    done = run(stand_in("quick", "generate", "Frühling 春", "--json"), tmp_path, env=ascii_only)
    assert one_object(done.stdout)["data"]["command"][2] == "Frühling 春"


def test_nothing_else_reaches_stdout(tmp_path: Path) -> None:
    done = run(stand_in("noisy", "generate", "x"), tmp_path)
    assert done.stdout.splitlines() == songs(tmp_path)
    for source in ("Python", "C", "a child"):
        assert f"noise from {source}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["generat"], 2, "did you mean generate?"),
        (["gen"], 2, "did you mean generate?"),
        (["com"], 2, "see `acestep --help`"),
        (["generate", "x", "--dur", "3"], 2, "did you mean --duration?"),
        (["config", "--set", "bpm"], 2, "see `acestep config --help`"),
        (["zzz"], 2, "see `acestep --help`"),
        (["generate", "x", "--duratoin", "3"], 2, "did you mean --duration?"),
        (["generate", "x", "y"], 2, "'y' is one argument too many"),
        (["generate", "x", "--seed"], 2, "requires an argument"),
        (["generate", "x", "--bpm", "9"], 2, "30 to 300"),
        (["generate", "x", "--force=yes"], 2, "does not take a value"),
        (["generate"], 2, "nothing to make a song from"),
        (["generate", "x", "-c", "y"], 2, "given twice"),
        (["generate", "-", "--lyrics", "-"], 2, "stdin"),
        (["generate", "x", "-o", ""], 2, "names no file"),
        (["generate", "x", "-o", "-", "--batch", "2"], 2, "takes one song and 2"),
        (["generate", "x", "-o", "-", "--play"], 2, "do not go together"),
        (["generate", "x", "-o", "{titel}.mp3"], 2, "did you mean {title}?"),
        (["generate", "x", "-o", "{seed:9999999}.mp3"], 2, "number of digits"),
        (["generate", "x", "--plot", "picture.jpg"], 2, "FILE.png"),
        (["generate", "x", "--events", "f", "--dry-run"], 2, "do not go together"),
        (["generate", "x", "-o", "a.xyz"], 2, "xyz"),
        (["generate", "x", "--config", "none.toml"], 2, "none.toml"),
        (["generate", "x", "--preset", "none"], 2, "no preset 'none'"),
        (["generate", "@none.txt"], 5, "none.txt"),
        (["generate", "x", "--lyrics", "@"], 5, "without a file name"),
        (["generate", "@."], 5, "cannot read caption from .: it is a folder"),
        (["generate", "@/"], 5, "cannot read caption from /: it is a folder"),
        (["generate", "--plan", "."], 5, "cannot read the plan from .: it is a folder"),
        (["generate", "--plan", ""], 5, "the name of the file with the plan is empty"),
        (["--nonsense", "generate"], 2, "no option --nonsense"),
        ([], 2, "Usage: acestep"),
    ],
)
def test_usage_errors(arguments: list[str], code: int, sentence: str, tmp_path: Path) -> None:
    done = run(acestep(*arguments), tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    if arguments:
        values = one_object(run(acestep("--json", *arguments), tmp_path).stdout)
        assert (values["ok"], values["exit_code"], values["data"]) == (False, code, None)
        assert values["command"] == [one for one in arguments[:1] if one in ("generate", "config")]


@pytest.mark.parametrize(
    ("mode", "code", "word"),
    [("partial", 8, "partial"), ("crash", 1, "internal"), ("memory", 4, "out_of_memory")],
)
def test_failures_have_their_code(mode: str, code: int, word: str, tmp_path: Path) -> None:
    done = run(stand_in(mode, "generate", "x", "--json"), tmp_path)
    assert done.returncode == code
    values = one_object(done.stdout)
    assert (values["ok"], values["exit_code"], values["error"]["code"]) == (False, code, word)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1


def test_finished_songs_are_named_when_others_failed(tmp_path: Path) -> None:
    done = run(stand_in("partial", "generate", "x"), tmp_path)
    assert done.stdout.splitlines() == songs(tmp_path) != []
    assert "hint: try another seed" in done.stderr


def test_a_bug_is_one_sentence_and_debug_shows_where(tmp_path: Path) -> None:
    done = run(stand_in("crash", "generate", "x"), tmp_path)
    assert "error: unexpected ZeroDivisionError: a bug\n" in done.stderr
    assert "--debug" in done.stderr
    for switch, variables in ((["--debug"], {}), ([], {"ACESTEP_DEBUG": "1"})):
        told = run(
            stand_in("crash", "generate", "x", *switch),
            tmp_path,
            env=environment(tmp_path, **variables),
        ).stderr
        assert "Traceback" in told
        assert "in crash" in told


def test_texts_from_files_and_stdin(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("[verse]\nla\n", encoding="utf-8")
    done = run(
        stand_in("quick", "generate", "-", "--lyrics", "@words.txt", "--json"),
        tmp_path,
        input="warm jazz\n",
    )
    assert one_object(done.stdout)["ok"] is True


def test_stdin_is_left_alone_when_nobody_asks_for_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        # A pipe that stays open and silent would make a reader wait for ever.
        assert run(stand_in("quick", "generate", "x"), tmp_path, stdin=reader).returncode == 0
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    "command", [acestep("--help"), stand_in("quick", "generate", "x"), acestep("--json", "zzz")]
)
def test_a_reader_who_left(command: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(command, tmp_path, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_lost_log_does_not_cost_the_song(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(stand_in("quick", "generate", "x"), tmp_path, stderr=writer)
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert done.stdout.splitlines() == songs(tmp_path) != []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_behind_stdout(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(stand_in("quick", "generate", "x"), tmp_path, stdout=full)
    assert done.returncode == 6
    assert "cannot write the answer to stdout" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["generate", "--help"]])
def test_a_full_disk_behind_the_help(arguments: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(acestep(*arguments), tmp_path, stdout=full)
    told = "error: cannot write the answer to stdout: No space left on device\n"
    assert (done.returncode, done.stderr) == (6, told)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    quoted = subprocess.list2cmdline(stand_in("quick", "generate", "x"))
    done = run(["sh", "-c", f"exec {quoted} {closed}"], tmp_path)
    assert done.returncode == 0
    assert len(songs(tmp_path)) == 1
