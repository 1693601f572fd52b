"""How large the measured inputs are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FRAMES_A_SECOND = 25
LATENT_CHANNELS = 64
CAPTION_TOKENS = 256
LYRIC_TOKENS = (256, 1016)
CONDITION_TOKENS = LYRIC_TOKENS[0] + 1 + CAPTION_TOKENS
STEP_SECONDS = (10, 30, 120, 240)
DECODE_SECONDS = (10, 30)
SONG_SECONDS = 30
CUDA_SECONDS = 240
SONG_STEPS = 8
SEED = 7
CAPTION = "upbeat indie rock, bright guitars, energetic drums"


def frames_of(seconds: float) -> int:
    """Latent frames of a song."""
    return round(seconds * FRAMES_A_SECOND)


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's parsed `config.json`."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return config
