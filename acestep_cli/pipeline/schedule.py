"""Which times the sampler visits: from 1 (noise) down to 0 (clean latents).

Facts: pipeline 7.2 (turbo) and 7.3 (base, sft, XL). Turbo times are worked out in double precision,
base ones in the precision in which they are stored; both are stored as float32, or, to compare with
a bfloat16 run of the original, in another dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from acestep_cli.pipeline.turbo_times import (
    TURBO_STEP_LIMIT,
    TURBO_TABLES,
    open_times,
    snapped_times,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of one run.

    times: descending, closed (the last one is where the run ends, normally 0), as stored;
    exact: the same before they were stored; switch_base: the number of steps that
    `audio_cover_strength` is a share of (None: the steps of the run).
    """

    times: tuple[float, ...]
    exact: tuple[float, ...]
    switch_base: int | None = None

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.times) - 1

    def switch_step(self, strength: float) -> int:
        """First step of the second condition for an `audio_cover_strength` in [0, 1]."""
        return int((self.steps if self.switch_base is None else self.switch_base) * strength)

    def starting_near(self, level: float) -> Schedule:
        """The rest of the schedule from the time nearest to the noise level (ties: the earlier)."""
        starts = self.exact[:-1]
        first = min(range(len(starts)), key=lambda index: abs(starts[index] - level))
        return replace(self, times=self.times[first:], exact=self.exact[first:], switch_base=None)


def turbo_schedule(
    steps: int | None,
    shift: float,
    timesteps: Sequence[float] | None = None,
    *,
    limit: int = TURBO_STEP_LIMIT,
    dtype: torch.dtype = torch.float32,
) -> Schedule:
    """Times of a turbo checkpoint.

    timesteps: custom times in [0, 1], descending; trailing zeros are ignored, the first `limit`
    count, each is moved to the nearest of `TURBO_TIMES` (ties: the larger). Else `steps` (1 to
    `limit`, more are cut to it) evenly spaced times warped by `shift` (> 0). Without steps, the
    table of the shift nearest to 1, 2 or 3.
    """
    wanted = open_times(timesteps or ())[:limit]
    if wanted:
        return _closed(snapped_times(wanted), dtype)
    if steps:
        count = min(steps, limit)
        return _closed(tuple(_warp(1 - i / count, shift) for i in range(count)), dtype)
    return _closed(TURBO_TABLES[min(TURBO_TABLES, key=lambda known: abs(known - shift))], dtype)


def base_schedule(
    steps: int,
    shift: float,
    timesteps: Sequence[float] | None = None,
    *,
    switch_on_steps: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Schedule:
    """Times of a checkpoint that is not distilled (base, sft, XL base and sft), and of flow edit.

    timesteps: custom times in [0, 1], descending and ending with 0, used as they are. Else `steps`
    (>= 1) evenly spaced times warped by `shift` (> 0). switch_on_steps: `audio_cover_strength`
    stays a share of `steps` although custom times replace them (a quirk of the plain base model).
    """
    if timesteps is not None:
        given = tuple(torch.tensor(list(timesteps), dtype=dtype).tolist())
        return Schedule(given, given, switch_base=steps if switch_on_steps else None)
    even = torch.linspace(1.0, 0.0, steps + 1, dtype=dtype)
    times = tuple((even if shift == 1 else shift * even / (1 + (shift - 1) * even)).tolist())
    return Schedule(times, times)


def flow_edit_schedule(
    steps: int,
    shift: float,
    timesteps: Sequence[float] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> Schedule:
    """Times of a flow edit: the base rule for every checkpoint; custom times get their final 0."""
    if timesteps is not None and (not timesteps or timesteps[-1] != 0):
        timesteps = [*timesteps, 0.0]
    return base_schedule(steps, shift, timesteps, dtype=dtype)


def _closed(exact: tuple[float, ...], dtype: torch.dtype) -> Schedule:
    exact = (*exact, 0.0)
    return Schedule(tuple(torch.tensor(exact, dtype=dtype).tolist()), exact)


def _warp(time: float, shift: float) -> float:
    return time if shift == 1 else shift * time / (1 + (shift - 1) * time)
