"""Which checkpoints are here, whole or in part, in all places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acestep_cli.errors import CheckpointError
from acestep_cli.weights.catalog import NOUNS, Family, Kind
from acestep_cli.weights.demonstration import DEMO
from acestep_cli.weights.folder import is_checkpoint_like, lacking
from acestep_cli.weights.index import read_index
from acestep_cli.weights.locate import known_names, open_named
from acestep_cli.weights.places import Place, repo_folder
from acestep_cli.weights.store import size_of
from acestep_cli.weights.store_folder import NOTE_FILE, left_over, read_note


@dataclass(frozen=True, slots=True)
class Stock:
    """A checkpoint folder that is here.

    `lacks` names what it lacks to be complete; `fault` says why a complete one cannot be used.
    `is_used`: no earlier place holds a complete one of this name. `values` counts its weights, 0
    where that cannot be told.
    """

    name: str
    kind: Kind
    path: Path
    place: Place
    revision: str | None
    nbytes: int
    family: Family | None = None
    tasks: tuple[str, ...] = ()
    values: int = 0
    lacks: tuple[str, ...] = ()
    fault: str = ""
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What pulls that did not end have left in a place: of the checkpoint `name`, or of one in the
    repository of this name."""

    name: str
    place: Place
    nbytes: int


def inventory(places: Sequence[Place]) -> list[Stock]:
    """All checkpoint folders in `places`, the demonstration's left out: published ones in catalog
    order, then further ones; those of one name in the order in which they are looked for.

    Only headers and configs are read.
    """
    real = [place for place in places if not place.is_demo]
    found: list[Stock] = []
    for kind in NOUNS:
        for name in known_names(real, kind):
            complete = False
            for stock in _of(name, kind, real):
                used = not complete and not stock.lacks
                complete = complete or used
                found.append(replace(stock, is_used=used))
    return found


def demonstration(places: Sequence[Place]) -> Stock | None:
    """The built-in demonstration: its model, with the size of the whole set; None without one."""
    for place in places:
        for stock in _of(DEMO, "dit", [place]) if place.is_demo else ():
            nbytes = sum(folder_bytes(place.path / name) for name in place.names())
            return replace(stock, nbytes=nbytes, is_used=True)
    return None


def unfinished(places: Sequence[Place]) -> list[Unfinished]:
    """What can be gone on with, or is being fetched right now."""
    found = []
    for place in places:
        if place.is_hub:
            repos = {entry.repo: entry for entry in place.entries.values()}
            parts = {
                repo: [*(repo_folder(place.path, entry) / "blobs").glob("*.incomplete")]
                for repo, entry in repos.items()
            }
        else:
            parts = {name: _growing(place.path, name) for name in place.entries}
        sizes = {name: sum(size_of(file) or 0 for file in files) for name, files in parts.items()}
        found += [Unfinished(name, place, size) for name, size in sizes.items() if size]
    return found


def _growing(root: Path, name: str) -> list[Path]:
    folders = [folder for folder in left_over(root, name) if not folder.is_symlink()]
    return [file for folder in folders for file in folder.glob("*")]


def folder_bytes(path: Path) -> int:
    """The size of the files directly in `path`, links followed."""
    try:
        return sum(size_of(file) or 0 for file in path.iterdir() if file.name != NOTE_FILE)
    except OSError:
        return 0


def _of(name: str, kind: Kind, places: Sequence[Place]) -> list[Stock]:
    found = []
    for place in places:
        for path, revision in place.candidates(name):
            if revision is None and (note := read_note(path)) is not None:
                revision = note.revision
            stock = Stock(name, kind, path, place, revision, folder_bytes(path))
            lacks = tuple(lacking(path, kind))
            if lacks and not is_checkpoint_like(path):
                continue
            found.append(replace(stock, lacks=lacks) if lacks else _opened(stock))
    return found


def _opened(stock: Stock) -> Stock:
    try:
        folder = open_named(stock.place, stock.name, stock.kind, stock.path, stock.revision)
        values = read_index(stock.path).values()
    except CheckpointError as error:
        return replace(stock, fault=error.message)
    return replace(stock, family=folder.family, tasks=folder.tasks, values=values)
