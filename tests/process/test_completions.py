"""TAB in real shells on a real terminal, and the scripts that stand behind it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from acestep_cli.commands.completion_scripts import SCRIPTS
from acestep_cli.jobs import JobRecord
from tests.process.programs import ROOT, acestep, environment, run

FILES = {
    "bash": ROOT / "completions" / "bash" / "acestep",
    "zsh": ROOT / "completions" / "zsh" / "_acestep",
    "fish": ROOT / "completions" / "fish" / "acestep.fish",
}
JOB = "20260102-030405-abcd"
PROMPT = "ready-for-input"
SECONDS = 20

# With a completion script it is acestep; called by hand it notes its arguments, one line a call.
PROGRAM = """\
#!/bin/sh
if [ -n "$_ACESTEP_COMPLETE" ]; then exec {python} -m acestep_cli "$@"; fi
for word in "$@"; do printf '<%s>' "$word"; done >> {log}
echo >> {log}
"""


@dataclass(frozen=True)
class Shell:
    """How a shell is started without anybody's settings, and made to know the script."""

    command: tuple[str, ...]
    setup: str = ""


SHELLS = {
    "bash": Shell(("bash", "--norc", "--noprofile", "-i"), "source {bash}"),
    "zsh": Shell(("zsh", "-f", "-i"), "fpath=({zsh_folder} $fpath); autoload -Uz compinit; "
                 "compinit -u -D"),
    "fish": Shell(("fish", "--no-config", "--init-command",
                   f"function fish_prompt; echo -n {PROMPT}; end; function fish_greeting; end; "
                   "set -g fish_autosuggestion_enabled 0; source {fish}")),
}  # fmt: skip
# What is typed, with TAB, and what the program is then called with.
TYPED = {
    "a command": ("acestep gener\tx", "<generate><x>"),
    "an option": ("acestep generate --dura\t5", "<generate><--duration><5>"),
    "a choice": ("acestep generate --audio-format fl\t", "<generate><--audio-format><flac>"),
    "a choice after =": ("acestep generate --audio-format=fl\t", "<generate><--audio-format=flac>"),
    "a model": (
        "acestep generate --model acestep-v15-xl-t\t",
        "<generate><--model><acestep-v15-xl-turbo>",
    ),
    "a planner": (
        "acestep generate --lm acestep-5Hz-lm-4\t",
        "<generate><--lm><acestep-5Hz-lm-4B>",
    ),
    "a key": ("acestep generate --key F#\tm", "<generate><--key><F#m>"),
    "a job": ("acestep status 2026\t", f"<status><{JOB}>"),
    "a song": ("acestep cover 2026\ty", f"<cover><{JOB}><y>"),
    "a file": ("acestep cover my\ty", "<cover><my song.wav><y>"),
    "a text": ("acestep generate --lyrics @wo\t", "<generate><--lyrics><@words.txt>"),
    "a text below": ("acestep generate -l @texts/ho\t", "<generate><-l><@texts/how sad.txt>"),
    "a folder of texts": ("acestep generate -l @tex\two\t", "<generate><-l><@texts/words.txt>"),
    "a region": (
        "acestep repaint x --region 0:30-0:45 --stre\t1",
        "<repaint><x><--region><0:30-0:45><--strength><1>",
    ),
    "a shell": ("acestep completions f\t", "<completions><fish>"),
}


