"""A set of random weights in the form of the built-in demonstration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from acestep_cli.demo.sizes import TINY
from acestep_cli.demo.tiny import build_set
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER


def build_demonstration(root: Path) -> Path:
    """Write it to `root`, with a planner that writes few codes; the same bytes each time."""
    assert TINY.planner is not None
    return build_set(
        root,
        replace(
            TINY,
            dits={DEMO: TINY.dits["acestep-v15-base"]},
            planner=replace(TINY.planner, layers=1, audio_codes=64),
            planner_name=DEMO_PLANNER,
        ),
    )
