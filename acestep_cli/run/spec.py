"""What a job is asked to do and what is known of it before torch is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.audio.formats import Encoding
from acestep_cli.config import Resolved
from acestep_cli.events import Event
from acestep_cli.hardware.policy import Policy
from acestep_cli.pipeline.edit import Edit, Extent
from acestep_cli.pipeline.plan import Wish, plan_of
from acestep_cli.pipeline.planning import Planning
from acestep_cli.request import SongRequest
from acestep_cli.run.edits import Sounds, Tracks, Written, extent_of
from acestep_cli.run.pinned import Pinned
from acestep_cli.run.targets import Targets
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.sets import CheckpointSet


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a command wants done: the resolved request and settings, its own words, where the audio
    goes (None: beside the record), whether to overwrite it, whether a warning is an error.

    output_file may have parts that the song fills in; to_stdout: it is a passing one, and the
    record tells of stdout; plot_file: where a picture of the sound goes (None: nowhere).
    wishes: what is given for each item (none: what the request gives); without_planner: the same
    for the case that there is no planner; plan_only: stop when all items are planned; pinned: what
    an earlier job fixes, if this is to be its song again.
    """

    resolved: Resolved
    command: tuple[str, ...]
    wishes: tuple[Wish, ...] = ()
    without_planner: Callable[[], tuple[Wish, ...]] | None = None
    output_file: Path | None = None
    to_stdout: bool = False
    plot_file: Path | None = None
    force: bool = False
    strict: bool = False
    plan_only: bool = False
    pinned: Pinned | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A settled job, which another process may take over.

    spec: as it was asked for, with the wishes that are used. `early` holds the events of preparing
    it, told once the record listens; `planner` is None where none is used: then `planning` has no
    tasks.

    weights: how many values each stage has, the planner's cache among them; written: how results
    are written; targets: where to, and what track each item extracts; sounds, edit: what is read
    and what is done with it; listens: the planner hears the source first; origins: where each value
    of the request came from.
    """

    spec: RunSpec
    request: SongRequest
    written: Written
    checkpoints: CheckpointSet
    policy: Policy
    weights: Mapping[str, int]
    wishes: tuple[Wish, ...]
    planning: Planning
    planner: Folder | None
    seeds: tuple[int, ...]
    digest: str
    fingerprints: Mapping[str, str]
    early: tuple[Event, ...]
    origins: Mapping[str, str]
    sounds: Sounds
    edit: Edit | None
    targets: Targets
    listens: bool

    @property
    def tracks(self) -> Tracks:
        """What each item extracts."""
        return self.targets.tracks

    @property
    def encoding(self) -> Encoding:
        """How the files are encoded."""
        return self.written.encoding

    @property
    def extent(self) -> Extent | None:
        """What lies where in the result of an edit of sound; None for all else."""
        if self.edit is None or self.sounds.source is None:
            return None
        return extent_of(self.edit, self.sounds.source)

    @property
    def model(self) -> str:
        """The name of the DiT checkpoint."""
        return self.checkpoints.dit.name

    @property
    def folder(self) -> Path:
        """The folder of records and, unless a file was named, of audio."""
        return Path(self.request.save_dir or self.spec.resolved.settings.output_dir)

    def first_items(self) -> list[dict[str, Any]]:
        """The record's items before anything is made."""
        return [
            {
                "index": index,
                "seed": seed,
                "track": self.tracks[index],
                "metas": self._known_metas(wish),
                "lm_metadata": None,
                "audio_codes": None,
                "path": None,
                "level": None,
            }
            for index, (seed, wish) in enumerate(zip(self.seeds, self.wishes, strict=True))
        ]

    def _known_metas(self, wish: Wish) -> dict[str, object]:
        """What is known of an item before it is planned."""
        metas = plan_of(wish).metas
        if self.planner is None:
            return metas
        return {name: value if getattr(wish, name) else None for name, value in metas.items()}

    def recorded_checkpoints(self) -> list[dict[str, Any]]:
        """The record's checkpoints."""
        return [
            {
                "name": folder.name,
                "kind": folder.kind,
                "path": str(folder.path),
                "fingerprint": self.fingerprints[folder.name],
                "revision": folder.revision,
            }
            for folder in used_folders(self.checkpoints, self.planner)
        ]


def used_folders(checkpoints: CheckpointSet, planner: Folder | None) -> tuple[Folder, ...]:
    """The folders that a job reads, in the order in which it needs them."""
    first = () if planner is None else (planner,)
    return (*first, checkpoints.text_encoder, checkpoints.dit, checkpoints.vae)
