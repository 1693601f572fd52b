"""Latents to sound and sound to latents, tile by tile: memory does not grow with the song.

A tile takes in whatever its edges depend on, so tiles leave no trace but rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, InputError, UnusableResult
from acestep_cli.models.vae import Posterior, Vae
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.models.vae_rows import Poll, Span
from acestep_cli.pipeline.sampler import never

Progress = Callable[[float], None]
CancelPoll = Callable[[], ExitCode | None]


@dataclass(frozen=True, slots=True)
class Tiling:
    """How long a song's pieces are, in latent frames (25 a second).

    `frames` is what a tile yields, 1 or more. `overlap` is what the plain network gets beside it,
    raised to what an edge depends on (9 frames to decode, 7 to encode); the fast network cuts
    exactly and needs none.
    """

    frames: int
    overlap: int = 0


def silent(done: float) -> None:
    """The progress that nobody watches."""


@torch.no_grad()
def decode_song(
    vae: Vae | FastDecoder,
    latents: Tensor,
    tiling: Tiling,
    *,
    rescale: float = 1.0,
    shift: float = 0.0,
    on_progress: Progress = silent,
    cancelled: CancelPoll = never,
) -> Tensor:
    """Audio [2, 1920 T] of `latents * rescale + shift`, float32 on the CPU, unclipped.

    `latents` [T, 64], T at least 1, any float dtype, on any device. `on_progress` hears the seconds
    of audio done so far, after each tile; `cancelled` is asked before every piece of work. Raises
    UnusableResult for latents that are not finite or all zero, Cancelled when told to stop.
    """
    _refuse_unusable(latents)
    if (rescale, shift) != (1.0, 0.0):
        latents = latents * rescale + shift
    hop, length = vae.config.hop, latents.shape[0]
    out = torch.empty(vae.config.audio_channels, hop * length)
    poll = poll_of(cancelled)
    for part in Span(0, length).tiles(tiling.frames):
        poll()
        where = slice(part.start * hop, part.stop * hop)
        if isinstance(vae, FastDecoder):
            out[:, where] = vae.decode(latents, part.start, part.stop, poll)
        else:
            out[:, where] = _decode_part(vae, latents, part, tiling.overlap)
        on_progress(where.stop / vae.config.sampling_rate)
    return out


@torch.no_grad()
def encode_song(
    vae: Vae | FastEncoder,
    audio: Tensor,
    tiling: Tiling,
    *,
    noise: Tensor | None = None,
    on_progress: Progress = silent,
    cancelled: CancelPoll = never,
) -> Tensor:
    """Latents [S // 1920, 64] of `audio` [2, S] at 48 kHz, float32 on the CPU.

    The posterior's mean or, where standard normal `noise` [S // 1920, 64] is given, the sample it
    stands for. `on_progress` and `cancelled` are as in `decode_song`. Raises InputError for
    audio shorter than a frame.
    """
    hop = vae.config.hop
    length = audio.shape[1] // hop
    if length < 1:
        rate = vae.config.sampling_rate
        raise InputError(
            f"the audio has {audio.shape[1]} samples at {rate} Hz and must have {hop} or more",
            "use a longer recording",
        )
    out = torch.empty(length, vae.config.decoder_input_channels)
    poll = poll_of(cancelled)
    for part in Span(0, length).tiles(tiling.frames):
        poll()
        if isinstance(vae, FastEncoder):
            found = vae.encode(audio, part.start, part.stop, poll)
        else:
            found = _encode_part(vae, audio, part, tiling.overlap)
        where = part.within(0)
        out[where] = found.mean if noise is None else found.sample(noise[where].cpu())
        on_progress(part.stop * hop / vae.config.sampling_rate)
    return out


def _refuse_unusable(latents: Tensor) -> None:
    finite = torch.isfinite(latents)
    if not finite.all():
        count = int((~finite).sum())
        raise UnusableResult(
            f"{count} of the {latents.numel()} values of the song are not finite",
            "try --dtype float32, a smaller guidance scale, or another seed",
        )
    if not latents.any():
        raise UnusableResult(
            "all values of the song are zero, which would be silence", "try another seed"
        )


def poll_of(cancelled: CancelPoll) -> Poll:
    """`cancelled` as a poll that raises its code as Cancelled."""

    def poll() -> None:
        code = cancelled()
        if code is not None:
            raise Cancelled(code)

    return poll


def _decode_part(vae: Vae, latents: Tensor, part: Span, overlap: int) -> Tensor:
    config, like = vae.config, vae.decoder.conv2.kernel()
    wide = part.widened(max(overlap, config.decoder_reach), latents.shape[0])
    window = latents[wide.within(0)].t()[None].to(like.device, like.dtype)
    audio = vae.decode(window)[0]
    before = (part.start - wide.start) * config.hop
    return audio[:, before : before + (part.stop - part.start) * config.hop].float().cpu()


def _encode_part(vae: Vae, audio: Tensor, part: Span, overlap: int) -> Posterior:
    config, like = vae.config, vae.encoder.conv2.kernel()
    length = audio.shape[1] // config.hop
    wide = part.widened(max(overlap, config.encoder_reach), length)
    # The rest that fills no frame is seen by the last frames.
    stop = audio.shape[1] if wide.stop == length else wide.stop * config.hop
    window = audio[:, wide.start * config.hop : stop][None].to(like.device, like.dtype)
    found, where = vae.encode(window), part.within(wide.start)
    mean, std = (values[0].t()[where].float().cpu() for values in (found.mean, found.std))
    return Posterior(mean, std)
