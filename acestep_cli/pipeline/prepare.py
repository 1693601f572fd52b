"""A settled request as the sampler takes it: a schedule and options."""

from __future__ import annotations

from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.sampler import SamplingOptions
from acestep_cli.pipeline.schedule import (
    Schedule,
    base_schedule,
    flow_edit_schedule,
    turbo_schedule,
)
from acestep_cli.pipeline.turbo_times import TURBO_STEP_LIMIT
from acestep_cli.pipeline.wavelet import Correction
from acestep_cli.request import SongRequest


def schedule_of(request: SongRequest, *, turbo: bool, parity: Parity | None = None) -> Schedule:
    """The times of a request whose steps and shift are settled."""
    parity = parity or Parity()
    steps, shift = request.inference_steps, request.shift
    assert steps is not None and shift is not None  # settled
    times = request.timesteps or None
    if turbo:
        steps = min(steps, TURBO_STEP_LIMIT, parity.turbo_step_limit)
    if request.flow_edit_morph:
        return flow_edit_schedule(steps, shift, times)
    if turbo:
        return turbo_schedule(steps, shift, times)
    return base_schedule(steps, shift, times, switch_on_steps=parity.cover_steps_before_override)


def sampling_of(
    request: SongRequest, *, turbo: bool, parity: Parity | None = None
) -> SamplingOptions:
    """The sampler's options of a settled request."""
    parity = parity or Parity()
    assert request.guidance_scale is not None  # settled above
    correction = Correction(
        mode=request.dcw_mode,  # type: ignore[arg-type]  # validated against the same choices
        scaler=request.dcw_scaler,
        high_scaler=request.dcw_high_scaler,
        wavelet=request.dcw_wavelet,
    )
    return SamplingOptions(
        turbo=turbo,
        infer_method=request.infer_method,  # type: ignore[arg-type]
        sampler_mode=request.sampler_mode,  # type: ignore[arg-type]
        guidance_scale=request.guidance_scale,
        use_adg=request.use_adg,
        cfg_interval_start=request.cfg_interval_start,
        cfg_interval_end=request.cfg_interval_end,
        velocity_norm_threshold=request.velocity_norm_threshold,
        velocity_ema_factor=request.velocity_ema_factor,
        audio_cover_strength=request.audio_cover_strength,
        cover_noise_strength=request.cover_noise_strength,
        wavelet=correction if request.dcw_enabled else None,
        parity=parity,
    )
