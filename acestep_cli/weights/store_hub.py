"""A checkpoint in the Hugging Face cache, laid out as its own client does: blobs named by their
etag, snapshots of links to them, refs."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from acestep_cli.files import part_path, replace_bytes
from acestep_cli.weights.catalog import Entry
from acestep_cli.weights.places import repo_folder
from acestep_cli.weights.remote import Remote, RemoteFile
from acestep_cli.weights.store import Waiting, has_digest, locked, move_into_place, size_of

_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache directory of huggingface_hub.\n"


class HubStore:
    """The place of `remote` in the hub cache `root`, which need not exist."""

    def __init__(self, root: Path, remote: Remote) -> None:
        entry = remote.entry
        self.remote = remote
        self._root = root
        self._repo = repo_folder(root, entry)
        self._locks = root / ".locks" / self._repo.name
        self.folder = self._repo / "snapshots" / remote.commit / entry.folder

    def guard(self, waiting: Waiting) -> AbstractContextManager[None]:
        """As `Store.guard`."""
        return locked(hub_lock(self._root, self.remote.entry), waiting)

    def lock(self, file: RemoteFile, waiting: Waiting) -> AbstractContextManager[None]:
        """As `Store.lock`: the lock that the hub's own client takes."""
        return locked(self._locks / f"{file.etag}.lock", waiting)

    def prepare(self) -> None:
        """As `Store.prepare`."""
        (self._repo / "blobs").mkdir(parents=True, exist_ok=True)
        if not (self._root / "CACHEDIR.TAG").exists():
            replace_bytes(self._root / "CACHEDIR.TAG", _TAG)

    def partial(self, file: RemoteFile) -> Path:
        """As `Store.partial`."""
        return self._repo / "blobs" / f"{file.etag}.incomplete"

    def has(self, file: RemoteFile, *, thorough: bool) -> bool:
        """As `Store.has`."""
        blob = self._blob(file)
        if size_of(blob) != file.size:
            return False
        return not thorough or has_digest(blob, file.digest)

    def keep(self, file: RemoteFile) -> None:
        """As `Store.keep`."""
        move_into_place(self.partial(file), self._blob(file))

    def is_installed(self) -> bool:
        """As `Store.is_installed`."""
        files = self.remote.files
        return all(size_of(self.folder / file.name) == file.size for file in files)

    def install(self) -> None:
        """As `Store.install`; the config, without which a folder is not complete, is linked last,
        and the ref, which makes this revision the one that is used, after it."""
        remote = self.remote
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in remote.files:
            _link(self._blob(file), self.folder / file.name)
        if remote.revision != remote.commit:
            ref = self._repo / "refs" / remote.revision
            replace_bytes(ref, remote.commit.encode("ascii"))

    def _blob(self, file: RemoteFile) -> Path:
        return self._repo / "blobs" / file.etag


def hub_lock(root: Path, entry: Entry) -> Path:
    """The lock of a checkpoint as a whole in the hub cache `root`."""
    return root / ".locks" / repo_folder(root, entry).name / f"{entry.name}.set.lock"


def _link(blob: Path, link: Path) -> None:
    """Make `link` point to `blob`; where there are no links it is a hard link or a copy."""
    temporary = part_path(link)
    try:
        try:
            temporary.symlink_to(os.path.relpath(blob, link.parent))
        except OSError:
            _same_content(blob, temporary)
        os.replace(temporary, link)
    finally:
        temporary.unlink(missing_ok=True)


def _same_content(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        import shutil

        shutil.copyfile(source, target)
