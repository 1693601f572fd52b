"""The timbre token of a song without a reference.

It comes from 30 s of silence, so it is a constant of the checkpoint: worked out once (most of the
condition encoder's work) and kept in a small file that later runs read.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from acestep_cli.errors import OutputError
from acestep_cli.files import replace_bytes
from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.pipeline.tasks import silence_frames


class Silence(Protocol):
    """What is needed of the networks."""

    @property
    def silence(self) -> Tensor:
        """The silence latent [1, n, 64]."""

    @property
    def dtype(self) -> torch.dtype:
        """The run's dtype."""

    @property
    def timbre_frames(self) -> int:
        """Frames of a reference: 750, 30 s."""

    @property
    def kept_timbre(self) -> Path | None:
        """The file that keeps the token for this checkpoint, dtype and machine; None for none."""


def silent_timbre(networks: Silence, encoder: ConditionEncoder) -> Tensor:
    """The timbre token [1, 1, E] of no reference, in the run's dtype on its device."""
    device = networks.silence.device
    kept = _read(networks.kept_timbre, encoder.timbre_encoder.block.hidden, networks.dtype)
    if kept is not None:
        return kept.to(device)
    reference = silence_frames(networks.silence, networks.timbre_frames).to(networks.dtype)
    token: Tensor = encoder.timbre_encoder(reference)[:, None]
    _keep(networks.kept_timbre, token)
    return token


def _read(path: Path | None, width: int, dtype: torch.dtype) -> Tensor | None:
    """The kept token, or None where there is none that fits: it is then worked out again."""
    if path is None or not path.is_file():
        return None
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        token = load(path.read_bytes()).get("timbre")
    except (OSError, SafetensorError):
        return None
    fits = token is not None and token.shape == (1, 1, width) and token.dtype == dtype
    return token if fits and bool(torch.isfinite(token).all()) else None


def _keep(path: Path | None, token: Tensor) -> None:
    """Keep the token; a folder that cannot be written costs a later run a second, no more."""
    if path is None or not bool(torch.isfinite(token).all()):
        return
    from safetensors.torch import save

    with suppress(OutputError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, save({"timbre": token.cpu().contiguous()}))
