"""Flow edit: a source is carried from what its words say to what other words say.

Facts: pipeline 7.10. Between two shares of the schedule the difference of two velocities moves the
source itself: of the noised source under its own condition, and of the noised edit under the target
condition. The remaining steps are plain Euler steps under the target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from acestep_cli.models.dit import DiT
from acestep_cli.pipeline.edit import Morph
from acestep_cli.pipeline.guidance import Momentum, projected_guidance
from acestep_cli.pipeline.noise import NoiseSource
from acestep_cli.pipeline.sampler import (
    SamplingOptions,
    clamp_norm,
    moving_average,
    never,
    unheard,
)
from acestep_cli.pipeline.schedule import Schedule
from acestep_cli.pipeline.velocity import (
    Cancelling,
    Condition,
    VelocityField,
    check_finite,
    needed,
)


@dataclass(frozen=True, slots=True)
class FlowEditOptions:
    """How to edit.

    n_min, n_max: shares of the steps, 0 <= n_min <= n_max <= 1; before the first nothing is done,
    from the second on the target alone decides. n_avg: draws of noise averaged in a step (>= 1).
    The others as in SamplingOptions; guidance is APG.
    """

    n_min: float = 0.0
    n_max: float = 1.0
    n_avg: int = 1
    guidance_scale: float = 1.0
    cfg_interval_start: float = 0.0
    cfg_interval_end: float = 1.0
    velocity_norm_threshold: float = 0.0
    velocity_ema_factor: float = 0.0


def carrying(morph: Morph, sampling: SamplingOptions) -> FlowEditOptions:
    """The options of a flow edit: how far `morph` goes, and of `sampling` what acts here too."""
    return FlowEditOptions(
        n_min=morph.n_min,
        n_max=morph.n_max,
        n_avg=morph.n_avg,
        guidance_scale=sampling.guidance_scale,
        cfg_interval_start=sampling.cfg_interval_start,
        cfg_interval_end=sampling.cfg_interval_end,
        velocity_norm_threshold=sampling.velocity_norm_threshold,
        velocity_ema_factor=sampling.velocity_ema_factor,
    )


@dataclass(frozen=True, slots=True)
class FlowEditInputs:
    """What is edited: source latents [B, T, 64], the condition that describes them, the condition
    wanted, and for guidance the null condition [1, 1, E]."""

    source: Tensor
    source_condition: Condition
    target_condition: Condition
    null_state: Tensor | None = None


@torch.no_grad()
def flow_edit(
    dit: DiT,
    inputs: FlowEditInputs,
    options: FlowEditOptions,
    schedule: Schedule,
    noise_source: NoiseSource,
    on_step: Callable[[int, int], None] = unheard,
    cancelled: Cancelling = never,
    *,
    on_call: Callable[[float], None] | None = None,
) -> Tensor:
    """Edited latents [B, T, 64] float32 on the device of `dit`.

    schedule: from `flow_edit_schedule`, for turbo too. noise_source: `n_avg` draws a step, and one
    where the plain steps begin. The rest as in `sample`.
    """
    source = inputs.source.to(dit.scale_shift_table.device, torch.float32)
    network = VelocityField(dit, schedule, cancelled=cancelled, on_call=on_call)
    null = needed(inputs.null_state, "null_state") if options.guidance_scale > 1 else None
    target = _Branch(network, inputs.target_condition, null, options)
    origin = _Branch(network, inputs.source_condition, null, options)
    first, end = (int(schedule.steps * share) for share in (options.n_min, options.n_max))
    latents, plain = source, False
    for index in range(first, schedule.steps):
        time, after = schedule.times[index], schedule.times[index + 1]
        if index < end:
            for _ in range(options.n_avg):
                noised = _noised(source, time, noise_source)
                origin.look(noised, index)
                target.look(latents + noised - source, index)
            move = target.velocity() - origin.velocity()
        else:
            if not plain:
                latents = latents + _noised(source, time, noise_source) - source
                plain = True
            target.look(latents, index)
            move = target.velocity()
        check_finite(move, index + 1, schedule.steps)
        latents = latents + (after - time) * move
        on_step(index + 1 - first, schedule.steps - first)
    return latents


class _Branch:
    """One of the two trajectories, with its momentum and previous velocity.

    `look` takes in a draw, `velocity` ends the step: momentum and average move once a step,
    whatever the number of draws.
    """

    def __init__(
        self,
        network: VelocityField,
        condition: Condition,
        null_state: Tensor | None,
        options: FlowEditOptions,
    ) -> None:
        self._network, self._options = network, options
        self._guided = null_state is not None
        self._prepared = network.prepare(condition, null_state)
        self._momentum = Momentum()
        self._previous: Tensor | None = None
        self._velocities: list[Tensor] = []
        self._differences: list[Tensor] = []

    def look(self, latents: Tensor, index: int) -> None:
        """The guided and clamped velocity of one draw at time number `index`."""
        options, time = self._options, self._network.schedule.times[index]
        # Compared in double here, unlike in `guidance.within`: so does the original.
        if self._guided and options.cfg_interval_start <= time <= options.cfg_interval_end:
            conditional, null = self._network.pair(latents, self._prepared, index)
            self._differences.append(conditional - null)
            carried = self._momentum.preview(conditional - null)
            velocity = projected_guidance(conditional, carried, options.guidance_scale)
        else:
            velocity = self._network.conditional(latents, self._prepared, index)
        self._velocities.append(clamp_norm(velocity, latents, options.velocity_norm_threshold))

    def velocity(self) -> Tensor:
        """Mean of the draws since the last call, averaged with the velocity before."""
        mean = _mean(self._velocities)
        if self._differences:
            self._momentum.advance(_mean(self._differences))
        self._velocities, self._differences = [], []
        self._previous = moving_average(mean, self._previous, self._options.velocity_ema_factor)
        return self._previous


def _noised(source: Tensor, time: float, noise_source: NoiseSource) -> Tensor:
    return time * noise_source.draw().to(source.device) + (1 - time) * source


def _mean(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).mean(0)
