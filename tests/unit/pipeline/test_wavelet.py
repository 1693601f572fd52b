from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pywt
import torch
from torch import Tensor

from acestep_cli.errors import UsageError
from acestep_cli.pipeline.wavelet import (
    Correction,
    Mode,
    check_wavelet,
    compose,
    correct,
    decompose,
)

WAVELETS = ["haar", "db4", "sym8", "coif1", "bior2.4", "rbio3.1", "dmey"]


def signal(frames: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, frames, 3, generator=generator)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("frames", [1, 2, 7, 50, 51])
def test_bands_are_those_of_pywavelets(wavelet: str, frames: int) -> None:
    x = signal(frames)
    low, high = decompose(x, wavelet)
    wanted_low, wanted_high = pywt.dwt(x.double().numpy(), wavelet, "zero", axis=1)
    np.testing.assert_allclose(low.numpy(), wanted_low, atol=2e-6)
    np.testing.assert_allclose(high.numpy(), wanted_high, atol=2e-6)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("frames", [2, 7, 50, 51])
def test_bands_come_back_as_with_pywavelets(wavelet: str, frames: int) -> None:
    low, high = decompose(signal(frames), wavelet)
    wanted = pywt.idwt(low.double().numpy(), high.double().numpy(), wavelet, "zero", axis=1)
    back = compose(low, high, wavelet)
    np.testing.assert_allclose(back.numpy(), wanted, atol=3e-6)
    exact = wavelet != "dmey"  # a finite stand-in for an infinite filter
    assert torch.allclose(back[:, :frames], signal(frames), atol=1e-5 if exact else 1e-2)


def test_haar_by_hand() -> None:
    x = torch.tensor([3.0, 1.0, -2.0])[None, :, None]
    low, high = decompose(x, "haar")
    root = 2**0.5
    assert torch.allclose(low.flatten(), torch.tensor([4 / root, -2 / root]))
    assert torch.allclose(high.flatten(), torch.tensor([2 / root, -2 / root]))


def slow_correction(x: Tensor, y: Tensor, time: float, correction: Correction) -> Any:
    """Both signals transformed, bands moved, transformed back: as the method is written down."""
    low_x, high_x = pywt.dwt(x.double().numpy(), correction.wavelet, "zero", axis=1)
    low_y, high_y = pywt.dwt(y.double().numpy(), correction.wavelet, "zero", axis=1)
    if correction.mode in ("low", "double"):
        low_x = low_x + time * correction.scaler * (low_x - low_y)
    if correction.mode == "high":
        high_x = high_x + (1 - time) * correction.scaler * (high_x - high_y)
    if correction.mode == "double":
        high_x = high_x + (1 - time) * correction.high_scaler * (high_x - high_y)
    back = pywt.idwt(low_x, high_x, correction.wavelet, "zero", axis=1)
    return back[:, : x.shape[1]]


@pytest.mark.parametrize("mode", ["low", "high", "double"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "bior2.4", "dmey"])
@pytest.mark.parametrize("frames", [50, 51])
def test_the_correction_is_the_one_written_down(mode: Mode, wavelet: str, frames: int) -> None:
    x, y = signal(frames, 1), signal(frames, 2)
    correction = Correction(mode, 0.3, 0.2, wavelet)
    ours = correct(x, y, 0.7, correction)
    assert ours.shape == x.shape
    np.testing.assert_allclose(ours, slow_correction(x, y, 0.7, correction), atol=3e-6)


def test_pix_needs_neither_wavelet_nor_time() -> None:
    x, y = signal(5, 1), signal(5, 2)
    correction = Correction("pix", 0.25, wavelet="no such thing")
    assert torch.equal(correct(x, y, 0.1, correction), x + 0.25 * (x - y))


def test_no_strength_changes_nothing() -> None:
    x, y = signal(9, 1), signal(9, 2)
    assert torch.allclose(correct(x, y, 0.5, Correction("double", 0.0, 0.0)), x, atol=1e-6)


def test_an_unknown_wavelet_is_refused_with_near_names() -> None:
    with pytest.raises(UsageError) as caught:
        decompose(signal(4), "harr")
    assert "'harr'" in caught.value.message
    assert "haar" in caught.value.hint


@pytest.mark.parametrize("name", ["morl", "", "HAAR", "zzzzz"])
def test_names_that_are_no_discrete_wavelet(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_wavelet(name)
    assert caught.value.hint


def test_every_discrete_wavelet_is_taken() -> None:
    for name in pywt.wavelist(kind="discrete"):
        check_wavelet(name)
