"""Take a checkpoint away from a place, and nothing else. Links are never followed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from acestep_cli.errors import OutputError
from acestep_cli.weights.catalog import Entry
from acestep_cli.weights.folder import is_checkpoint_like
from acestep_cli.weights.places import Place, repo_folder
from acestep_cli.weights.store import locked
from acestep_cli.weights.store_folder import discard, folder_lock, left_over
from acestep_cli.weights.store_hub import hub_lock


def remove(place: Place, name: str) -> int:
    """Take the checkpoint `name` and what unfinished pulls left of it out of `place`; the number
    of bytes that this frees.

    OutputError when it cannot be done, or while the checkpoint is being fetched.
    """

    def busy() -> None:
        raise OutputError(
            f"{name} is being fetched into {place.path}", "wait for it or stop it", code="busy"
        )

    try:
        if place.is_hub:
            entry = place.entries[name]
            with locked(hub_lock(place.path, entry), busy):
                return _from_hub(place.path, entry)
        with locked(folder_lock(place.path, name), busy):
            return _from_folder(place, name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"cannot remove {error.filename or name}: {reason}", "check its permissions"
        ) from error


def removable(place: Place, name: str) -> list[Path]:
    """What there is of `name` in `place`: folders, and hidden ones of unfinished pulls. A folder
    with nothing of a checkpoint in it is somebody else's, whatever it is called."""
    found = [path for path, _ in place.candidates(name) if is_checkpoint_like(path)]
    if not place.is_hub:
        found += left_over(place.path, name)
    elif name in place.entries and not found:
        entry = place.entries[name]
        blobs = repo_folder(place.path, entry) / "blobs"
        # In a repository of several checkpoints nobody knows whose a part is.
        if not entry.folder and any(blobs.glob("*.incomplete")):
            found.append(blobs)
    return found


def _from_folder(place: Place, name: str) -> int:
    freed = 0
    for folder in removable(place, name):
        freed += sum(_own_bytes(folder))
        if folder.is_symlink():
            folder.unlink()
            continue
        # It disappears at once: nobody sees half of it.
        gone = place.path / f".{name}.{secrets.token_hex(4)}.partial"
        os.replace(folder, gone)
        shutil.rmtree(gone)
    return freed


def _from_hub(cache: Path, entry: Entry) -> int:
    repo = repo_folder(cache, entry)
    before = sum(_own_bytes(repo))
    dropped: set[str] = set()
    for snapshot in _folders(repo / "snapshots"):
        target = snapshot / entry.folder
        if not target.is_dir() or target.is_symlink():
            continue
        dropped |= _linked(target)
        with suppress(FileNotFoundError):
            (target / "config.json").unlink()  # from here on it is not complete
        shutil.rmtree(target)
        with suppress(OSError):
            snapshot.rmdir()
    # Only its own: other blobs may be those of a pull that has not ended.
    for blob in dropped - _linked(repo / "snapshots"):
        (repo / "blobs" / blob).unlink(missing_ok=True)
    if not _folders(repo / "snapshots") and not (entry.folder and _has_blobs(repo)):
        discard(repo)
    return before - sum(_own_bytes(repo))


def _linked(folder: Path) -> set[str]:
    """The blobs that are linked to anywhere in `folder`."""
    return {link.readlink().name for link in folder.rglob("*") if link.is_symlink()}


def _folders(path: Path) -> list[Path]:
    try:
        return [folder for folder in path.iterdir() if folder.is_dir() and not folder.is_symlink()]
    except OSError:
        return []


def _has_blobs(repo: Path) -> bool:
    blobs = repo / "blobs"
    return blobs.is_dir() and not blobs.is_symlink() and any(blobs.iterdir())


def _own_bytes(path: Path) -> Iterator[int]:
    """The sizes of the files in `path`; links count nothing."""
    if path.is_symlink() or not path.exists():
        return
    for file in path.rglob("*"):
        if file.is_file() and not file.is_symlink():
            yield file.stat().st_size
