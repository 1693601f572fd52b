"""Where fetched files go: what a hub cache and a plain folder have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from acestep_cli.weights.remote import Remote, RemoteFile, new_hash

_READ_BYTES = 1 << 20
# Says that another process is at work; called at most once.
Waiting = Callable[[], None]


class Store(Protocol):
    """A place that takes in one checkpoint as the hub has it, file by file, and shows it when all
    of it is there: in `folder`."""

    remote: Remote
    folder: Path

    def guard(self, waiting: Waiting) -> AbstractContextManager[None]:
        """A block in which no other process of ours fetches this checkpoint into this place."""

    def lock(self, file: RemoteFile, waiting: Waiting) -> AbstractContextManager[None]:
        """A block in which no other program fetches this file."""

    def prepare(self) -> None:
        """Make the folders in which files grow."""

    def partial(self, file: RemoteFile) -> Path:
        """Where the file grows; it need not exist."""

    def has(self, file: RemoteFile, *, thorough: bool) -> bool:
        """Whether the whole file is here already: its size is looked at, its content only where
        nothing vouches for it or one is `thorough`."""

    def keep(self, file: RemoteFile) -> None:
        """Take in the partial file, which is complete and right."""

    def is_installed(self) -> bool:
        """Whether all of it is in its final place."""

    def install(self) -> None:
        """Show the checkpoint, all of whose files are here, as one that is complete, and as the
        one that its revision means; doing it again does no harm."""


def size_of(path: Path) -> int | None:
    """The size of a file, None where there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def has_digest(path: Path, digest: str, tell: Callable[[int], None] | None = None) -> bool:
    """Whether the content of `path` has this SHA-256 or git SHA-1; `tell` takes the number of bytes
    of each piece that was read."""
    with path.open("rb") as stream:
        found = new_hash(digest, stream.seek(0, os.SEEK_END))
        stream.seek(0)
        while piece := stream.read(_READ_BYTES):
            found.update(piece)
            if tell is not None:
                tell(len(piece))
    return found.hexdigest() == digest


def move_into_place(partial: Path, final: Path) -> None:
    """Flush `partial` to disk and rename it to `final`."""
    with partial.open("rb+") as stream:
        os.fsync(stream.fileno())
    os.replace(partial, final)


@contextmanager
def locked(path: Path, waiting: Waiting) -> Iterator[None]:
    """A block that one process at a time enters; the system opens the lock when a process dies."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = WeakFileLock(path, timeout=0.1)
        lock.__enter__()
    except Timeout:
        waiting()
        lock = WeakFileLock(path)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
