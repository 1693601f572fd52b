"""What a picture of sound shows: the outline of the wave and the level of each band over time.

Arrays in, arrays out, a few columns of the picture at a time: memory does not grow with the song.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0
# Nothing is drawn below this level of a band (dB below a sine at full scale).
FLOOR_DB = -140.0
_WINDOW_SECONDS = 0.17
# So many windows of a column are looked at, evenly spread; long songs have longer columns.
_LOOKS = 4
_LONGEST_WINDOW = 16_384
# Windows follow each other no closer than this share of their length.
_MOST_OVERLAP = 64
_BLOCK_FRAMES = 256


@dataclass(frozen=True, slots=True)
class Outline:
    """The wave column by column: least, greatest and root mean square of all channels, float32."""

    low: Floats
    high: Floats
    rms: Floats


@dataclass(frozen=True, slots=True)
class Bands:
    """Levels [rows, columns] in dB below a sine at full scale, float32; row 0 is the lowest band.

    The bands are evenly spread on a logarithmic scale from `lowest` to `highest` (Hz).
    """

    levels: Floats
    lowest: float
    highest: float


def as_sound(samples: Any) -> Any:
    """`samples` as an array [C, S] with at least one value; one dimension is one channel."""
    import numpy as np

    sound = np.asarray(samples)
    if not np.issubdtype(sound.dtype, np.floating):
        sound = sound.astype(np.float32)
    if sound.ndim == 1:
        sound = sound[None]
    return sound if sound.size else np.zeros((1, 1), dtype=np.float32)


def outline(sound: Any, columns: int) -> Outline:
    """The outline of `sound` [C, S] in at most `columns` columns; what is not finite is 0."""
    import numpy as np

    edges = _edges(sound.shape[1], columns)
    low, high, power = (np.empty(len(edges) - 1, np.float32) for _ in range(3))
    for column, (start, stop) in enumerate(pairwise(edges)):
        piece = _finite(sound[:, start:stop])
        low[column], high[column] = piece.min(), piece.max()
        power[column] = np.mean(np.square(piece))
    return Outline(low, high, np.sqrt(power))


def band_levels(sound: Any, rate: int, columns: int, rows: int) -> Bands:
    """The bands of `sound` [C, S] at `rate` (Hz): `rows` bands in at most `columns` columns.

    The power of all channels is averaged, and of a column up to four windows of about a sixth of a
    second.
    """
    import numpy as np

    size = min(_LONGEST_WINDOW, 1 << max(8, round(np.log2(_WINDOW_SECONDS * rate))))
    highest = min(HIGHEST_HZ, rate / 2)
    columns = max(1, min(columns, sound.shape[1] * _MOST_OVERLAP // size))
    span = sound.shape[1] / columns
    looks = int(np.clip(span // size, 1, _LOOKS))
    centres = (np.arange(columns * looks) + 0.5) * (span / looks)
    filters = _filters(rate, size, rows, highest)
    levels = np.empty((rows, columns), np.float32)
    step = max(1, _BLOCK_FRAMES // looks)
    for first in range(0, columns, step):
        part = slice(first, min(columns, first + step))
        power = _power(sound, centres[part.start * looks : part.stop * looks], size)
        power = power.reshape(-1, looks, power.shape[1]).mean(axis=1)
        levels[:, part] = filters @ power.T
    floor = 10 ** (FLOOR_DB / 10)
    return Bands(10 * np.log10(np.maximum(levels, floor)), LOWEST_HZ, highest)


def _power(sound: Any, centres: Any, size: int) -> Floats:
    """The spectra [frames, bins] around `centres` (samples): 1 is a sine at full scale."""
    import numpy as np

    window = np.hanning(size).astype(np.float32)
    total = np.zeros((len(centres), size // 2 + 1), np.float32)
    starts = np.round(centres).astype(int) - size // 2
    for channel in sound:
        frames = np.stack([_frame(channel, start, size) for start in starts]) * window
        spectra = np.abs(np.fft.rfft(frames, axis=1)) * (2 / window.sum())
        total += np.square(spectra, dtype=np.float32)
    mean: Floats = np.divide(total, len(sound), dtype=np.float32)
    return mean


def _frame(channel: Any, start: int, size: int) -> Floats:
    """`size` samples from `start`, with silence where the sound has none."""
    import numpy as np

    frame = np.zeros(size, np.float32)
    first, stop = max(start, 0), min(start + size, len(channel))
    if first < stop:
        frame[first - start : stop - start] = _finite(channel[first:stop])
    return frame


def _filters(rate: int, size: int, rows: int, highest: float) -> Floats:
    """Triangles [rows, bins] over the bands; where these are narrower than the bins, two bins are
    weighed against each other."""
    import numpy as np

    bins = np.arange(size // 2 + 1) * (rate / size)
    edges = np.geomspace(LOWEST_HZ, highest, rows + 2)
    width = np.maximum(np.diff(edges), rate / size)
    middle = edges[1:-1, None]
    rising = 1 - (middle - bins) / width[:-1, None]
    falling = 1 - (bins - middle) / width[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def _edges(length: int, columns: int) -> Any:
    import numpy as np

    return np.linspace(0, length, min(columns, length) + 1).astype(int)


def _finite(piece: Any) -> Floats:
    import numpy as np

    finite: Floats = np.nan_to_num(piece.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return finite
