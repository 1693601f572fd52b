"""Compare the files of a checkpoint with what was recorded when they were fetched.

A plain folder has a note of sizes and hashes, a file in the hub cache is named by its hash. Where
nothing was recorded, what can be read of the weights is held to their own headers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acestep_cli.errors import CheckpointError
from acestep_cli.weights.catalog import Kind
from acestep_cli.weights.folder import read_config
from acestep_cli.weights.index import read_index
from acestep_cli.weights.needed import needed_names
from acestep_cli.weights.remote import is_digest
from acestep_cli.weights.store import has_digest, size_of
from acestep_cli.weights.store_folder import Note, read_note

State = Literal["ok", "damaged", "missing", "not_recorded"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One file of a checkpoint and how it was found; `detail` says what is wrong with it."""

    name: str
    path: Path
    state: State
    nbytes: int
    detail: str = ""


def verify(folder: Path, kind: Kind, tell: Callable[[int], None] | None = None) -> list[Checked]:
    """How each needed file of `folder` was found; `tell` takes the number of bytes of each piece
    that was read."""
    note = read_note(folder)
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    needed, lacks = needed_names(present, kind)
    names = dict.fromkeys((*needed, *lacks, *(note.files if note is not None else ())))
    checked = [_checked(folder, name, note, tell) for name in names]
    if all(found.state in ("ok", "not_recorded") for found in checked):
        checked += _structure(folder)
    return checked


def _checked(
    folder: Path, name: str, note: Note | None, tell: Callable[[int], None] | None
) -> Checked:
    path = folder / name
    size = size_of(path)
    if size is None:
        return Checked(name, path, "missing", 0, "it is missing")
    wanted_size, digest = (note.files if note is not None else {}).get(name, (None, ""))
    if not digest:
        digest = _blob_name(path)
    if not digest:
        return Checked(name, path, "not_recorded", size)
    if wanted_size is not None and size != wanted_size:
        reason = f"it has {size} bytes and should have {wanted_size}"
        return Checked(name, path, "damaged", size, reason)
    try:
        right = has_digest(path, digest, tell)
    except OSError as error:
        return Checked(name, path, "damaged", size, f"it cannot be read: {error.strerror}")
    if not right:
        return Checked(name, path, "damaged", size, "its content is not what was fetched")
    return Checked(name, path, "ok", size)


def _blob_name(path: Path) -> str:
    """The hash that names the blob which `path` links to; empty where it is no such link."""
    try:
        name = path.readlink().name
    except OSError:
        return ""
    return name if is_digest(name) else ""


def _structure(folder: Path) -> list[Checked]:
    """What is wrong with a folder that has no fault so far and yet cannot be used."""
    try:
        read_config(folder)
        read_index(folder)
    except CheckpointError as error:
        return [Checked(folder.name, folder, "damaged", 0, error.message)]
    return []
