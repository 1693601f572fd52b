"""What an earlier job fixes for one that is to give the same bytes: checkpoints, planner, hardware,
sounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.files import is_folder
from acestep_cli.weights.catalog import Kind
from acestep_cli.weights.folder import Folder, lacking, open_folder
from acestep_cli.weights.locate import find_set, named_folder
from acestep_cli.weights.places import Place
from acestep_cli.weights.sets import CheckpointSet

_PARTS: tuple[Kind, ...] = ("dit", "vae", "text_encoder")


@dataclass(frozen=True, slots=True)
class PinnedFolder:
    """A checkpoint of the earlier job: its name, the folder that it lay in (None: only the name
    counts), and what its content was."""

    name: str
    path: Path | None
    revision: str | None
    fingerprint: str


def recorded(record: Mapping[str, Any], kind: Kind) -> PinnedFolder | None:
    """The checkpoint of `kind` that a record tells of."""
    listed = record.get("checkpoints")
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, Mapping) or one.get("kind") != kind:
            continue
        name, path, revision = (one.get(part) for part in ("name", "path", "revision"))
        if isinstance(name, str) and isinstance(path, str) and isinstance(revision, str | None):
            return PinnedFolder(name, Path(path), revision, str(one.get("fingerprint")))
    return None


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the earlier job fixes.

    checkpoints: by what they are; without all three parts of a set there is none, and the set is
    chosen as for every song. plans: whether the planner is fixed too, to the one among the
    checkpoints or, without one there, to none. hardware: as its record has it, None for what this
    machine chooses. roots: further folders of checkpoints. typed: settings that were typed and so
    win. sources: SHA-256 of the sounds by their parameter.
    """

    job_id: str
    checkpoints: Mapping[Kind, PinnedFolder] = field(default_factory=dict)
    plans: bool = True
    hardware: Mapping[str, Any] | None = None
    roots: tuple[Path, ...] = ()
    typed: Collection[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def places(self, usual: tuple[Place, ...]) -> tuple[Place, ...]:
        """The `usual` places and, behind them, those of the earlier job; the demonstration last."""
        known = {place.path for place in usual}
        own = [
            Place(root, f"the checkpoints of {self.job_id}")
            for root in self.roots
            if root not in known
        ]
        real = [place for place in usual if not place.is_demo]
        return (*real, *own, *(place for place in usual if place.is_demo))

    def find(self, task: str, places: Sequence[Place]) -> CheckpointSet | None:
        """The checkpoints of the earlier job, None where none are fixed; errors as in
        `find_set`."""
        if not all(kind in self.checkpoints for kind in _PARTS):
            return None
        dit = self._open("dit", places)
        demo = [place for place in places if place.is_demo and place.path == dit.path.parent]
        # The demonstration is used as a whole or not at all.
        beside = demo or [place for place in places if not place.is_demo]
        vae, text_encoder = (self._open(kind, beside) for kind in ("vae", "text_encoder"))
        if task not in dit.tasks:
            return find_set(dit.name, task, places)  # which says what can do it
        return CheckpointSet(dit, vae, text_encoder, None, dit.path.parent, bool(demo))

    def planners(self, places: Sequence[Place]) -> tuple[Folder, ...]:
        """The planner of the earlier job; none where it had none."""
        return (self._open("planner", places),) if "planner" in self.checkpoints else ()

    def differences(
        self, fingerprints: Mapping[str, str], sources: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """(code, message) of what is not what the earlier job used."""
        for part in self.checkpoints.values():
            if fingerprints.get(part.name, part.fingerprint) != part.fingerprint:
                yield (
                    "checkpoint_changed",
                    f"the checkpoint {part.name} is not the one that {self.job_id} used",
                )
        for name, digest in self.sources.items():
            if sources.get(name, digest) != digest:
                yield "source_changed", f"{name} is not the sound that {self.job_id} used"

    def _open(self, kind: Kind, places: Sequence[Place]) -> Folder:
        part = self.checkpoints[kind]
        if part.path is not None and is_folder(part.path) and not lacking(part.path, kind):
            return open_folder(part.name, kind, part.path, part.revision)
        return named_folder(part.name, kind, places)[0]
