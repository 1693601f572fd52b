"""What the two sides have in common: how they are asked to run, and what they offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchmarks.build import Folders

if TYPE_CHECKING:
    from torch import Tensor

    Stage = Callable[[], Tensor]

SIDES = ("ours", "theirs")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: device as torch calls it, dtype of all weights, CPU threads."""

    device: str = "cpu"
    dtype: str = "bfloat16"
    threads: int = 2


class Side(Protocol):
    """One implementation on one set of weights; weights are loaded when first asked for."""

    def load(self) -> object:
        """Every network that a song needs, ready to compute, kept alive by what is returned."""

    def stages(self) -> Mapping[str, Callable[[float], Stage]]:
        """The measured stages by name (`text`, `condition`, `dit`, `vae`).

        Each takes its size (lyric tokens, seconds of audio; `text` ignores it) and returns what is
        timed: a call without arguments that gives the same tensor on either side.
        """


def open_side(name: str, folders: Folders, options: Options, scratch: Path) -> Side:
    """The side `name`, one of SIDES; imports it and nothing of the other."""
    if name == "ours":
        from benchmarks.ours import Ours

        return Ours(folders, options, scratch)
    from benchmarks.peer import Theirs

    return Theirs(folders, options)
