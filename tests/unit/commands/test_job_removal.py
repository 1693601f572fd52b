"""What goes with a job that is removed, and being asked before."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acestep_cli.audio import Encoding, Tags, encode_audio
from acestep_cli.commands.asking import confirm
from acestep_cli.commands.job_removal import removal_of, remove
from acestep_cli.errors import OutputError, UsageError
from acestep_cli.jobs.history import read_job
from tests.unit.audio.sounds import music
from tests.unit.jobs.written import GONE, write_record


def song(path: Path, digest: str) -> Path:
    tags = Tags(caption="warm lofi", digest=digest)
    path.write_bytes(encode_audio(music(0.2), 48_000, Encoding("flac"), tags))
    return path


def test_a_file_that_was_named_goes_while_it_is_that_song(tmp_path: Path) -> None:
    named = song(tmp_path / "named.flac", "abcdefgh")
    other = song(tmp_path / "other.flac", "ijklmnop")
    untagged = song(tmp_path / "untagged.flac", "")
    listed = [str(path) for path in (named, other, untagged, tmp_path / "gone.flac")]
    path = write_record(tmp_path / "out", digest="abcdefgh", audio_paths=listed)
    removal = removal_of(read_job(path))
    assert removal.files == (named, path)
    assert [left for left, _ in removal.left] == [other, untagged]
    assert list(remove(removal)) == [named, path]
    assert not named.exists() and not path.exists() and other.exists()


def test_without_a_digest_nothing_elsewhere_is_the_jobs(tmp_path: Path) -> None:
    untagged = song(tmp_path / "untagged.flac", "")
    path = write_record(tmp_path / "out", digest=None, audio_paths=[str(untagged)])
    assert removal_of(read_job(path)).files == (path,)


def test_a_dead_job_may_go_and_a_running_one_not(tmp_path: Path) -> None:
    dead = write_record(tmp_path, 1, status="running", **GONE)
    assert removal_of(read_job(dead)).files == (dead,)
    alive = write_record(tmp_path, 2, status="running", created_at="2999-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="is running"):
        removal_of(read_job(alive))


def test_the_record_stays_where_a_song_cannot_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_record(tmp_path)
    mine = tmp_path / f"{path.stem}_1.mp3"
    mine.touch()
    removal = removal_of(read_job(write_record(tmp_path, audio_paths=[str(mine)])))

    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(OutputError, match=r"cannot remove .*_1\.mp3: Permission denied"):
        list(remove(removal))
    monkeypatch.undo()
    assert path.exists()


class Terminal(io.StringIO):
    """A person at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    def answer(line: str) -> str:
        shown = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(line))
        monkeypatch.setattr(sys, "stderr", shown)
        confirm("remove it?", "--yes")
        return shown.getvalue()

    return answer


@pytest.mark.parametrize("line", ["y\n", "Y\n", "yes\n", " Yes \n"])
def test_yes_is_yes(answered: Callable[[str], str], line: str) -> None:
    assert answered(line) == "remove it? [y/N] "


@pytest.mark.parametrize("line", ["", "\n", "n\n", "nonsense\n", "yn\n"])
def test_all_else_is_no(answered: Callable[[str], str], line: str) -> None:
    with pytest.raises(UsageError, match="nothing was done"):
        answered(line)


@pytest.mark.parametrize("stdin", [None, io.StringIO("y\n")])
def test_nobody_can_be_asked(stdin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(UsageError, match="no terminal") as found:
        confirm("remove it?", "--yes")
    assert "--yes" in found.value.hint
