"""Every published checkpoint: its folder, where it comes from, how large it is and what it can do.

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
# What people call the kinds.
NOUNS: dict[Kind, str] = {
    "dit": "model",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "planner": "planner",
}

_2B = 2_393_872_518
_XL = 4_987_310_726
_SILENCE_BYTES = 3_840_000
_TOKENIZER_BYTES = 11_500_000
_PLANNER_TOKENIZER_BYTES = 25_000_000


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
    """One checkpoint that can be fetched.

    `folder` is where it lies inside the repository, empty where the repository is the checkpoint;
    `revision` is the branch, tag or commit to take, None for the main one. `family` is None for
    what is no DiT, and for one whose config tells. `values` counts the weights, `cached` what one
    position of one sequence leaves in a planner's cache; `nbytes` is about what is fetched. These
    are 0 where nobody knows.
    """

    name: str
    repo: str
    kind: Kind
    family: Family | None = None
    is_xl: bool = False
    folder: str = ""
    revision: str | None = None
    values: int = 0
    nbytes: int = 0
    cached: int = 0
    note: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it can do; empty for what is no DiT."""
        return () if self.family is None else tasks_of(self.family)

    @property
    def sampling(self) -> Sampling | None:
        """The default sampling; None for what is no DiT."""
        return None if self.family is None else SAMPLING[self.family]


def _dit(name: str, family: Family, note: str, *, bundled: bool = False) -> Entry:
    return Entry(
        name,
        BUNDLE_REPO if bundled else f"ACE-Step/{name}",
        "dit",
        family,
        folder=name if bundled else "",
        values=_2B,
        nbytes=2 * _2B + _SILENCE_BYTES,
        note=note,
    )


def _xl(name: str, family: Family, note: str) -> Entry:
    """The large models are published in float32."""
    size = 4 * _XL + _SILENCE_BYTES
    repo = f"ACE-Step/{name}"
    return Entry(name, repo, "dit", family, is_xl=True, values=_XL, nbytes=size, note=note)


def _planner(name: str, values: int, cached: int, note: str, *, bundled: bool = False) -> Entry:
    return Entry(
        name,
        BUNDLE_REPO if bundled else f"ACE-Step/{name}",
        "planner",
        folder=name if bundled else "",
        values=values,
        nbytes=2 * values + _PLANNER_TOKENIZER_BYTES,
        cached=cached,
        note=note,
    )


CATALOG: tuple[Entry, ...] = (
    _dit(DEFAULT_DIT, "turbo", "8 steps; the default", bundled=True),
    Entry(
        VAE, BUNDLE_REPO, "vae", folder=VAE, values=168_695_426, nbytes=337_430_000,
        note="makes the sound; every model needs it",
    ),
    Entry(
        TEXT_ENCODER, BUNDLE_REPO, "text_encoder", folder=TEXT_ENCODER, values=595_776_512,
        nbytes=2 * 595_776_512 + _TOKENIZER_BYTES,
        note="reads captions and lyrics; every model needs it",
    ),
    _planner("acestep-5Hz-lm-1.7B", 1_854_243_840, 57_344, "the middle one", bundled=True),
    _planner("acestep-5Hz-lm-0.6B", 662_884_352, 57_344, "the quickest"),
    _planner("acestep-5Hz-lm-4B", 4_189_554_176, 73_728, "the largest"),
    _dit("acestep-v15-turbo-shift1", "turbo", "8 steps; variant shift1"),
    _dit("acestep-v15-turbo-shift3", "turbo", "8 steps; variant shift3"),
    _dit("acestep-v15-turbo-continuous", "turbo", "8 steps; variant continuous"),
    _dit("acestep-v15-sft", "sft", "50 steps with guidance"),
    _dit("acestep-v15-base", "base", "every task; 32 steps with guidance"),
    _xl("acestep-v15-xl-base", "base", "every task; twice the weights"),
    _xl("acestep-v15-xl-sft", "sft", "50 steps; twice the weights"),
    _xl("acestep-v15-xl-turbo", "turbo", "8 steps; twice the weights"),
    Entry(
        "scragvae", "scragnog/Ace-Step-1.5-ScragVAE", "vae", values=168_695_426,
        nbytes=337_430_000, note="an alternative by scragnog",
    ),
)  # fmt: skip
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


def whole_again(name: str) -> str:
    """What to do about the folder `name` that lacks files: only published ones can be fetched."""
    if name in BY_NAME:
        return f"fetch it again: {fetch_command(name)}"
    return "complete it, or name another checkpoint"


def fetch_command(name: str = DEFAULT_DIT) -> str:
    """The shell command that fetches the checkpoint `name` with what it needs; what is recommended
    for this machine, where `name` is the default model or nothing that is published."""
    known = name in BY_NAME and name != DEFAULT_DIT
    return f"acestep models pull {name if known else 'recommended'}"
