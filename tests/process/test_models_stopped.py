"""Pulls that are stopped, run out of room, meet each other or ask first."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.repos import BUNDLED, contents, golden, is_part_of
from tests.hub.server import State, Trouble, serving
from tests.process.programs import SECONDS, acestep, environment, run

TURBO, VAE, _ = BUNDLED
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    """A hub of about 4 MB a second."""
    with serving(golden(*BUNDLED)) as (url, state):
        state.trouble = Trouble(seconds_a_piece=0.004)
        yield url, state


def _started(home: Path, url: str, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    """`models pull ARGUMENTS`, after the shell command `before` where there is one."""
    command = acestep("models", "pull", *arguments)
    if before:
        command = ["sh", "-c", f'{before}; exec "$@"', "sh", *command]
    return subprocess.Popen(
        command,
        cwd=home,
        env=environment(home, HF_ENDPOINT=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C switched off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_pull_says_so_and_is_gone_on_with(
    tmp_path: Path, server: tuple[str, State], number: signal.Signals, status: int
) -> None:
    url, state = server
    process = _started(tmp_path, url, VAE)
    while process.poll() is None and state.nbytes_sent() < 2_000_000:
        time.sleep(0.01)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == status, stderr
    assert not stdout and "Traceback" not in stderr and "cancelled" in stderr
    state.trouble = Trouble()
    (partial,) = tmp_path.rglob("*.incomplete")
    kept, sent = partial.stat().st_size, state.nbytes_sent()
    assert kept > 1_000_000
    listed = run(acestep("models"), tmp_path, env=environment(tmp_path))
    assert f"ACE-Step/Ace-Step1.5  unfinished  {kept / 1e6:.0f} MB" in listed.stdout
    done = run(acestep("models", "pull", VAE), tmp_path, env=environment(tmp_path, HF_ENDPOINT=url))
    assert done.returncode == 0, done.stderr
    source = contents(state.repos, VAE)
    assert state.nbytes_sent() - sent == len(source[WEIGHTS]) - kept + len(source["config.json"])
    assert is_part_of(Path(done.stdout.strip()), contents(state.repos, VAE))


def test_two_processes_at_once_fetch_everything_once(
    tmp_path: Path, server: tuple[str, State]
) -> None:
    url, state = server
    for place in ([], ["--checkpoints", str(tmp_path / "place")]):
        before = state.nbytes_sent()
        pulls = [_started(tmp_path, url, VAE, *place) for _ in range(2)]
        answers = [process.communicate(timeout=SECONDS) for process in pulls]
        assert [process.returncode for process in pulls] == [0, 0], answers
        assert answers[0][0] == answers[1][0]
        folder = Path(answers[0][0].strip())
        assert is_part_of(folder, contents(state.repos, VAE))
        size = (folder / WEIGHTS).stat().st_size + (folder / "config.json").stat().st_size
        assert state.nbytes_sent() - before == size


def test_a_full_disk_ends_with_6_and_keeps_what_is_here(
    tmp_path: Path, server: tuple[str, State]
) -> None:
    url, state = server
    state.trouble = Trouble()
    # No file may grow beyond 2 MB: the system refuses to write as on a full disk.
    process = _started(tmp_path, url, VAE, before="ulimit -f 4096")
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 6 and not stdout, stderr
    assert "cannot write" in stderr and "Traceback" not in stderr
    (partial,) = tmp_path.rglob("*.incomplete")
    assert partial.stat().st_size == 4096 * 512
    sent = state.nbytes_sent()
    process = _started(tmp_path, url, VAE)
    assert process.communicate(timeout=SECONDS) and process.returncode == 0
    assert state.nbytes_sent() - sent < 4_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("only root can make a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_told_and_room_is_looked_for_first(
    tmp_path: Path, server: tuple[str, State], small_disk: Path
) -> None:
    url, state = server
    process = _started(tmp_path, url, VAE, "--checkpoints", str(small_disk))
    while process.poll() is None and state.nbytes_sent() < 1_000_000:
        time.sleep(0.01)
    filler = small_disk / "filler"
    with filler.open("wb") as stream, pytest.raises(OSError):
        while True:
            stream.write(bytes(1 << 16))
            stream.flush()
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 6 and not stdout, stderr
    assert "the disk of" in stderr and "is full" in stderr and "Traceback" not in stderr
    assert not (small_disk / VAE).exists()
    sent = state.nbytes_sent()
    process = _started(tmp_path, url, VAE, "--checkpoints", str(small_disk))
    _, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 6 and "0 MB free and" in stderr and "--checkpoints" in stderr
    assert state.nbytes_sent() == sent
    filler.unlink()
    process = _started(tmp_path, url, VAE, "--checkpoints", str(small_disk))
    assert process.communicate(timeout=SECONDS) and process.returncode == 0
    assert is_part_of(small_disk / VAE, contents(state.repos, VAE))


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("\n", 2), ("no\n", 2)])
def test_on_a_terminal_the_size_is_asked_about(
    tmp_path: Path, server: tuple[str, State], typed: str, status: int
) -> None:
    url, state = server
    shown, returned = _on_terminal(tmp_path, url, VAE, typed=typed)
    assert returned == status, shown
    assert "6 MB to fetch into" in shown and "[y/N]" in shown
    assert bool(state.nbytes_sent()) == (status == 0)
    if status == 0:
        assert "/6 MB" in shown and "fetch done in" in shown
        again, returned = _on_terminal(tmp_path, url, VAE, typed="")
        assert returned == 0 and "[y/N]" not in again and "here already" in again


def test_yes_asks_nothing(tmp_path: Path, server: tuple[str, State]) -> None:
    url, state = server
    state.trouble = Trouble()
    shown, returned = _on_terminal(tmp_path, url, VAE, "--yes", typed="")
    assert returned == 0 and "[y/N]" not in shown


def _on_terminal(home: Path, url: str, *arguments: str, typed: str) -> tuple[str, int]:
    """What a pull shows on a terminal, and its exit status."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        acestep("models", "pull", *arguments),
        cwd=home,
        env=environment(home, HF_ENDPOINT=url),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return shown.decode(), process.returncode


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux reports the closed other end of a terminal
        return b""
