"""Fetch checkpoints from a hub: look up what is missing, see that it fits, bring it in.

Nothing is shown as installed before all of it is here and checked; what an interrupted pull has
fetched is kept, and the next one goes on from there.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from acestep_cli.errors import OutputError
from acestep_cli.events import Noted, Observer, StageProgress, stage
from acestep_cli.weights.catalog import Entry
from acestep_cli.weights.remote import Hub, Remote, RemoteFile
from acestep_cli.weights.store import Store, size_of
from acestep_cli.weights.store_folder import FolderStore
from acestep_cli.weights.store_hub import HubStore
from acestep_cli.weights.transfer import transfer

FETCH = "fetch"
MEGABYTE = 1e6
_SECONDS_BETWEEN_EVENTS = 0.1
# A file system needs some room of its own.
_SPARE_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to fetch to: a hub cache, or a folder of checkpoint folders. It need not exist."""

    path: Path
    is_hub: bool

    def store(self, remote: Remote) -> Store:
        """The place of one checkpoint in it."""
        return HubStore(self.path, remote) if self.is_hub else FolderStore(self.path, remote)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A checkpoint to bring in: the files that are not here, and how many bytes are yet to come."""

    remote: Remote
    store: Store
    missing: tuple[RemoteFile, ...]
    nbytes: int
    is_installed: bool

    @property
    def folder(self) -> Path:
        """Where it lies, or will."""
        return self.store.folder


def look_up(
    hub: Hub,
    entries: Iterable[Entry],
    destination: Destination,
    *,
    revision: str | None = None,
    thorough: bool = False,
) -> list[Parcel]:
    """What fetching `entries` means; with `thorough`, files that are here are compared with the
    hub's by content.

    NetworkError and CheckpointError as in `Hub.look_up`; OutputError when a file that is here
    cannot be read.
    """
    found = []
    for entry in entries:
        remote = hub.look_up(entry, revision)
        store = destination.store(remote)
        with _disk(store.folder):
            missing = _missing(store, remote.files, thorough=thorough)
            left = sum(file.size - _grown(store, file) for file in missing)
            installed = not missing and store.is_installed()
        found.append(Parcel(remote, store, missing, left, installed))
    return found


def check_room(parcels: Sequence[Parcel], destination: Destination) -> None:
    """OutputError when the disk has no room for `parcels`."""
    needed = sum(parcel.nbytes for parcel in parcels)
    folder = destination.path
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    with _disk(destination.path):
        free = shutil.disk_usage(folder).free
    if needed and free < needed + _SPARE_BYTES:
        raise OutputError(
            f"the disk of {destination.path} has {free / MEGABYTE:.0f} MB free and "
            f"{(needed + _SPARE_BYTES) / MEGABYTE:.0f} MB are needed",
            _ROOM,
            code="disk_full",
        )


def fetch(
    hub: Hub, parcels: Sequence[Parcel], observer: Observer, *, thorough: bool = False
) -> None:
    """Bring in all `parcels`, one after the other.

    `observer` is told of one stage, counted in megabytes. NetworkError when the hub fails or sends
    something else than it promised; OutputError when the disk cannot take it. Another process that
    fetches the same checkpoint is waited for.
    """
    total = sum(parcel.nbytes for parcel in parcels)
    with stage(observer, FETCH, total=round(total / MEGABYTE, 1), unit="MB"):
        meter = _Meter(observer, total)
        for parcel in parcels:
            with _disk(parcel.folder):
                _fetch_one(hub, parcel, observer, meter, thorough=thorough)


def _fetch_one(
    hub: Hub, parcel: Parcel, observer: Observer, meter: _Meter, *, thorough: bool
) -> None:
    remote, store = parcel.remote, parcel.store
    name = remote.entry.name

    def waiting() -> None:
        observer(Noted(f"another pull is fetching {name}: waiting for it"))

    with store.guard(waiting):
        # While this process waited, another may have fetched them.
        missing = _missing(store, parcel.missing, thorough=thorough)
        if missing:
            store.prepare()
            observer(Noted(f"{name} comes from {remote.entry.repo} at {remote.commit[:12]}"))
        for file in missing:
            with store.lock(file, waiting):
                if not store.has(file, thorough=thorough):
                    transfer(hub, remote, file, store.partial(file), meter.start(store, file))
                    store.keep(file)
        meter.close(parcel)
        store.install()


def _missing(
    store: Store, files: Iterable[RemoteFile], *, thorough: bool
) -> tuple[RemoteFile, ...]:
    return tuple(file for file in files if not store.has(file, thorough=thorough))


def _grown(store: Store, file: RemoteFile) -> int:
    """How much of `file` an earlier pull left; nothing is made for asking."""
    return min(size_of(store.partial(file)) or 0, file.size)


@dataclass(slots=True)
class _Meter:
    """Counts the bytes that arrived in this process, and tells of them at a readable pace."""

    observer: Observer
    total: int
    done: int = 0
    closed: int = 0
    _told: float = field(default=0.0)

    def start(self, store: Store, file: RemoteFile) -> Callable[[int], None]:
        """A counter for `file`, which gets the size that it has grown to."""
        grown, before = _grown(store, file), self.done

        def tell(size: int) -> None:
            self.done = before + max(0, size - grown)
            now = time.monotonic()
            if now - self._told >= _SECONDS_BETWEEN_EVENTS:
                self._told = now
                self._tell()

        return tell

    def close(self, parcel: Parcel) -> None:
        """All of `parcel` is here, whoever fetched it."""
        self.closed += parcel.nbytes
        self.done = self.closed
        self._tell()

    def _tell(self) -> None:
        done = min(self.done, self.total) / MEGABYTE
        self.observer(StageProgress(FETCH, done, round(self.total / MEGABYTE, 1)))


_ROOM = (
    "free some space, or fetch to another disk with --checkpoints FOLDER or HF_HOME; what was "
    "fetched is kept"
)


@contextmanager
def _disk(target: Path) -> Iterator[None]:
    """Turn what the system says about files into words."""
    try:
        yield
    except OutputError as error:
        raise OutputError(error.message, _ROOM, code=error.code) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise OutputError(f"the disk of {target} is full", _ROOM, code="disk_full") from error
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"cannot write {error.filename or target}: {reason}",
            "check its permissions, or fetch to another folder with --checkpoints FOLDER",
        ) from error