def find_shell(name: str) -> None:
    """Skip where there is no such shell; in CI all are there."""
    if shutil.which(name) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one job that made a song, an audio file, and `acestep` in `bin`."""
    output = tmp_path / "acestep_output"
    song = output / f"{JOB}_1.mp3"
    record = JobRecord.create(
        output, ["acestep"], new_id=lambda: JOB,
        items=[{"index": 0, "metas": {"caption": "slow, sad\npiano"}, "path": str(song)}],
    )  # fmt: skip
    song.write_bytes(b"")
    record.succeed()
    values = json.loads(record.path.read_text())
    record.path.write_text(json.dumps({**values, "audio_paths": [str(song)]}))
    (tmp_path / "my song.wav").write_bytes(b"")
    (tmp_path / "texts").mkdir()
    for name in ("words.txt", "texts/words.txt", "texts/how sad.txt"):
        (tmp_path / name).write_text("la")
    program = tmp_path / "bin" / "acestep"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, log=tmp_path / "log"))
    program.chmod(0o755)
    return tmp_path


class Terminal:
    """A shell on a pseudo-terminal, typed to as a person would."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        places = {**FILES, "zsh_folder": FILES["zsh"].parent}
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self._log = folder / "log"
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [part.format(**places) if "{fish}" in part else part for part in shell.command],
            cwd=folder,
            env=environment(folder, PATH=path, PS1=PROMPT, TERM="dumb", SHELL=shell.command[0]),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Without a terminal of its own fish does not start.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = ""
        self._setup = shell.setup.format(**places)

    def begin(self) -> None:
        """Wait until the shell is ready, and make it know the script."""
        self._wait(lambda: PROMPT in self.shown)
        if self._setup:
            self._enter(self._setup)

    def called_with(self, keys: str) -> str:
        """Type `keys` and Enter; the arguments that the program then gets."""
        before = len(self._calls())
        self._enter(keys)
        assert len(self._calls()) == before + 1, self.shown
        return self._calls()[-1]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _calls(self) -> list[str]:
        text = self._log.read_text() if self._log.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def _enter(self, keys: str) -> None:
        """Type a line and wait for the prompt below it."""
        seen = len(self.shown)
        os.write(self._ours, keys.encode() + b"\n")
        self._wait(lambda: PROMPT in self.shown[seen:].partition("\n")[2].rpartition("\n")[2])

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, f"the terminal shows:\n{self.shown}"
            if select.select([self._ours], [], [], 0.02)[0]:
                self.shown += os.read(self._ours, 65536).decode(errors="replace")


@pytest.fixture(params=SHELLS)
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    find_shell(request.param)
    made = Terminal(SHELLS[request.param], folder)
    try:
        made.begin()
        yield made
    finally:
        made.close()


def test_shells_complete_what_is_typed(terminal: Terminal) -> None:
    called = {what: terminal.called_with(keys) for what, (keys, _) in TYPED.items()}
    assert called == {what: expected for what, (_, expected) in TYPED.items()}


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_what_the_program_prints(shell: str, tmp_path: Path) -> None:
    done = run(acestep("completions", shell), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert FILES[shell].read_text() == done.stdout == SCRIPTS[shell]


@pytest.mark.parametrize("shell", FILES)
def test_without_a_name_the_shell_of_the_user_is_meant(shell: str, tmp_path: Path) -> None:
    own = environment(tmp_path, SHELL=f"/usr/local/bin/{shell}")
    done = run(acestep("completions", "--json"), tmp_path, env=own)
    assert json.loads(done.stdout)["data"] == {"shell": shell, "script": SCRIPTS[shell]}


@pytest.mark.parametrize(
    ("arguments", "shell", "sentence"),
    [
        ([], "/bin/tcsh", "says 'tcsh'"),
        ([], "", "does not say"),
        (["ksh"], "/bin/bash", "no completion for 'ksh'"),
    ],
)
def test_other_shells_are_refused(
    arguments: list[str], shell: str, sentence: str, tmp_path: Path
) -> None:
    own = environment(tmp_path, SHELL=shell)
    done = run(acestep("completions", *arguments), tmp_path, env=own)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_broken_settings_offer_nothing_and_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "acestep.toml").write_text("this is no TOML")
    asked = {"_ACESTEP_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    for option in ("--model", "--lm", "--src-audio"):
        env = environment(tmp_path, COMP_WORDS=f"acestep generate {option} ", **asked)
        done = run(acestep(), tmp_path, env=env)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
