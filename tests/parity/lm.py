"""Family `lm`: the planner's prompts, grammar, network and token choices, against golden/lm."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.parity.base import Case

PARTS = ("lm_prompts", "lm_grammar", "lm_forward", "lm_traces")


def cases(folder: Path) -> list[Case]:
    """All cases of FOLDER/lm."""
    return [
        case
        for part in PARTS
        for case in importlib.import_module(f"tests.parity.{part}").cases(folder)
    ]
