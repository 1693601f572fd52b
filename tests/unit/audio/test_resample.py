from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from acestep_cli.audio import resample as room
from acestep_cli.audio.resample import KERNELS, resample
from tests.unit.audio.sounds import music, sine


@pytest.mark.parametrize("kernel", ["model", "fine"])
@pytest.mark.parametrize(
    ("source", "target"), [(44100, 48000), (48000, 44100), (96000, 48000), (22050, 48000)]
)
def test_the_formula_computes_what_torchaudio_computes(
    kernel: str, source: int, target: int
) -> None:
    sound = music(0.1, rate=source)
    divisor = math.gcd(source, target)
    table = room._by_table(sound, source, target, KERNELS[kernel])
    formula = room._by_formula(sound, source // divisor, target // divisor, KERNELS[kernel])
    assert formula.shape == table.shape
    assert np.abs(formula - table).max() < 5e-6


def test_rates_without_a_common_divisor_need_no_giant_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "_by_table", lambda *_: pytest.fail("a table of gigabytes"))
    back = resample(sine(440, 0.5, rate=44101), 44101, 48000)
    expected = sine(440, 0.5)
    assert back.shape == (1, math.ceil(0.5 * 44101 // 1 * 48000 / 44101))
    middle = slice(1000, back.shape[1] - 1000)
    assert np.abs(back[0, middle] - expected[0, : back.shape[1]][middle]).max() < 2e-3


def test_the_fine_kernel_is_better_than_the_models() -> None:
    tone = sine(15000, 0.5)
    middle = slice(2000, -2000)
    errors = {}
    for kernel in ("model", "fine"):
        there = resample(tone, 48000, 44100, kernel)  # type: ignore[arg-type]
        back = resample(there, 44100, 48000, kernel)  # type: ignore[arg-type]
        errors[kernel] = np.abs(back[:, : tone.shape[1]] - tone)[:, middle].max()
    assert errors["fine"] < 1e-3 < errors["model"]


def test_equal_rates_and_read_only_arrays() -> None:
    sound = music(0.1)
    assert resample(sound, 48000, 48000) is sound
    sound.flags.writeable = False
    assert resample(sound, 48000, 24000).shape == (2, 2400)
    assert resample(sound[:, ::-1], 48000, 24000).dtype == np.float32


@pytest.mark.parametrize("kernel", ["model", "fine"])
@pytest.mark.parametrize(
    ("source", "target"), [(44100, 48000), (48000, 44100), (96000, 48000), (8000, 48000)]
)
@pytest.mark.parametrize("length", [20_000, 20_011, 8_192])
def test_long_sounds_go_in_pieces_that_leave_no_trace(
    kernel: Literal["model", "fine"],
    source: int,
    target: int,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = music(2.5, rate=source)[:, :length]
    whole = resample(sound, source, target, kernel)
    monkeypatch.setattr(room, "_BLOCK_SAMPLES", 4_096)
    pieces = resample(sound, source, target, kernel)
    assert pieces.shape == whole.shape
    assert np.abs(pieces - whole).max() < 1e-6
