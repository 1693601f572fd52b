"""Loudness, peaks, fades and length of finished audio: arrays in, arrays out.

`Samples` is float32 [channels, samples], full scale at 1.0. No function changes its argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acestep_cli.errors import UnusableResult, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SILENCE = 1e-6  # no sample of silent audio reaches this
GATE_SECONDS = 0.4  # one block of BS.1770; shorter audio has no loudness
_ABSOLUTE_GATE = -70.0
# Left, right, centre and both surrounds where there are six channels or more.
_MEASURED = [0, 1, 2, 4, 5]


@dataclass(frozen=True, slots=True)
class Level:
    """What the record keeps: peak in dBFS and loudness in LUFS, None for silence (or too short)."""

    peak_db: float | None
    loudness: float | None


@dataclass(frozen=True, slots=True)
class Normalized:
    """Samples after a loudness change, the gain (dB) and what was reached (LUFS).

    `limited` tells that the peak limit stopped the gain before the target. `reached` is None, and
    the samples are unchanged, where the audio has no loudness.
    """

    samples: Samples
    gain_db: float
    reached: float | None
    limited: bool


def peak(samples: Samples) -> float:
    """max |x|; 0.0 for no samples, NaN or infinity where a sample is."""
    if samples.size == 0:
        return 0.0
    low, high = float(samples.min()), float(samples.max())
    if math.isnan(low) or math.isnan(high):
        return math.nan
    return max(-low, high)


def check_finite(samples: Samples) -> None:
    """UnusableResult when a sample is NaN or infinite, or when there is none."""
    if samples.size == 0:
        raise UnusableResult("the result holds no samples", "ask for a longer duration")
    if not math.isfinite(peak(samples)):
        raise UnusableResult(
            "the result holds values that are not finite, so no file was written",
            "try --dtype float32, another seed or a lower guidance",
        )


def check_usable(samples: Samples) -> None:
    """UnusableResult when the audio is not finite, empty or silent (all |x| < 1e-6)."""
    check_finite(samples)
    if peak(samples) < SILENCE:
        raise UnusableResult(
            "the result is silent, so no file was written",
            "try another seed, or run acestep doctor to check the checkpoint",
        )


def measure(samples: Samples, sample_rate: int) -> Level:
    """Peak and loudness of `samples`."""
    height = peak(samples)
    in_db = round(20 * math.log10(height), 3) if height >= SILENCE else None
    volume = loudness(samples, sample_rate)
    return Level(in_db, None if volume is None else round(volume, 3))


def anti_clip(samples: Samples) -> Samples:
    """Divided by the peak when it exceeds 1, else as it is (pipeline step 2 after decoding)."""
    height = peak(samples)
    return samples / _float32(height) if height > 1 else samples


def normalize_peak(samples: Samples, db: float) -> Samples:
    """Gain to a peak of `db` dBFS (at most 0), up or down; silence stays as it is."""
    if db > 0:
        raise UsageError(f"a peak of {db:g} dBFS is above full scale", "choose 0 or less")
    height = peak(samples)
    if height < SILENCE:
        return samples
    return samples * _float32(10 ** (db / 20) / height)


def loudness(samples: Samples, sample_rate: int) -> float | None:
    """Integrated loudness (LUFS) after ITU-R BS.1770; None under 400 ms and for silence.

    torchaudio clamps its filters' output to full scale, so loud audio is measured at a quarter. It
    knows five channels at most: of more, the fourth, which is for low frequencies and which the
    standard leaves out, is skipped, and so is what comes behind the five.
    """
    if samples.shape[-1] < round(GATE_SECONDS * sample_rate):
        return None
    height = peak(samples)
    if height < SILENCE:
        return None
    import torch
    from torchaudio.functional import loudness as bs1770

    heard = samples if len(samples) <= len(_MEASURED) else samples[_MEASURED]
    divisor = 2.0 ** max(0, math.ceil(math.log2(height)) + 2)
    with torch.inference_mode():
        measured = bs1770(torch.from_numpy(heard / _float32(divisor)), sample_rate).item()
    volume = measured + 20 * math.log10(divisor)
    return volume if math.isfinite(volume) and volume > _ABSOLUTE_GATE else None


def normalize_loudness(
    samples: Samples, sample_rate: int, target_lufs: float, peak_limit_db: float = -1.0
) -> Normalized:
    """Gain to `target_lufs`, but never to a peak above `peak_limit_db` (dBFS); no compression."""
    before = loudness(samples, sample_rate)
    if before is None:
        return Normalized(samples, 0.0, None, limited=False)
    wanted = target_lufs - before
    most = peak_limit_db - 20 * math.log10(peak(samples))
    gain_db = min(wanted, most)
    changed = samples * _float32(10 ** (gain_db / 20))
    return Normalized(changed, gain_db, before + gain_db, limited=most < wanted)


def fade(samples: Samples, sample_rate: int, in_seconds: float, out_seconds: float) -> Samples:
    """Linear ramps of round(seconds * rate) samples, from exactly 0 to exactly 1 and back.

    A ramp longer than the audio is cut to its length.
    """
    import numpy as np

    if in_seconds < 0 or out_seconds < 0:
        shown = min(in_seconds, out_seconds)
        raise UsageError(f"a fade of {shown:g} seconds is negative", "choose 0 or more")
    total = samples.shape[-1]
    rising = min(round(in_seconds * sample_rate), total)
    falling = min(round(out_seconds * sample_rate), total)
    if not rising and not falling:
        return samples
    faded = samples.copy()
    if rising:
        faded[..., :rising] *= np.linspace(0, 1, rising, dtype=np.float32)
    if falling:
        faded[..., total - falling :] *= np.linspace(1, 0, falling, dtype=np.float32)
    return faded


def fit_length(samples: Samples, exact: int) -> Samples:
    """The first `exact` samples; UnusableResult when there are fewer."""
    have = samples.shape[-1]
    if have < exact:
        raise UnusableResult(f"the result has {have} samples where {exact} were asked for")
    return samples[..., :exact]


def to_integers(samples: Samples, bits: int) -> NDArray[Any]:
    """Interleaved [S, C] integers: full scale is 2^(bits-1), nearest value, clipped, no dither.

    16 bits come as int16; 24 and 32 as int32, where 24 bits fill the upper three bytes.
    """
    import numpy as np

    scaled = np.ascontiguousarray(samples.T).astype(np.float64)
    scaled *= 2.0 ** (bits - 1)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1, out=scaled)
    if bits == 16:
        return scaled.astype(np.int16)
    return scaled.astype(np.int32) << (32 - bits)


def _float32(value: float) -> np.float32:
    import numpy as np

    return np.float32(value)
