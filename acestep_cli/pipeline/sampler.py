"""Noise to latents: Euler, Heun or SDE steps along a schedule, guided and corrected.

Facts: pipeline 7.4 to 7.9. In every step: network, guidance, norm clamp, moving average, update,
wavelet correction, injection of kept frames. Latents are [B, T, 64] float32 from the first step to
the last on every device; only the network sees them in its own dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from acestep_cli.errors import ExitCode
from acestep_cli.models.dit import DiT
from acestep_cli.pipeline.guidance import (
    Momentum,
    angle_guidance,
    plain_guidance,
    projected_guidance,
    within,
)
from acestep_cli.pipeline.noise import NoiseSource
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.repaint import Repaint, blend, inject
from acestep_cli.pipeline.schedule import Schedule
from acestep_cli.pipeline.velocity import (
    Cancelling,
    Condition,
    Prepared,
    VelocityField,
    check_finite,
    needed,
)
from acestep_cli.pipeline.wavelet import Correction, correct


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How to sample; defaults are those of a turbo checkpoint.

    turbo: the checkpoint is distilled. Its last step is always a plain one (no Heun corrector, no
    injection).
    infer_method: `sde` predicts the clean latents in each step and adds fresh noise; `heun` then
    means `euler`.
    guidance_scale: above 1 guidance acts where cfg_interval_start <= t <= cfg_interval_end, with
    APG or (use_adg) ADG. The null condition must be given.
    velocity_norm_threshold: largest ratio of the velocity's norm to the latents' (0: off).
    velocity_ema_factor: share of the previous velocity, 0 <= f < 1.
    audio_cover_strength: share of the steps, from the first, under the first condition.
    cover_noise_strength: 0 starts from noise, towards 1 from ever less noised source latents.
    wavelet: the wavelet correction, None for off.
    """

    turbo: bool = True
    infer_method: Literal["ode", "sde"] = "ode"
    sampler_mode: Literal["euler", "heun"] = "euler"
    guidance_scale: float = 1.0
    use_adg: bool = False
    cfg_interval_start: float = 0.0
    cfg_interval_end: float = 1.0
    velocity_norm_threshold: float = 0.0
    velocity_ema_factor: float = 0.0
    audio_cover_strength: float = 1.0
    cover_noise_strength: float = 0.0
    wavelet: Correction | None = None
    parity: Parity = field(default_factory=Parity)


@dataclass(frozen=True, slots=True)
class SamplerInputs:
    """What is sampled from; B items of equal length T.

    condition, noise [B, T, 64]: always; second: the condition of the steps after
    `audio_cover_strength`; null_state [1, 1, E]: for guidance; source [B, T, 64]: for
    `cover_noise_strength`; repaint: frames to keep.
    """

    condition: Condition
    noise: Tensor
    second: Condition | None = None
    null_state: Tensor | None = None
    source: Tensor | None = None
    repaint: Repaint | None = None


def never() -> ExitCode | None:
    """The poll of a run that nobody cancels."""
    return None


def unheard(done: int, total: int) -> None:
    """The progress that nobody follows."""


@torch.no_grad()
def sample(
    dit: DiT,
    inputs: SamplerInputs,
    options: SamplingOptions,
    schedule: Schedule,
    noise_source: NoiseSource | None = None,
    on_step: Callable[[int, int], None] = unheard,
    cancelled: Cancelling = never,
    *,
    on_call: Callable[[float], None] | None = None,
) -> Tensor:
    """Clean latents [B, T, 64] float32 on the device of `dit`.

    noise_source: needed by `sde`; on_step(done, total) after every step; cancelled is polled before
    every network call and its code raised as Cancelled; on_call is told the time of each call.
    UnusableResult when the network's answer is not finite.
    """
    inputs = _on_device(inputs, dit.scale_shift_table.device)
    latents = inputs.noise
    if options.cover_noise_strength > 0:
        schedule = schedule.starting_near(1 - options.cover_noise_strength)
        latents = _noised(needed(inputs.source, "source"), schedule.exact[0], inputs.noise)
    network = VelocityField(dit, schedule, cancelled=cancelled, on_call=on_call)
    run = _Run(network, inputs, options, noise_source)
    for index in range(schedule.steps):
        latents = run.step(latents, index)
        on_step(index + 1, schedule.steps)
    return latents if inputs.repaint is None else blend(latents, inputs.repaint)


