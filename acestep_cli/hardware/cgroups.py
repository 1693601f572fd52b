"""The control groups that limit this process, as containers use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal


def read_text(path: Path) -> str:
    """The text of a file of `/proc` or `/sys`, empty where there is none."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def limiting_groups(
    root: Path, controller: Literal["cpu", "memory"]
) -> Iterator[tuple[Literal[1, 2], Path]]:
    """The folders whose limits of `controller` hold for this process, each with the version of its
    interface, from its own group up to the top. `root` is where `/proc` and `/sys` are."""
    mount = root / "sys" / "fs" / "cgroup"
    for line in read_text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            yield from ((2, folder) for folder in _upwards(mount, path))
        elif controller in controllers.split(","):
            yield from ((1, folder) for folder in _upwards(mount / controller, path))


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """A container sees its own group at the top of `mount`, whatever path the host gave it, so
    every shorter path is tried too."""
    parts = Path(path.lstrip("/")).parts
    for depth in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:depth])
