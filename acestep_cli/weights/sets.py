"""Checkpoint folders that are used together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acestep_cli.weights.catalog import SAMPLING, Sampling
from acestep_cli.weights.demonstration import DEMO_PLANNER_GUIDANCE, demo_sampling
from acestep_cli.weights.folder import Folder


@dataclass(frozen=True, slots=True)
class CheckpointSet:
    """The folders of one run. `root` is where the DiT was found; `planner` is None without one;
    `is_demo` says that all of it is the packaged demonstration."""

    dit: Folder
    vae: Folder
    text_encoder: Folder
    planner: Folder | None
    root: Path
    is_demo: bool = False

    def sampling(self, task: str) -> Sampling:
        """Steps, guidance and shift for a task where nobody says otherwise."""
        return demo_sampling(task) if self.is_demo else SAMPLING[self.dit.family or "base"]

    @property
    def planner_guidance(self) -> float | None:
        """Guidance of its planner where nobody says otherwise; None: that of the request."""
        return DEMO_PLANNER_GUIDANCE if self.is_demo else None

    @property
    def composes(self) -> bool:
        """Whether the planner composes audio codes for it where nobody says otherwise. The
        demonstration keeps its beat better without them."""
        return not self.is_demo

    def folders(self) -> tuple[Folder, ...]:
        """All folders of the set."""
        planner = () if self.planner is None else (self.planner,)
        return (self.dit, self.vae, self.text_encoder, *planner)


@dataclass(frozen=True, slots=True)
class EarSet:
    """The folders that turn sound into 5 Hz codes: the VAE, and the DiT's folder for its tokenizer.
    `root` and `is_demo` as in a CheckpointSet."""

    dit: Folder
    vae: Folder
    root: Path
    is_demo: bool = False

    def folders(self) -> tuple[Folder, ...]:
        """All folders of the set."""
        return (self.dit, self.vae)
