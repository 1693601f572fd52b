"""One set of random weights in two layouts: the published one, and diffusers' own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from acestep_cli.demo.sizes import FULL_2B, TINY, Sizes
from acestep_cli.demo.tiny import build_set
from benchmarks.layout import write_pipeline

DIT = "acestep-v15-turbo"
TEXT_ENCODER = "Qwen3-Embedding-0.6B"
SIZES = ("full", "tiny")


@dataclass(frozen=True, slots=True)
class Folders:
    """What lies in a benchmark folder."""

    root: Path

    @property
    def checkpoints(self) -> Path:
        """The set in the published layout."""
        return self.root / "checkpoints"

    @property
    def pipeline(self) -> Path:
        """The same weights as diffusers reads them."""
        return self.root / "diffusers"

    @property
    def home(self) -> Path:
        """Settings and caches of the program, kept from run to run as a user's would be."""
        return self.root / "home"

    @property
    def dit(self) -> Path:
        """The DiT's folder."""
        return self.checkpoints / DIT

    @property
    def text_encoder(self) -> Path:
        """The text encoder's folder."""
        return self.checkpoints / TEXT_ENCODER

    @property
    def vae(self) -> Path:
        """The autoencoder's folder."""
        return self.checkpoints / "vae"

    @property
    def is_built(self) -> bool:
        """Whether both layouts are there; `model_index.json` is written last."""
        return (self.pipeline / "model_index.json").is_file()


def build(root: Path, size: str = "full", seed: int = 0) -> Folders:
    """Write both layouts below `root`, which may exist but must hold no set yet.

    `size` is one of SIZES: `full` takes about 11 GB, since the DiT is there twice; `tiny` a few MB.
    OutputError when something is in the way or cannot be written.
    """
    folders = Folders(root.absolute())
    build_set(folders.checkpoints, _sizes(size), seed)
    write_pipeline(folders.checkpoints, DIT, TEXT_ENCODER, folders.pipeline)
    return folders


def _sizes(size: str) -> Sizes:
    """The turbo DiT, text encoder and VAE; nothing measured here needs a planner."""
    sizes = FULL_2B if size == "full" else TINY
    return replace(sizes, dits={DIT: sizes.dits[DIT]}, planner=None)
