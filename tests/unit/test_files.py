"""Atomic writing: what a reader can see, what is left behind, what a person is told."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from acestep_cli import files
from acestep_cli.errors import ExitCode, OutputError
from acestep_cli.files import atomic_folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def no_links(source: object, target: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def full_disk(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("links", [True, False])
def test_exclusive_creation_is_whole_and_happens_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "a.json"
    assert files.create_exclusively(target, b"first")
    assert not files.create_exclusively(target, b"second")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["a.json"]


def test_a_lock_left_by_a_killed_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / ".a.json.lock").touch()
    with pytest.raises(OutputError, match=r"\.a\.json\.lock"):
        files.create_exclusively(tmp_path / "a.json", b"data")
    assert names(tmp_path) == [".a.json.lock"]


def test_replace_keeps_the_old_file_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.json"
    files.replace_bytes(target, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError) as caught:
        files.replace_bytes(target, b"new")
    assert caught.value.code == "disk_full"
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"]


def test_full_disk_is_not_mistaken_for_missing_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", full_disk)
    with pytest.raises(OutputError) as caught:
        files.create_exclusively(tmp_path / "a", b"data")
    assert caught.value.code == "disk_full"
    assert names(tmp_path) == []


def test_target_that_appears_meanwhile_is_never_touched(tmp_path: Path) -> None:
    target = tmp_path / "song.mp3"
    with (
        pytest.raises(OutputError) as caught,
        files.atomic_target(target, overwrite=False) as temporary,
    ):
        temporary.write_bytes(b"ours")
        target.write_bytes(b"theirs")
    assert caught.value.code == "exists"
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["song.mp3"]


def test_nothing_is_left_when_the_writer_fails(tmp_path: Path) -> None:
    target = tmp_path / "song.mp3"
    with pytest.raises(KeyError), files.atomic_target(target, overwrite=True) as temporary:
        temporary.write_bytes(b"half")
        raise KeyError
    assert names(tmp_path) == []


def test_overwriting_takes_the_place_of_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "song.mp3"
    target.write_bytes(b"old")
    with files.atomic_target(target, overwrite=True) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".song.mp3.")
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_a_folder_as_target_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").mkdir()
    for overwrite in (True, False):
        with (
            pytest.raises(OutputError, match=r"song\.mp3"),
            files.atomic_target(tmp_path / "song.mp3", overwrite=overwrite) as temporary,
        ):
            temporary.write_bytes(b"x")
    assert names(tmp_path) == ["song.mp3"]


def test_a_folder_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "set"
    for text in ("first", "second"):
        with atomic_folder(target) as made:
            assert made != target and made.is_dir()
            (made / text).write_text(text, "utf-8")
        assert [path.name for path in target.iterdir()] == [text]
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(KeyError), atomic_folder(target) as made:
        raise KeyError
    assert [path.name for path in target.parent.rglob("*")] == ["set", "second"]


def test_a_folder_of_the_temporary_name_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / ".set.ffff.part"
    taken.mkdir()
    (taken / "mine").write_text("mine", "utf-8")
    monkeypatch.setattr(files, "part_path", lambda target: taken)
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "set"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == [".set.ffff.part", "mine"]


def test_a_folder_that_cannot_be_moved_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "set"
    target.mkdir()
    (target / "mine").write_text("mine", "utf-8")
    rename = Path.rename

    def refuse(self: Path, to: Path) -> Path:
        if self.suffix == ".part":
            raise PermissionError(errno.EACCES, "held open")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError), atomic_folder(target):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "mine"]


def test_stale_parts_of_this_name_alone_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "a[1]*.mp3"
    mine = files.part_path(target)
    others = [tmp_path / ".b.mp3.abcd.part", tmp_path / ".a1.mp3.abcd.part", target]
    for path in (mine, *others):
        path.touch()
    files.remove_stale_parts(target)
    assert names(tmp_path) == sorted(path.name for path in others)


def test_a_folder_is_proved_without_leaving_anything(tmp_path: Path) -> None:
    files.prove_writable(tmp_path / "a" / "b", ["song.mp3"])
    assert names(tmp_path) == []
    (tmp_path / "a").mkdir()
    files.prove_writable(tmp_path / "a" / "b")
    assert names(tmp_path) == ["a"]


def test_writing_makes_the_folder(tmp_path: Path) -> None:
    files.replace_bytes(tmp_path / "a" / "b" / "c.json", b"data")
    assert files.create_exclusively(tmp_path / "d" / "e.json", b"data")
    assert (tmp_path / "a" / "b" / "c.json").read_bytes() == b"data"
    assert names(tmp_path) == ["a", "d"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for folder in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(OutputError) as caught:
            files.prove_writable(folder)
        assert caught.value.code == "cannot_write"
        assert "folder" in caught.value.message or "directory" in caught.value.message.lower()
        assert "--force" not in caught.value.hint


def test_a_folder_that_takes_nothing_is_named_and_no_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError) as caught:
        files.prove_writable(tmp_path, ["song.mp3"])
    assert caught.value.message == f"cannot write {tmp_path}: Operation not permitted"
    assert "-o or --output-dir" in caught.value.hint


def test_impossible_names_are_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        files.prove_writable(tmp_path / "new", ["song.mp3", "x" * 250])
    assert names(tmp_path) == []
    assert not files.is_folder(tmp_path / ("x" * 300))
    assert not files.is_file(tmp_path / ("x" * 300))
    assert files.is_folder(tmp_path)
    assert not files.is_file(tmp_path)


def test_too_little_space_is_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="MB free and this job needs") as caught:
        files.prove_writable(tmp_path, needed_bytes=1 << 62)
    assert caught.value.exit_code is ExitCode.OUTPUT


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="rights do not bind this user")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            files.prove_writable(tmp_path)
        with pytest.raises(OutputError, match="Permission denied"):
            files.create_exclusively(tmp_path / "a", b"data")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_folders_of_the_system_that_take_no_files() -> None:
    folder = Path("/proc/self")
    if not folder.is_dir():
        pytest.skip("there is no such folder here")
    with pytest.raises(OutputError):
        files.prove_writable(folder)
