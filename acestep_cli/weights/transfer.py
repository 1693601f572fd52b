"""One file from a hub into a partial file on disk, which goes on where it stopped.

The hub's own client starts every interrupted file anew; here each piece is on disk as soon as it
has arrived, so that even a killed process loses next to nothing. The hash is taken on the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from acestep_cli.errors import NetworkError
from acestep_cli.weights.remote import (
    TRIES,
    Hub,
    Remote,
    RemoteFile,
    failures,
    is_passing,
    new_hash,
    pause,
    told,
)

# Takes the number of bytes of the running file that are here.
Tell = Callable[[int], None]

_READ_BYTES = 1 << 20
_PARTIAL_CONTENT, _RANGE_REFUSED = 206, 416


class _Part:
    """The part of a file that is on disk, and its hash so far."""

    def __init__(self, stream: BinaryIO, file: RemoteFile) -> None:
        self._stream = stream
        self._file = file
        self.size = 0
        self._hash = new_hash(file.digest, file.size)
        while piece := stream.read(_READ_BYTES):
            self._hash.update(piece)
            self.size += len(piece)
        if self.size > file.size:
            self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._stream.seek(0)
        self._stream.truncate()
        self.size = 0
        self._hash = new_hash(self._file.digest, self._file.size)

    def add(self, piece: bytes) -> None:
        """Put `piece` at the end, out of reach of whatever ends this process."""
        self._stream.write(piece)
        self._stream.flush()
        self._hash.update(piece)
        self.size += len(piece)

    def is_right(self) -> bool:
        """Whether this is the file that the hub promised."""
        return self.size == self._file.size and self._hash.hexdigest() == self._file.digest


def transfer(hub: Hub, remote: Remote, file: RemoteFile, partial: Path, tell: Tell) -> None:
    """Complete `partial` to the whole of `file`, from the bytes that it holds on.

    NetworkError when the hub fails for good, which leaves the partial file for the next time, or
    when what arrived is not what was promised, which throws it away. OSError when the disk cannot
    take it.
    """
    with partial.open("a+b") as stream:
        stream.seek(0)
        part = _Part(stream, file)
        tell(part.size)
        try:
            _complete(hub, remote, file, part, tell)
            if part.is_right():
                return
        except _Mismatch:
            pass
        part.restart()
    partial.unlink(missing_ok=True)
    raise NetworkError(
        f"{file.path} of {remote.entry.repo} arrived damaged (its size or hash is wrong) and was "
        "thrown away",
        "run the same command again; if it stays so, the hub or something on the way is broken",
        code="damaged_download",
    )


class _Mismatch(Exception):
    """The hub sends another file than it promised."""


def _complete(hub: Hub, remote: Remote, file: RemoteFile, part: _Part, tell: Tell) -> None:
    """Ask for what is missing until nothing is, or until it failed too often without progress."""
    failed = 0
    while part.size < file.size:
        before = part.size
        error: BaseException | None = None
        try:
            with hub.stream(remote, file, part.size) as response:
                _receive(response, file, part, tell)
        except failures() as caught:
            error = caught
            status = getattr(getattr(caught, "response", None), "status_code", None)
            if status == _RANGE_REFUSED:
                raise _Mismatch from caught
            if not is_passing(caught):
                raise told(caught, remote.entry, hub) from caught
        failed = failed + 1 if part.size <= before else 1
        if part.size < file.size:
            if failed >= TRIES:
                raise _given_up(error, remote, hub) from error
            time.sleep(pause(failed, error))


def _receive(response: Any, file: RemoteFile, part: _Part, tell: Tell) -> None:
    if part.size and not _goes_on(response, part.size):
        part.restart()
    for piece in response.iter_bytes():
        if part.size + len(piece) > file.size:
            raise _Mismatch
        part.add(piece)
        tell(part.size)


def _goes_on(response: Any, start: int) -> bool:
    """Whether the answer begins where it was asked to; else it is the whole file."""
    if response.status_code != _PARTIAL_CONTENT:
        return False
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise _Mismatch
    return True


def _given_up(error: BaseException | None, remote: Remote, hub: Hub) -> NetworkError:
    if error is not None:
        return told(error, remote.entry, hub)
    return NetworkError(
        f"{hub.endpoint} breaks off again and again",
        "run the same command again; what was fetched is kept",
        code="unreachable",
    )
