"""The timbre token of a song without a reference.

It comes from 30 s of silence, so it is a constant of the checkpoint: worked out once (most of the
condition encoder's work) and kept in a small file that later runs read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.pipeline.tasks import silence_frames
from acestep_cli.weights.constants import keep_constant, read_constant


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
    shape = (1, 1, encoder.timbre_encoder.block.hidden)
    kept = read_constant(networks.kept_timbre, shape, networks.dtype)
    if kept is not None:
        return kept.to(networks.silence.device)
    reference = silence_frames(networks.silence, networks.timbre_frames).to(networks.dtype)
    token: Tensor = encoder.timbre_encoder(reference)[:, None]
    keep_constant(networks.kept_timbre, token)
    return token
