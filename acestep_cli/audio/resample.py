"""Changing the sample rate with a windowed sinc.

`model` is the kernel that the checkpoints were trained behind (torchaudio's defaults: Hann window,
6 zero crossings, cut-off at 0.99 of the lower Nyquist rate); `fine` is a longer Kaiser window for
the listener's files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from acestep_cli.audio.level import Samples


@dataclass(frozen=True, slots=True)
class Kernel:
    """Half width in zero crossings, cut-off as a part of the lower Nyquist rate, Kaiser beta.

    Without `beta` the window is Hann's.
    """

    width: int
    rolloff: float
    beta: float | None = None


KERNELS = {
    "model": Kernel(6, 0.99),
    # The values that librosa's authors published for their "kaiser best" filter.
    "fine": Kernel(64, 0.9475937167399596, 14.769656459379492),
}
# Rates with a large common divisor have few phases, held as one table; others would fill memory.
_LARGEST_TABLE = 2**21
_BLOCK_WEIGHTS = 2**21
# What is longer goes through the table in pieces: it takes several copies of its input.
_BLOCK_SAMPLES = 2**21


def resample(
    samples: Samples,
    source_rate: int,
    target_rate: int,
    kernel: Literal["model", "fine"] = "model",
) -> Samples:
    """`samples` [C, S] at `source_rate` to [C, ceil(S * target / source)] at `target_rate` (Hz)."""
    if source_rate == target_rate or samples.shape[-1] == 0:
        return samples
    chosen = KERNELS[kernel]
    divisor = math.gcd(source_rate, target_rate)
    source, target = source_rate // divisor, target_rate // divisor
    reach = math.ceil(chosen.width * source / (min(source, target) * chosen.rolloff))
    if target * (2 * reach + source) > _LARGEST_TABLE:
        return _by_formula(samples, source, target, chosen)
    if samples.shape[-1] <= _BLOCK_SAMPLES:
        return _by_table(samples, source_rate, target_rate, chosen)
    return _in_blocks(samples, source_rate, target_rate, chosen)


def _in_blocks(samples: Samples, source_rate: int, target_rate: int, kernel: Kernel) -> Samples:
    """As `_by_table`, piece by piece; each sees what its edges depend on.

    Pieces begin where a sample of both rates falls on one moment, so that all samples are the same
    sums as in one go.
    """
    import numpy as np

    divisor = math.gcd(source_rate, target_rate)
    source, target = source_rate // divisor, target_rate // divisor
    reach = math.ceil(kernel.width * source / (min(source, target) * kernel.rolloff))
    beside, step = reach // source + 2, max(1, _BLOCK_SAMPLES // source)
    length = samples.shape[-1]
    changed = np.empty((samples.shape[0], -(-length * target // source)), np.float32)
    for first in range(0, -(-length // source), step):
        begin = max(0, first - beside)
        part = samples[:, begin * source : (first + step + beside) * source]
        piece = _by_table(part, source_rate, target_rate, kernel)[:, (first - begin) * target :]
        where = changed[:, first * target : (first + step) * target]
        where[:] = piece[:, : where.shape[1]]
    return changed


def _by_table(samples: Samples, source_rate: int, target_rate: int, kernel: Kernel) -> Samples:
    import numpy as np
    import torch
    from torchaudio.transforms import Resample

    # The transform computes its kernel in float64; the function of the same name does not.
    transform = Resample(
        source_rate,
        target_rate,
        resampling_method="sinc_interp_hann" if kernel.beta is None else "sinc_interp_kaiser",
        lowpass_filter_width=kernel.width,
        rolloff=kernel.rolloff,
        beta=kernel.beta,
    )
    with torch.inference_mode():
        owned = torch.from_numpy(np.require(samples, requirements=["C", "W"]))
        changed: Samples = transform(owned).numpy()
    return changed


def _by_formula(samples: Samples, source: int, target: int, kernel: Kernel) -> Samples:
    """The same sums with each weight computed where it is used: slower, for any pair of rates."""
    import numpy as np

    length = samples.shape[-1]
    total = -(-length * target // source)
    cutoff = min(source, target) * kernel.rolloff / source  # zero crossings per input sample
    reach = math.ceil(kernel.width / cutoff)
    taps = np.arange(-reach, reach + 2)
    padded = np.pad(samples, ((0, 0), (reach, reach + 2))).astype(np.float64)
    changed = np.empty((samples.shape[0], total), np.float32)
    step = max(1, _BLOCK_WEIGHTS // taps.size)
    for start in range(0, total, step):
        whole, rest = np.divmod(np.arange(start, min(start + step, total)) * source, target)
        weights = _weights((taps - (rest / target)[:, None]) * cutoff, kernel) * cutoff
        gathered = padded[:, whole[:, None] + taps + reach]
        changed[:, start : start + step] = np.einsum("cnk,nk->cn", gathered, weights)
    return changed


def _weights(crossings: NDArray[np.float64], kernel: Kernel) -> NDArray[np.float64]:
    import numpy as np

    inside = np.clip(crossings, -kernel.width, kernel.width) / kernel.width
    if kernel.beta is None:
        window = np.cos(inside * math.pi / 2) ** 2
    else:
        window = np.i0(kernel.beta * np.sqrt(1 - inside**2)) / np.i0(kernel.beta)
    return np.asarray(np.sinc(inside * kernel.width) * window)
