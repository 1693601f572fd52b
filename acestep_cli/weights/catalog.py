"""Every published checkpoint: its folder, where it comes from and what it can do.

The order is the order of preference where nobody named a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["dit", "vae", "text_encoder", "planner"]
Family = Literal["turbo", "sft", "base"]

BUNDLE_REPO = "ACE-Step/Ace-Step1.5"
DEFAULT_DIT = "acestep-v15-turbo"
DIT_PREFIX = "acestep-v15-"
DEFAULT_PLANNER = "acestep-5Hz-lm-0.6B"
PLANNER_PREFIX = "acestep-5Hz-lm-"
VAE = "vae"
TEXT_ENCODER = "Qwen3-Embedding-0.6B"

COMMON_TASKS = ("text2music", "repaint", "cover", "cover-nofsq")
ALL_TASKS = (*COMMON_TASKS, "extract", "lego", "complete")


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a family uses when nobody says otherwise; guidance None: it takes none."""

    steps: int
    guidance: float | None
    shift: float


SAMPLING: dict[Family, Sampling] = {
    "turbo": Sampling(steps=8, guidance=None, shift=3.0),
    "sft": Sampling(steps=50, guidance=7.0, shift=3.0),
    "base": Sampling(steps=32, guidance=7.0, shift=3.0),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One published checkpoint folder.

    `in_bundle`: the repository holds several folders and this is the one of that name in it;
    else the repository is the folder. `family` is None for what is no DiT.
    """

    name: str
    repo: str
    kind: Kind
    family: Family | None = None
    is_xl: bool = False
    in_bundle: bool = False

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it can do; empty for what is no DiT."""
        return () if self.family is None else tasks_of(self.family)

    @property
    def sampling(self) -> Sampling | None:
        """The default sampling; None for what is no DiT."""
        return None if self.family is None else SAMPLING[self.family]


def _dit(name: str, family: Family, *, is_xl: bool = False, in_bundle: bool = False) -> Entry:
    repo = BUNDLE_REPO if in_bundle else f"ACE-Step/{name}"
    return Entry(name, repo, "dit", family, is_xl, in_bundle)


CATALOG: tuple[Entry, ...] = (
    _dit(DEFAULT_DIT, "turbo", in_bundle=True),
    Entry(VAE, BUNDLE_REPO, "vae", in_bundle=True),
    Entry(TEXT_ENCODER, BUNDLE_REPO, "text_encoder", in_bundle=True),
    Entry("acestep-5Hz-lm-1.7B", BUNDLE_REPO, "planner", in_bundle=True),
    Entry("acestep-5Hz-lm-0.6B", "ACE-Step/acestep-5Hz-lm-0.6B", "planner"),
    Entry("acestep-5Hz-lm-4B", "ACE-Step/acestep-5Hz-lm-4B", "planner"),
    _dit("acestep-v15-turbo-shift1", "turbo"),
    _dit("acestep-v15-turbo-shift3", "turbo"),
    _dit("acestep-v15-turbo-continuous", "turbo"),
    _dit("acestep-v15-sft", "sft"),
    _dit("acestep-v15-base", "base"),
    _dit("acestep-v15-xl-base", "base", is_xl=True),
    _dit("acestep-v15-xl-sft", "sft", is_xl=True),
    _dit("acestep-v15-xl-turbo", "turbo", is_xl=True),
    Entry("scragvae", "scragnog/Ace-Step-1.5-ScragVAE", "vae"),
)
BY_NAME: dict[str, Entry] = {entry.name: entry for entry in CATALOG}


def names(kind: Kind) -> tuple[str, ...]:
    """The published names of one kind, in catalog order."""
    return tuple(entry.name for entry in CATALOG if entry.kind == kind)


def tasks_of(family: Family) -> tuple[str, ...]:
    """The tasks that a family can do."""
    return ALL_TASKS if family == "base" else COMMON_TASKS


def family_of(name: str, config: Mapping[str, Any]) -> Family:
    """The family of a DiT folder: turbo exactly when its config says so, sft by its name or the
    config's `model_version`, base else."""
    if config.get("is_turbo") is True:
        return "turbo"
    version = str(config.get("model_version", ""))
    return "sft" if "sft" in name.split("-") or version.startswith("sft") else "base"


def fetch_command(name: str = DEFAULT_DIT) -> str:
    """The shell command that fetches the published checkpoint `name` into `./checkpoints`, where it
    is looked for; the bundle for one that lies in it or is not published."""
    entry = BY_NAME.get(name)
    if entry is None or entry.in_bundle:
        return f"hf download {BUNDLE_REPO} --local-dir checkpoints"
    return f"hf download {entry.repo} --local-dir checkpoints/{name}"