class _Run:
    """What lives from step to step: prepared condition, momentum, previous velocity."""

    def __init__(
        self,
        network: VelocityField,
        inputs: SamplerInputs,
        options: SamplingOptions,
        noise_source: NoiseSource | None,
    ) -> None:
        self.network, self.inputs, self.options = network, inputs, options
        self.schedule, self.noise_source = network.schedule, noise_source
        self.guided = options.guidance_scale > 1
        self.momentum = Momentum()
        self.previous: Tensor | None = None
        self.switch = self._switch_step()
        self.injected = inputs.repaint.injected_steps(self.schedule.steps) if inputs.repaint else 0
        self.prepared = self._prepare(inputs.condition if self.switch > 0 else self._second())

    def step(self, latents: Tensor, index: int) -> Tensor:
        """Latents at time number `index` to those at the next."""
        if index == self.switch > 0:
            self.prepared = self._prepare(self._second())
        time, after = self.schedule.times[index], self._next_time(index)
        plain_end = self.options.turbo and index == self.schedule.steps - 1
        velocity = first = self._smoothed(self._velocity(latents, index), latents, self.previous)
        if self.options.infer_method == "sde":
            moved = self._renoised(latents - velocity * time, after)
        else:
            if self.options.sampler_mode == "heun" and not plain_end:
                velocity = self._corrected(latents, velocity, index)
            moved = latents - velocity * (time - after)
        check_finite(velocity, index + 1, self.schedule.steps)
        self.previous = velocity
        if self.options.wavelet is not None:
            moved = correct(moved, latents - first * time, time, self.options.wavelet)
        if self.inputs.repaint is not None and index < self.injected and not plain_end:
            moved = inject(moved, self.inputs.repaint, after, self.inputs.noise)
        return moved

    def _switch_step(self) -> int:
        if self.inputs.second is None:
            return self.schedule.steps
        return self.schedule.switch_step(self.options.audio_cover_strength)

    def _second(self) -> Condition:
        return needed(self.inputs.second, "second")

    def _prepare(self, condition: Condition) -> Prepared:
        null = needed(self.inputs.null_state, "null_state") if self.guided else None
        return self.network.prepare(condition, null)

    def _next_time(self, index: int) -> float:
        if self.options.infer_method == "sde" and self.options.parity.linear_sde_times:
            return 1 - (index + 1) / self.schedule.steps
        return self.schedule.times[index + 1]

    def _acts(self, index: int) -> bool:
        """Whether guidance acts at time number `index`."""
        time, options = self.schedule.times[index], self.options
        return self.guided and within(time, options.cfg_interval_start, options.cfg_interval_end)

    def _velocity(self, latents: Tensor, index: int) -> Tensor:
        if not self._acts(index):
            return self.network.conditional(latents, self.prepared, index)
        conditional, null = self.network.pair(latents, self.prepared, index)
        scale = self.options.guidance_scale
        if self.options.use_adg:
            return angle_guidance(latents, conditional, null, self.schedule.times[index], scale)
        return projected_guidance(conditional, self.momentum.advance(conditional - null), scale)

    def _corrector_velocity(self, latents: Tensor, index: int) -> Tensor:
        """The second velocity of a Heun step. Plain guidance stands in for APG, whose momentum
        moves once a step, and for ADG at time 0, where it is not defined."""
        if not self._acts(index):
            return self.network.conditional(latents, self.prepared, index)
        conditional, null = self.network.pair(latents, self.prepared, index)
        time, scale = self.schedule.times[index], self.options.guidance_scale
        if self.options.use_adg and time > 0:
            return angle_guidance(latents, conditional, null, time, scale)
        return plain_guidance(conditional, null, scale)

    def _corrected(self, latents: Tensor, velocity: Tensor, index: int) -> Tensor:
        """Mean of the velocities at both ends of the step (trapezoidal rule)."""
        times = self.schedule.times
        ahead = latents - velocity * (times[index] - times[index + 1])
        second = self._corrector_velocity(ahead, index + 1)
        return (velocity + self._smoothed(second, ahead, velocity)) / 2

    def _smoothed(self, velocity: Tensor, latents: Tensor, previous: Tensor | None) -> Tensor:
        options = self.options
        limited = clamp_norm(velocity, latents, options.velocity_norm_threshold)
        return moving_average(limited, previous, options.velocity_ema_factor)

    def _renoised(self, clean: Tensor, time: float) -> Tensor:
        if time == 0:
            return clean
        fresh = needed(self.noise_source, "noise_source").draw()
        return _noised(clean, time, fresh.to(clean.device))


def clamp_norm(velocity: Tensor, latents: Tensor, threshold: float) -> Tensor:
    """Shrink the velocity of an item to at most `threshold` times the norm of its latents (0: off).

    Both [B, T, C]; norms are over T and C.
    """
    if threshold <= 0:
        return velocity
    norm = velocity.norm(dim=(1, 2), keepdim=True) + 1e-10
    limit = threshold * (latents.norm(dim=(1, 2), keepdim=True) + 1e-10)
    return velocity * (limit / norm).clamp(max=1)


def moving_average(velocity: Tensor, previous: Tensor | None, factor: float) -> Tensor:
    """(1 - factor) * velocity + factor * previous; the velocity alone without a previous one."""
    if previous is None or factor <= 0:
        return velocity
    return (1 - factor) * velocity + factor * previous


def _noised(clean: Tensor, time: float, noise: Tensor) -> Tensor:
    """Clean latents at noise level `time`."""
    return time * noise + (1 - time) * clean


def _on_device(inputs: SamplerInputs, device: torch.device) -> SamplerInputs:
    """Latents in float32 on the device; conditions are moved when they are prepared."""

    def move(x: Tensor) -> Tensor:
        return x.to(device, torch.float32)

    repaint = inputs.repaint
    if repaint is not None:
        repaint = replace(
            repaint, mask=repaint.mask.to(device, torch.bool), source=move(repaint.source)
        )
    source = None if inputs.source is None else move(inputs.source)
    return replace(inputs, noise=move(inputs.noise), source=source, repaint=repaint)
