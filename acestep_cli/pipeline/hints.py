"""Audio codes and latents: the codes of a plan as latents that the DiT follows, sound as codes.

Facts: pipeline 6, 8.7 and 9. One code stands for 5 latent frames, 0.2 s. Each code is decoded, and
each window of 5 frames encoded, on its own: a long song in parts is the same as in one piece, and
memory does not grow with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from acestep_cli.audio.level import SILENCE, peak
from acestep_cli.errors import InputError
from acestep_cli.models.codes import AudioDetokenizer, AudioTokenizer, Quantizer
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.models.vae_rows import Poll, nothing
from acestep_cli.pipeline.decoder import (
    CancelPoll,
    Progress,
    Tiling,
    encode_song,
    poll_of,
    silent,
)
from acestep_cli.pipeline.sampler import never
from acestep_cli.pipeline.tasks import fitted

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

# Codes that run at once (51 s): enough rows to fill the products, few enough to forget.
CODES_AT_ONCE = 256


class HintDecoder(nn.Module):
    """Codes to latents: the quantizer's table and the detokenizer, under the checkpoint's names."""

    def __init__(self, config: AceStepConfig) -> None:
        super().__init__()
        self.quantizer = Quantizer(config)
        self.detokenizer = AudioDetokenizer(config)

    def forward(self, codes: Tensor) -> Tensor:
        """codes: int64 [B, n], each from 0 to below `quantizer.size`; latents [B, 5n, 64]."""
        latents: Tensor = self.detokenizer(self.quantizer.from_indices(codes))
        return latents


class CodeNetworks(Protocol):
    """What turns sound into codes; every method loads its network anew."""

    @property
    def silence(self) -> Tensor:
        """The silence latent [1, n, 64]."""

    @property
    def tiling(self) -> Tiling:
        """How long the pieces are that the autoencoder takes."""

    def encoder(self) -> Vae | FastEncoder:
        """The autoencoder's encoder."""

    def audio_tokenizer(self) -> AudioTokenizer:
        """Latents to codes."""


@torch.no_grad()
def hints_of(
    codes: Sequence[int],
    decoder: HintDecoder,
    poll: Poll = nothing,
    on_progress: Progress = silent,
) -> Tensor:
    """The latents [1, 5n, 64], float32, that n audio codes (1 or more) stand for.

    `poll` is called before every piece of work and may raise; `on_progress` hears the number of
    codes decoded so far. InputError for a code outside the codebook, 0 to 63999.
    """
    size = decoder.quantizer.size
    wrong = [code for code in codes if not 0 <= code < size]
    if wrong:
        raise InputError(
            f"audio code {wrong[0]} is outside 0 to {size - 1}", "correct the codes of the plan"
        )
    device = decoder.detokenizer.proj_out.weight.device
    parts = []
    for start in range(0, len(codes), CODES_AT_ONCE):
        poll()
        part = tuple(codes[start : start + CODES_AT_ONCE])
        parts.append(decoder(torch.tensor([part], device=device)).float())
        on_progress(start + len(part))
    return torch.cat(parts, dim=1)


@torch.no_grad()
def codes_of(
    latents: Tensor, tokenizer: AudioTokenizer, silence: Tensor, poll: Poll = nothing
) -> tuple[int, ...]:
    """The ceil(T / 5) audio codes of latents [T, 64]; a last window that is not full ends in
    silence, from the start of the silence latent [1, n, 64].

    `poll` is as in `hints_of`.
    """
    weight = tokenizer.audio_acoustic_proj.weight
    window = tokenizer.window
    frames = len(latents) + -len(latents) % window
    whole = fitted(latents[None].to(silence), silence, frames)
    codes: list[int] = []
    for part in whole.split(CODES_AT_ONCE * window, dim=1):
        poll()
        codes += tokenizer(part.to(weight.device, weight.dtype)).indices[0].tolist()
    return tuple(codes)


def codes_of_audio(
    samples: Samples | Tensor,
    networks: CodeNetworks,
    on_progress: Progress = silent,
    cancelled: CancelPoll = never,
) -> tuple[int, ...]:
    """The audio codes, five a second, of `samples` float32 [2, S] at 48 kHz.

    From the autoencoder's mean, so that the same sound has the same codes; tile by tile, with one
    network in memory at a time. `on_progress` hears the seconds of sound encoded so far;
    `cancelled` is asked before every piece of work and its code raised as Cancelled. InputError for
    sound that is shorter than a frame (1920 samples), silent or not finite.
    """
    audio = torch.as_tensor(samples)
    _refuse_silence(audio)
    latents = encode_song(
        networks.encoder(), audio, networks.tiling, on_progress=on_progress, cancelled=cancelled
    )
    poll = poll_of(cancelled)
    poll()
    return codes_of(latents, networks.audio_tokenizer(), networks.silence, poll)


def _refuse_silence(audio: Tensor) -> None:
    height = peak(audio.numpy())
    if not math.isfinite(height):
        raise InputError(
            "the audio holds samples that are not finite numbers",
            "export it again",
            code="not_finite",
        )
    if audio.numel() and height < SILENCE:
        raise InputError(
            f"the audio is silent: no sample reaches {SILENCE:g} of full scale",
            "choose another recording",
            code="silent_audio",
        )
