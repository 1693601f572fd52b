"""Every command line of the users' skill document, unchanged, as a process: what it leaves."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from acestep_cli.audio import read_audio
from tests.conftest import GOLDEN
from tests.process.programs import SECONDS, environment
from tests.process.skill_lines import ASKED, MADE, SET, Documented, Ran

# Short songs: the lines stay as they are.
SECONDS_OF_SONG = 2
_SETTINGS = "[generation]\nduration = 2\ninference_steps = 2\n"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with the program `acestep`."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "acestep"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m acestep_cli "$@"\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose settings make songs short."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "config.toml").write_text(_SETTINGS, "utf-8")
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with a recording."""
    folder = tmp_path / "work"
    folder.mkdir()
    sound = read_audio(GOLDEN / "audio" / "src_stereo48k.wav")
    begin = sound.samples[:, : SECONDS_OF_SONG * sound.sample_rate]
    soundfile.write(folder / "song.wav", begin.T, sound.sample_rate)
    return folder


@pytest.mark.parametrize(
    "documented", [*MADE, *ASKED, *SET], ids=lambda documented: documented.line[8:60]
)
def test_runs_as_it_is_written(
    documented: Documented, programs: Path, home: Path, work: Path
) -> None:
    env = environment(
        home,
        ACESTEP_HOME=str(home),
        ACESTEP_CHECKPOINTS_DIR=str(GOLDEN / "checkpoints"),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )

    def run(line: str) -> Ran:
        done = subprocess.run(
            line, shell=True, cwd=work, env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        return Ran(work, home, done.returncode, done.stdout, done.stderr)

    line = documented.line
    for earlier in documented.before:
        ran = run(earlier)
        assert ran.code == 0, ran.stderr
        if "JOB" in line:
            line = line.replace("JOB", ran.record["job_id"])
    ran = run(line)
    assert ran.code == documented.code, ran.stderr
    assert "Traceback" not in ran.stderr
    if "--no-wait" in line:
        waited = run(f"acestep jobs wait {ran.stdout.split()[0]}")
        assert waited.code == 0, waited.stderr
    documented.check(ran)
