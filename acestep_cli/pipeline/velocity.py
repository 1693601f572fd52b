"""The DiT as the samplers see it: a velocity for latents, a condition and a time of the schedule.

What does not change from step to step is computed once: modulation for the schedule, keys and
values of cross-attention for a condition. Guidance runs as one batch: conditions, then nulls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.models.dit import CrossCache, DiT
from acestep_cli.pipeline.schedule import Schedule

Cancelling = Callable[[], ExitCode | None]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Condition:
    """What the DiT is told: states [B, L, E], packed lyrics, timbre and text; context [B, T, 128],
    source latents and mask."""

    states: Tensor
    context: Tensor


@dataclass(frozen=True, slots=True)
class Prepared:
    """A condition ready for the DiT: context and cross-attention cache, for B items, or for 2B
    where guidance needs the null condition too."""

    context: Tensor
    cross: CrossCache
    items: int

    def alone(self) -> Prepared:
        """The conditional half."""
        n = self.items
        cross = CrossCache(
            tuple(key[:n] for key in self.cross.keys), tuple(v[:n] for v in self.cross.values)
        )
        return Prepared(self.context[:n], cross, n)


class VelocityField:
    """One network on one schedule.

    cancelled: polled before every network call; on_call: told the time of every network call.
    """

    def __init__(
        self,
        dit: DiT,
        schedule: Schedule,
        *,
        cancelled: Cancelling,
        on_call: Callable[[float], None] | None = None,
    ) -> None:
        self._dit, self.schedule = dit, schedule
        self._cancelled, self._on_call = cancelled, on_call
        self.device, self.dtype = dit.scale_shift_table.device, dit.scale_shift_table.dtype
        self._modulation = dit.modulation(torch.tensor(schedule.times, device=self.device))

    def prepare(self, condition: Condition, null_state: Tensor | None = None) -> Prepared:
        """Cross-attention keys and values of a condition, and with `null_state` [1, 1, E] those of
        as many null conditions behind them."""
        states, context = self._own(condition.states), self._own(condition.context)
        cross = self._dit.condition(states)
        if null_state is not None:
            cross = _beside(cross, self._dit.condition(self._own(null_state)))
            context = torch.cat([context, context])
        return Prepared(context, cross, len(states))

    def conditional(self, latents: Tensor, prepared: Prepared, index: int) -> Tensor:
        """Velocity [B, T, C] float32 at time number `index`, without guidance."""
        alone = prepared if len(prepared.context) == prepared.items else prepared.alone()
        return self._call(latents, alone, index)

    def pair(self, latents: Tensor, prepared: Prepared, index: int) -> tuple[Tensor, Tensor]:
        """Velocities with the condition and with the null condition, each [B, T, C] float32."""
        conditional, null = self._call(torch.cat([latents, latents]), prepared, index).chunk(2)
        return conditional, null

    def _call(self, latents: Tensor, prepared: Prepared, index: int) -> Tensor:
        code = self._cancelled()
        if code is not None:
            raise Cancelled(code)
        if self._on_call is not None:
            self._on_call(self.schedule.times[index])
        own, time = latents.to(self.dtype), self._modulation.at(index)
        return self._dit(own, prepared.context, prepared.cross, time).float()

    def _own(self, x: Tensor) -> Tensor:
        return x.to(self.device, self.dtype)


def check_finite(velocity: Tensor, step: int, steps: int) -> None:
    """UnusableResult, naming the step (1 to `steps`), when a velocity holds NaN or infinity."""
    if not torch.isfinite(velocity).all():
        raise UnusableResult(
            f"the network's answer at step {step} of {steps} is not finite",
            "try --dtype float32; if that does not help, the checkpoint is damaged",
        )


def needed(value: Value | None, name: str) -> Value:
    """An input that the options ask for; ValueError names it when the caller left it out."""
    if value is None:
        raise ValueError(f"these options need `{name}`")
    return value


def _beside(cross: CrossCache, null: CrossCache) -> CrossCache:
    """Behind every condition a null condition of the same length. All its positions are equal, so
    that one was computed and is repeated."""
    return CrossCache(
        tuple(_with_null(a, b) for a, b in zip(cross.keys, null.keys, strict=True)),
        tuple(_with_null(a, b) for a, b in zip(cross.values, null.values, strict=True)),
    )


def _with_null(first: Tensor, null: Tensor) -> Tensor:
    return torch.cat([first, null.expand_as(first)])
