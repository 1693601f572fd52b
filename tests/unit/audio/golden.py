"""How far `load_for_model` is from the golden audio files; tests/parity uses it too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from acestep_cli.audio import load_for_model

FOLDER = Path(__file__).parents[2] / "golden" / "audio"
TOLERANCE = 1e-6  # max |a - b| / max |b|


def largest_errors(folder: Path = FOLDER) -> dict[str, float]:
    """Relative error of each file of `folder`/processed.json; infinite where the shape is wrong."""
    facts = json.loads((folder / "processed.json").read_text())
    stored = load_file(folder / "processed.safetensors")
    return {name: _error(folder, name, fact, stored) for name, fact in facts.items()}


def _error(
    folder: Path, name: str, fact: dict[str, object], stored: dict[str, np.ndarray]
) -> float:
    loaded = load_for_model(folder / str(fact["file"]))
    if list(loaded.shape) != fact["processed_shape"]:
        return float("inf")
    middle = loaded.shape[1] // 2
    parts = {
        "head": loaded[:, :2048],
        "middle": loaded[:, middle : middle + 1024],
        "tail": loaded[:, -1024:],
        "every_499th": loaded[:, ::499],
    }
    return max(
        float(np.abs(part - stored[f"{name}.{key}"]).max() / np.abs(stored[f"{name}.{key}"]).max())
        for key, part in parts.items()
    )
