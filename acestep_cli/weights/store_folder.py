"""A checkpoint in a plain folder of checkpoint folders, with a note of what it should hold.

It grows under a hidden name beside its place and is renamed when it is complete.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.files import is_folder, replace_bytes
from acestep_cli.weights.needed import needed_names
from acestep_cli.weights.remote import Remote, RemoteFile, is_digest
from acestep_cli.weights.store import Waiting, has_digest, locked, move_into_place, size_of

NOTE_FILE = ".acestep.json"
_GROWING, _OLD, _LOCK = ".partial", ".old", ".lock"
_LARGEST_NOTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Note:
    """What was fetched into a folder: where from, and size and digest of each file by name."""

    repo: str
    revision: str
    files: Mapping[str, tuple[int, str]]


class FolderStore:
    """The place of `remote` in the folder `root`, which need not exist."""

    def __init__(self, root: Path, remote: Remote) -> None:
        name = remote.entry.name
        self.remote = remote
        self.folder = root / name
        self._root = root
        # Files of another commit may have the same names and sizes.
        self._growing = root / f".{name}.{remote.commit[:16]}{_GROWING}"
        self._old = root / f".{name}{_OLD}"

    def guard(self, waiting: Waiting) -> AbstractContextManager[None]:
        """As `Store.guard`."""
        return locked(folder_lock(self._root, self.remote.entry.name), waiting)

    def lock(self, file: RemoteFile, waiting: Waiting) -> AbstractContextManager[None]:
        """As `Store.lock`: nobody else writes here."""
        return nullcontext()

    def prepare(self) -> None:
        """As `Store.prepare`."""
        self._growing.mkdir(parents=True, exist_ok=True)

    def partial(self, file: RemoteFile) -> Path:
        """As `Store.partial`."""
        return self._growing / f"{file.name}.incomplete"

    def has(self, file: RemoteFile, *, thorough: bool) -> bool:
        """As `Store.has`; what lies in the final folder already is right if the note of an earlier
        pull says so or its content does."""
        if size_of(self._growing / file.name) == file.size:
            return True  # it was checked before it got this name
        final = self.folder / file.name
        if size_of(final) != file.size:
            return False
        note = read_note(self.folder)
        noted = note.files.get(file.name) if note is not None else None
        if noted is not None and not thorough:
            return noted == (file.size, file.digest)
        return has_digest(final, file.digest)

    def keep(self, file: RemoteFile) -> None:
        """As `Store.keep`."""
        move_into_place(self.partial(file), self._growing / file.name)

    def is_installed(self) -> bool:
        """As `Store.is_installed`."""
        note = read_note(self.folder)
        if note is None or note.revision != self.remote.commit:
            return False
        wanted = {file.name: (file.size, file.digest) for file in self.remote.files}
        return note.files == wanted and all(
            size_of(self.folder / file.name) == file.size for file in self.remote.files
        )

    def install(self) -> None:
        """As `Store.install`."""
        self._settle()
        if self._growing.exists() or not self.is_installed():
            self._complete(_note_bytes(self.remote))
            self._settle()
        for left in left_over(self._root, self.remote.entry.name):
            discard(left)

    def _complete(self, note: bytes) -> None:
        if not self._growing.exists() and is_folder(self.folder):
            replace_bytes(self.folder / NOTE_FILE, note)  # nothing was fetched: it lacks a note
            return
        names = {file.name for file in self.remote.files}
        for stray in [path for path in self._growing.iterdir() if path.name not in names]:
            stray.unlink()
        for file in self.remote.files:
            if size_of(self._growing / file.name) != file.size:
                _share(self.folder / file.name, self._growing / file.name)
        replace_bytes(self._growing / NOTE_FILE, note)
        if os.path.lexists(self.folder):
            os.replace(self.folder, self._old)
        os.replace(self._growing, self.folder)

    def _settle(self) -> None:
        """End an exchange of folders, be it of a process that was killed between two renames: what
        else somebody keeps in the folder of the checkpoint moves along."""
        if os.path.lexists(self._old) and not os.path.lexists(self.folder):
            os.replace(self._old, self.folder)
        if is_folder(self._old) and not self._old.is_symlink():
            for path in self._others(self._old):
                if not os.path.lexists(self.folder / path.name):
                    os.replace(path, self.folder / path.name)
        discard(self._old)

    def _others(self, folder: Path) -> list[Path]:
        """What in `folder` is neither read nor noted as fetched: not the checkpoint's own."""
        note, present = read_note(folder), {path.name: path for path in folder.iterdir()}
        needed, _ = needed_names(present, self.remote.entry.kind)
        own = {NOTE_FILE, *needed, *(note.files if note is not None else ())}
        return [path for name, path in present.items() if name not in own]


def folder_lock(root: Path, name: str) -> Path:
    """The lock of the checkpoint `name` in the folder `root`."""
    return root / f".{name}{_LOCK}"


def left_over(root: Path, name: str) -> list[Path]:
    """The hidden folders of pulls of `name` into `root` that did not end."""
    found = root.glob(f".{glob.escape(name)}.*{_GROWING}")
    ours = re.compile(rf"\.{re.escape(name)}\.[0-9A-Za-z][0-9A-Za-z_-]*{re.escape(_GROWING)}")
    growing = sorted(path for path in found if ours.fullmatch(path.name))
    old = root / f".{name}{_OLD}"
    return [*growing, *([old] if os.path.lexists(old) else [])]


def discard(path: Path) -> None:
    """Delete a folder of ours as far as that can be done; of a link the link alone."""
    with suppress(OSError):
        path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)


def read_note(folder: Path) -> Note | None:
    """The note of an earlier pull in `folder`; None where there is none or it makes no sense."""
    import json

    file = folder / NOTE_FILE
    try:
        if file.stat().st_size > _LARGEST_NOTE:
            return None
        content = json.loads(file.read_bytes())
        files = {
            str(name): (int(row["size"]), str(row["sha256" if "sha256" in row else "git_sha1"]))
            for name, row in content["files"].items()
        }
        if all(is_digest(digest) for _, digest in files.values()):
            return Note(str(content["repo"]), str(content["revision"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None


def _note_bytes(remote: Remote) -> bytes:
    import json

    files = {
        file.name: {
            "size": file.size,
            "sha256" if len(file.digest) == 64 else "git_sha1": file.digest,
        }
        for file in remote.files
    }
    content = {"repo": remote.entry.repo, "revision": remote.commit, "files": files}
    return json.dumps(content, indent=2).encode("ascii") + b"\n"


def _share(source: Path, target: Path) -> None:
    """The same file under another name; a copy where there are no hard links."""
    with suppress(FileNotFoundError):
        target.unlink()
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
