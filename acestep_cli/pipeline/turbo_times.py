"""The times that turbo checkpoints were distilled for, and custom ones moved to them.

Facts: pipeline 7.2. Imports nothing heavy: a request is settled before torch is there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

TURBO_STEP_LIMIT = 20

TURBO_TABLES = {
    1: (1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125),
    2: (1.0, 14 / 15, 6 / 7, 10 / 13, 2 / 3, 6 / 11, 0.4, 2 / 9),
    3: (1.0, 21 / 22, 0.9, 5 / 6, 0.75, 9 / 14, 0.5, 0.3),
}
"""Turbo times of eight steps by shift, used when no number of steps is given."""

TURBO_TIMES = tuple(sorted({time for table in TURBO_TABLES.values() for time in table}))[::-1]
"""The 20 times that turbo checkpoints were distilled for, descending."""


def open_times(times: Sequence[float]) -> tuple[float, ...]:
    """`times`, descending, without the zeros at their end, where every run ends anyway."""
    end = len(times)
    while end and times[end - 1] == 0:
        end -= 1
    return tuple(times[:end])


def snapped_times(times: Sequence[float]) -> tuple[float, ...]:
    """Each of `times`, taken as float32, moved to the nearest of `TURBO_TIMES` (ties: the larger).

    In the original they arrive as a float32 tensor, which decides for 0.45 and 0.3875.
    """
    single = struct.unpack(f"{len(times)}f", struct.pack(f"{len(times)}f", *times))
    return tuple(min(TURBO_TIMES, key=lambda known: abs(known - time)) for time in single)
