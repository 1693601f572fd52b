"""How far sound is from the sound it should be: spectra at several resolutions, and the samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

SIZES = (4096, 2048, 1024, 512, 256, 128)
_FLOOR = 1e-3


def sound_loss(
    made: Tensor, true: Tensor, sizes: Sequence[int] = SIZES
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of `made` against `true`, both [B, 2, S], and its parts; `sizes` of the spectra.

    0.6 times the mean spectral distance of middle and side, plus the error of the samples, plus
    half those of their first and second differences, all relative to the size of the sound; the
    last hears the noise of the drums, which spectra alone would take impulses for.
    """
    spectral = spectral_distance(_middle_side(made), _middle_side(true), sizes)
    samples = _relative(made, true)
    steps = _relative(made.diff(dim=-1), true.diff(dim=-1))
    bends = _relative(made.diff(n=2, dim=-1), true.diff(n=2, dim=-1))
    told = {"stft": spectral, "wave": samples, "bends": bends}
    return 0.6 * spectral + samples + 0.5 * steps + 0.5 * bends, told


def spectral_distance(made: Tensor, true: Tensor, sizes: Sequence[int] = SIZES) -> Tensor:
    """Mean over the resolutions of spectral convergence and of the distance of log magnitudes, for
    [B, C, S]."""
    total = made.new_zeros(())
    for size in sizes:
        ours, theirs = _magnitudes(made, size), _magnitudes(true, size)
        convergence = (ours - theirs).norm() / (theirs.norm() + 1e-2)
        logs = ((ours + _FLOOR).log() - (theirs + _FLOOR).log()).abs().mean()
        total = total + convergence + logs
    return total / len(sizes)


def _middle_side(stereo: Tensor) -> Tensor:
    left, right = stereo[:, 0], stereo[:, 1]
    return torch.stack([(left + right) / 2, (left - right) / 2], dim=1)


def _relative(made: Tensor, true: Tensor) -> Tensor:
    size = true.abs().mean((1, 2)) + 2e-3
    return ((made - true).abs().mean((1, 2)) / size).mean()


def _magnitudes(x: Tensor, size: int) -> Tensor:
    flat = x.flatten(0, 1)
    spectrum = torch.stft(
        flat, size, size // 4, window=_window(size, x.device), return_complex=True, normalized=True
    )
    return (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()


@cache
def _window(size: int, device: torch.device) -> Tensor:
    return torch.hann_window(size, device=device)
