"""Sources of edits, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from acestep_cli.run import Outcome
from tests.unit.audio.sounds import music

Edit = Callable[..., Outcome]
Array = np.ndarray[Any, Any]


def quickly_encoded(vae: Any, audio: torch.Tensor, tiling: Any, **options: Any) -> torch.Tensor:
    """In place of the autoencoder, which takes seconds for a second: other latents will do."""
    frames = audio.shape[1] // 1920
    return audio[:, : frames * 1920].reshape(2, frames, 1920)[:, :, :32].permute(1, 0, 2).flatten(1)


def written(
    folder: Path, name: str, subtype: str | None = None, *, rate: int = 48_000, channels: int = 2
) -> Path:
    """A source of two seconds."""
    path = folder / name
    samples = music(2 * rate / 48_000)[:channels, : 2 * rate].astype(np.float64) * (1 + 1e-9)
    soundfile.write(path, samples.T, rate, subtype=subtype)
    return path


def integers(path: Path) -> Array:
    """[S, C], to the last bit of any depth but doubles."""
    kind = "int32" if soundfile.info(path).subtype.startswith("PCM") else "float64"
    samples: Array = soundfile.read(path, dtype=kind, always_2d=True)[0]
    return samples
