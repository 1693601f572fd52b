"""The timbre token of a song: what a reference sounds like, or silence where there is none.

The silent token is a constant of the checkpoint: worked out once (most of the condition encoder's
work) and kept in a small file that later runs read. A reference is heard in two steps, because they
need different weights: `reference_latents` runs the autoencoder, `reference_timbre` the condition
encoder.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from acestep_cli.audio.level import SILENCE, peak
from acestep_cli.errors import InputError
from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.pipeline.decoder import CancelPoll, Progress, Tiling, encode_song, silent
from acestep_cli.pipeline.noise import derive_seed
from acestep_cli.pipeline.sampler import never
from acestep_cli.pipeline.tasks import SAMPLE_RATE
from acestep_cli.weights.constants import keep_constant, read_constant

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

CROPS = 3
CROP_SAMPLES = 10 * SAMPLE_RATE
CLIP_SECONDS = 30
SHORTEST_SECONDS = 0.1

# Where the crops begin within their thirds.
Offsets = tuple[int, int, int]


class Silence(Protocol):
    """What is needed of the networks for a token."""

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


class Ear(Protocol):
    """What hears a reference."""

    @property
    def tiling(self) -> Tiling:
        """How long the pieces are that the autoencoder takes."""

    def encoder(self) -> Vae | FastEncoder:
        """The autoencoder's encoder, loaded anew."""


def reference_timbre(
    latents: Tensor | None, networks: Silence, encoder: ConditionEncoder
) -> Tensor:
    """The timbre token [1, 1, E] of a song whose reference has `latents` [1, 750, 64], or None."""
    if latents is None:
        return silent_timbre(networks, encoder)
    heard = latents.to(networks.silence.device, networks.dtype)
    token: Tensor = encoder.timbre_encoder(heard)[:, None]
    return token


def silent_timbre(networks: Silence, encoder: ConditionEncoder) -> Tensor:
    """The timbre token [1, 1, E] of no reference, in the run's dtype on its device."""
    shape = (1, 1, encoder.timbre_encoder.block.hidden)
    kept = read_constant(networks.kept_timbre, shape, networks.dtype)
    if kept is not None:
        return kept.to(networks.silence.device)
    reference = networks.silence[:, : networks.timbre_frames].to(networks.dtype)
    token: Tensor = encoder.timbre_encoder(reference)[:, None]
    keep_constant(networks.kept_timbre, token)
    return token


def reference_latents(
    samples: Samples,
    seeds: Sequence[int],
    networks: Ear,
    *,
    noise: Tensor | None = None,
    offsets: Offsets | None = None,
    on_progress: Progress = silent,
    cancelled: CancelPoll = never,
) -> list[Tensor]:
    """The latents [1, 750, 64] of one reference for each song, float32 on the CPU.

    samples: [2, S] at 48 kHz; each of `seeds` draws its own three crops, unless `offsets` gives
    them. The autoencoder's mean or, with `noise` [750, 64], the sample that it stands for.
    `on_progress` hears the seconds encoded so far, `cancelled` is as in `encode_song`. InputError
    for a reference that is too short, silent or not finite.
    """
    check_reference(samples)
    wanted = [offsets or draw_offsets(samples.shape[1], seed) for seed in seeds]
    encoder, found = networks.encoder(), dict[Offsets, Tensor]()
    for chosen in dict.fromkeys(wanted):
        before = len(found) * CLIP_SECONDS
        latents = encode_song(
            encoder,
            torch.from_numpy(reference_clip(samples, chosen)),
            networks.tiling,
            noise=noise,
            on_progress=lambda done, before=before: on_progress(before + done),  # type: ignore[misc]
            cancelled=cancelled,
        )
        found[chosen] = latents[None]
    return [found[chosen] for chosen in wanted]


def draw_offsets(length: int, seed: int) -> Offsets:
    """Where the crops of a reference of `length` samples begin within their thirds, for the song
    with `seed`: whole numbers in the original's order (pipeline facts 4.4)."""
    return offsets_from(length, random.Random(derive_seed(seed, "reference")))


def offsets_from(length: int, source: random.Random) -> Offsets:
    """As `draw_offsets`, drawn from `source`."""
    total = repeated(length)
    third = total // CROPS
    spare, last = max(0, third - CROP_SAMPLES), max(0, total - 2 * third - CROP_SAMPLES)
    return source.randint(0, spare), source.randint(0, spare), source.randint(0, last)


def reference_clip(samples: Samples, offsets: Offsets) -> Samples:
    """The 30 s [2, 1440000] that are heard of `samples` [2, S] at 48 kHz.

    What is shorter is repeated as a whole; of each third 10 s are taken, `offsets` behind its
    start.
    """
    import numpy as np

    total = repeated(samples.shape[1])
    whole = np.tile(samples, (1, total // samples.shape[1]))
    third = total // CROPS
    starts = [number * third + offset for number, offset in enumerate(offsets)]
    return np.concatenate([whole[:, start : start + CROP_SAMPLES] for start in starts], axis=1)


def repeated(length: int) -> int:
    """The length of a reference of `length` samples once it is repeated to 30 s or more."""
    return length * max(1, math.ceil(CROPS * CROP_SAMPLES / length))


def check_reference(samples: Samples, shown: str = "the reference") -> None:
    """InputError for a reference that no timbre can be heard in; `shown` is what it is called."""
    seconds = samples.shape[1] / SAMPLE_RATE
    if seconds < SHORTEST_SECONDS:
        raise InputError(
            f"{shown} is {seconds:.2f} s long and must have {SHORTEST_SECONDS:g} s or more",
            "choose a longer recording",
            code="audio_too_short",
        )
    height = peak(samples)
    if not math.isfinite(height):
        raise InputError(
            f"{shown} holds samples that are not finite numbers",
            "export it again",
            code="not_finite",
        )
    if height < SILENCE:
        raise InputError(
            f"{shown} is silent: no sample reaches {SILENCE:g} of full scale",
            "choose another recording",
            code="silent_audio",
        )
