"""The demonstration, a tiny checkpoint set that is part of the package: its names, what it samples
with, how it is spoken of. It makes the music of a toy band.

Its folders lie in `acestep_cli/demo/checkpoint`, named as those of every set. It is used as a whole
or not at all: by name, or where no model was named and none is installed.
"""

from __future__ import annotations

from pathlib import Path

from acestep_cli.weights.catalog import TEXT_ENCODER, VAE, Sampling, fetch_command
from acestep_cli.weights.folder import lacking

DEMO = "demo"
DEMO_PLANNER = "acestep-5Hz-lm-demo"
# What it samples with where nobody says otherwise.
DEMO_SAMPLING = Sampling(steps=32, guidance=2.0, shift=1.0)
# What is in a mix is there already: one step tells the mean of all that it may be, which is nearer
# to it than any single one, and words that are exaggerated only bend it.
_EXTRACTING = Sampling(steps=1, guidance=1.0, shift=1.0)
# What its planner composes with: codes that exaggerate their words hurry.
DEMO_PLANNER_GUIDANCE = 1.0

DEMO_WORDS = "the built-in demonstration, a toy band"
REAL_ONE = f"for the real model: {fetch_command()}"


def demo_sampling(task: str) -> Sampling:
    """What it samples with for a task where nobody says otherwise."""
    return _EXTRACTING if task == "extract" else DEMO_SAMPLING


def remark(*, named: bool) -> str:
    """What is said where the demonstration serves; whoever `named` it knows why."""
    return f"this is {DEMO_WORDS}" if named else f"this is {DEMO_WORDS}; {REAL_ONE}"


def is_whole(root: Path) -> bool:
    """Whether `root` holds what songs are made with; the planner may be missing."""
    return not (
        lacking(root / DEMO, "dit")
        or lacking(root / TEXT_ENCODER, "text_encoder")
        or lacking(root / VAE, "vae")
    )
