"""Finished songs through the loudspeakers, by a program that the machine has.

Playing is a favour: what goes wrong is told in a sentence and fails nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PLAYER_VARIABLE = "ACESTEP_PLAYER"

# Tried in this order; the files follow these words.
_PLAYERS: tuple[tuple[str, ...], ...] = (
    ("pw-play",),
    ("paplay",),
    ("afplay",),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--no-video", "--really-quiet"),
    ("play", "-q"),
    ("aplay", "-q"),
    ("cvlc", "--play-and-exit", "--quiet"),
)
# What some of them can read; the others read every format that this program writes.
_SNDFILE = frozenset((".flac", ".mp3", ".ogg", ".opus", ".wav"))
_READS = {
    "pw-play": _SNDFILE,
    "paplay": _SNDFILE,
    "afplay": frozenset((".flac", ".m4a", ".mp3", ".wav")),
    "play": frozenset((".flac", ".mp3", ".ogg", ".wav")),
    "aplay": frozenset((".wav",)),
}
# Windows has no player of its own for a command line, but one that its shell can drive.
_WINDOWS_SCRIPT = (
    "Add-Type -AssemblyName presentationCore; $p = New-Object System.Windows.Media.MediaPlayer; "
    "$p.Open([uri]$env:ACESTEP_PLAYED); for ($i = 0; $i -lt 50 -and "
    "-not $p.NaturalDuration.HasTimeSpan; $i++) { Start-Sleep -Milliseconds 100 }; $p.Play(); "
    "Start-Sleep -Milliseconds (500 + $p.NaturalDuration.TimeSpan.TotalMilliseconds)"
)
_PLAYED_VARIABLE = "ACESTEP_PLAYED"
_PATIENCE_SECONDS = 2.0


def play(paths: Sequence[Path], environ: Mapping[str, str] | None = None) -> str:
    """Play the audio files at `paths` one after the other; returns when the last one ended.

    The program is the command line in `ACESTEP_PLAYER`, else the first installed one that can read
    the file; one that gives up at once makes room for the next. Empty when all were played, else
    one sentence on what was not and what helps. Ctrl-C stops the player and goes on as
    KeyboardInterrupt, or as what the handler of signals raises.
    """
    environ = os.environ if environ is None else environ
    for path in paths:
        failure = _remedy(path)
        for command in players_for(path, environ):
            begun = time.monotonic()
            failure = _play_one(command, path, environ)
            if not failure or time.monotonic() - begun > _PATIENCE_SECONDS:
                break
        if failure:
            return f"{path} was not played: {failure}"
    return ""


def players_for(path: Path, environ: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The commands that may play the file at `path`, without the file, the first choice first."""
    named = environ.get(PLAYER_VARIABLE, "").strip()
    if named:
        with suppress(ValueError):
            return [tuple(shlex.split(named, posix=os.name != "nt"))]
        return [(named,)]
    found: list[tuple[str, ...]] = []
    for name, *options in _PLAYERS:
        program = shutil.which(name, path=environ.get("PATH"))
        if program and _reads(name, path):
            found.append((program, *options))
    if sys.platform == "win32" and (shell := shutil.which("powershell")):
        found.append((shell, "-NoProfile", "-Command", _WINDOWS_SCRIPT))
    return found


def _remedy(path: Path) -> str:
    known = ", ".join(name for name, *_ in _PLAYERS if _reads(name, path))
    kind = path.suffix.lower() or "this file"
    return f"no player for {kind} was found; install one of {known}, or set {PLAYER_VARIABLE}"


def _reads(name: str, path: Path) -> bool:
    """Whether the program `name` can read files that end like `path`."""
    return name not in _READS or path.suffix.lower() in _READS[name]


def _play_one(command: Sequence[str], path: Path, environ: Mapping[str, str]) -> str:
    """Play one file; empty, or the reason why it was not played."""
    # A path that begins with a dash would be taken for an option.
    target = str(path.absolute())
    is_script = _WINDOWS_SCRIPT in command
    words = [*command] if is_script else [*command, target]
    try:
        player = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**environ, _PLAYED_VARIABLE: target},
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return f"{command[0]} cannot be started ({reason}); check {PLAYER_VARIABLE} or install one"
    try:
        _, told = player.communicate()
    except BaseException:
        _stop(player)
        raise
    if player.returncode == 0:
        return ""
    lines = told.decode(errors="replace").strip().splitlines()
    reason = f": {_on_one_line(lines[-1])}" if lines else ""
    name = Path(command[0]).name
    return f"{name} ended with {player.returncode}{reason}; set {PLAYER_VARIABLE} to use another"


def _stop(player: subprocess.Popen[bytes]) -> None:
    """End the player, with force where it does not listen."""
    player.terminate()
    try:
        player.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        player.kill()
        player.wait()
    if player.stderr is not None:
        player.stderr.close()


def _on_one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()
