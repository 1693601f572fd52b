"""Wavelet-domain correction of a sampling step (DCW), and the wavelets it needs.

Facts: pipeline 7.8; the method is arXiv 2604.16044. One level of a discrete wavelet transform along
time, zeros beyond the ends, float32.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.errors import UsageError

Mode = Literal["low", "high", "double", "pix"]


@dataclass(frozen=True, slots=True)
class Correction:
    """Settings of the correction.

    mode: which band is moved (`pix`: the latents themselves); scaler: strength of the low band, of
    the only band, or of `pix`; high_scaler: strength of the high band in mode `double`; wavelet: a
    PyWavelets name.
    """

    mode: Mode = "double"
    scaler: float = 0.05
    high_scaler: float = 0.02
    wavelet: str = "haar"

    def strengths(self, time: float) -> tuple[float, float]:
        """Factors of the low and of the high band for the step that began at `time`."""
        if self.mode == "low":
            return time * self.scaler, 0.0
        if self.mode == "high":
            return 0.0, (1 - time) * self.scaler
        return time * self.scaler, (1 - time) * self.high_scaler


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a wavelet as correlation kernels [2, 1, n], low then high, n even."""

    analysis: Tensor
    synthesis: Tensor


def correct(latents: Tensor, predicted: Tensor, time: float, correction: Correction) -> Tensor:
    """Push the latents after a step away from the clean latents that the step predicted.

    latents, predicted: [B, T, C]; time: where the step began. Each band of the latents moves by its
    strength times the difference of the bands.
    """
    difference = latents - predicted
    if correction.mode == "pix":
        return latents + correction.scaler * difference
    # Not only the difference goes through the transform: some wavelets (dmey) do not invert it
    # exactly, and what the method describes comes back from it as a whole.
    lows, highs = decompose(torch.cat([latents, difference]).float(), correction.wavelet)
    (low, low_step), (high, high_step) = lows.chunk(2), highs.chunk(2)
    low_strength, high_strength = correction.strengths(time)
    moved = compose(
        low + low_strength * low_step, high + high_strength * high_step, correction.wavelet
    )
    return moved[:, : latents.shape[1]].to(latents.dtype)


def decompose(x: Tensor, wavelet: str) -> tuple[Tensor, Tensor]:
    """x [B, T, C] float32 to its low and high band, each [B, (T + n - 1) // 2, C] for a filter of
    length n: pywt.dwt(x, wavelet, "zero") along time."""
    kernels = wavelet_filters(wavelet, x.device).analysis
    batch, frames, channels = x.shape
    length = kernels.shape[-1]
    rows = x.transpose(1, 2).reshape(batch * channels, 1, frames)
    rows = F.pad(rows, (length - 2, 2 * ((frames + length - 1) // 2) - frames))
    bands = F.conv1d(rows, kernels, stride=2).unflatten(0, (batch, channels))  # (B, C, 2, K)
    low, high = bands.permute(2, 0, 3, 1)
    return low, high


def compose(low: Tensor, high: Tensor, wavelet: str) -> Tensor:
    """Two bands [B, K, C] back to [B, 2K - n + 2, C]: pywt.idwt(low, high, wavelet, "zero"). An odd
    T comes back with one frame too many."""
    kernels = wavelet_filters(wavelet, low.device).synthesis
    bands = torch.stack([low, high]).permute(1, 3, 0, 2)  # (B, C, 2, K)
    rows = F.conv_transpose1d(bands.flatten(0, 1), kernels, stride=2, padding=kernels.shape[-1] - 2)
    return rows.reshape(len(low), low.shape[2], -1).transpose(1, 2)


def check_wavelet(name: str) -> None:
    """UsageError, with the nearest names as hint, unless `name` is a discrete wavelet."""
    import pywt

    known: list[str] = pywt.wavelist(kind="discrete")
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or ["haar", "db4", "sym8"]
    raise UsageError(
        f"the wavelet {name!r} is not one of the {len(known)} that are known",
        f"did you mean {' or '.join(near)}?",
    )


@cache
def wavelet_filters(name: str, device: torch.device) -> Filters:
    """The filters of a discrete PyWavelets wavelet; UsageError for any other name."""
    import pywt

    check_wavelet(name)
    wavelet = pywt.Wavelet(name)

    def kernels(low: list[float], high: list[float]) -> Tensor:
        return torch.tensor([low, high], dtype=torch.float32, device=device)[:, None]

    return Filters(
        analysis=kernels(wavelet.dec_lo[::-1], wavelet.dec_hi[::-1]),
        synthesis=kernels(wavelet.rec_lo, wavelet.rec_hi),
    )
