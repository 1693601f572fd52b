"""What a job is asked to do and what is known of it before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.audio.formats import Encoding
from acestep_cli.config import Resolved
from acestep_cli.events import Event
from acestep_cli.hardware.policy import Policy
from acestep_cli.pipeline.plan import Plan
from acestep_cli.request import SongRequest
from acestep_cli.weights.locate import CheckpointSet


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a command wants done: the resolved request and settings, its own words, where the audio
    goes (None: beside the record), whether to overwrite it, whether a warning is an error."""

    resolved: Resolved
    command: tuple[str, ...]
    output_file: Path | None = None
    force: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A settled job. `early` holds the events of preparing it, told once the record listens."""

    spec: RunSpec
    request: SongRequest
    encoding: Encoding
    checkpoints: CheckpointSet
    policy: Policy
    plans: tuple[Plan, ...]
    seeds: tuple[int, ...]
    digest: str
    fingerprints: Mapping[str, str]
    early: tuple[Event, ...]

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
                "metas": plan.metas,
                "lm_metadata": None,
                "audio_codes": None,
                "path": None,
                "level": None,
            }
            for index, (seed, plan) in enumerate(zip(self.seeds, self.plans, strict=True))
        ]

    def recorded_checkpoints(self) -> list[dict[str, Any]]:
        """The record's checkpoints."""
        return [
            {
                "name": folder.name,
                "path": str(folder.path),
                "fingerprint": self.fingerprints[folder.name],
                "revision": folder.revision,
            }
            for folder in used_folders(self.checkpoints)
        ]


def used_folders(checkpoints: CheckpointSet) -> tuple[Any, ...]:
    """The folders that rendering reads, in the order in which it needs them."""
    return (checkpoints.text_encoder, checkpoints.dit, checkpoints.vae)
