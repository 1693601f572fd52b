"""A request settled for a checkpoint, before any network is needed: steps, guidance, shift, seeds.

What the checkpoint cannot use is a warning; what it cannot do is an error.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from acestep_cli.errors import UsageError
from acestep_cli.pipeline.turbo_times import TURBO_STEP_LIMIT, open_times, snapped_times
from acestep_cli.request import SongRequest
from acestep_cli.weights.catalog import SAMPLING, Family, Sampling

SEED_LIMIT = 2**32
# A custom time that is moved by less was only rounded when it was typed.
_MOVED = 0.001

Warnings = list[tuple[str, str]]


def settle(
    request: SongRequest, family: Family, model: str, defaults: Sampling | None = None
) -> tuple[SongRequest, Warnings]:
    """`request` with every number that the checkpoint `model` of `family` decides filled in, from
    its own `defaults` or those of the family, and (code, sentence) pairs on what it cannot use.
    UsageError for steps and times that it does not take."""
    defaults = defaults or SAMPLING[family]
    turbo = family == "turbo"
    warnings = _unusable(request, model) if turbo else []
    guidance = request.guidance_scale if request.guidance_scale is not None else defaults.guidance
    steps = request.inference_steps or defaults.steps
    if turbo and steps > TURBO_STEP_LIMIT:
        raise UsageError(
            f"{steps} steps are more than the {TURBO_STEP_LIMIT} that {model} takes",
            "ask for fewer --steps, or name a base or sft checkpoint with --model",
        )
    times = request.timesteps
    if times and turbo and not request.flow_edit_morph:
        warnings += _snapped(times, model)
    elif times and times[-1] != 0:
        # A run that stops above 0 would leave noise in the song.
        warnings.append(("timesteps_closed", "the timesteps do not end with 0, which is added"))
        times = (*times, 0.0)
    settled = replace(
        request,
        inference_steps=steps,
        guidance_scale=1.0 if turbo or guidance is None else guidance,
        shift=request.shift if request.shift is not None else defaults.shift,
        timesteps=times,
    )
    return settled, warnings


def draw_seeds(asked: tuple[int, ...], items: int) -> tuple[int, ...]:
    """One seed in 0..2^32-1 for each item: those asked for; one alone counts up from item to item;
    -1 and missing ones are drawn."""
    if len(asked) == 1 and asked[0] >= 0:
        return tuple((asked[0] + index) % SEED_LIMIT for index in range(items))
    padded = [*asked, *[-1] * items][:items]
    return tuple(seed if seed >= 0 else secrets.randbelow(SEED_LIMIT) for seed in padded)


def _snapped(times: tuple[float, ...], model: str) -> Warnings:
    """What becomes of custom times on a turbo checkpoint. UsageError for too many."""
    asked = open_times(times)
    if len(asked) > TURBO_STEP_LIMIT:
        raise UsageError(
            f"{len(asked)} timesteps are more than the {TURBO_STEP_LIMIT} that {model} takes",
            "leave some out, or name a base or sft checkpoint with --model",
        )
    used = snapped_times(asked)
    if all(abs(one - other) < _MOVED for one, other in zip(asked, used, strict=True)):
        return []
    told = ", ".join(f"{time:.3g}" for time in used)
    message = f"the timesteps become {told}: {model} knows {TURBO_STEP_LIMIT} times alone"
    return [("timesteps_snapped", message)]


def _unusable(request: SongRequest, model: str) -> Warnings:
    """What a distilled checkpoint has no use for."""
    useless = []
    if request.guidance_scale is not None and request.guidance_scale != 1:
        useless.append(f"guidance {request.guidance_scale:g}")
    if request.use_adg:
        useless.append("use_adg")
    if (request.cfg_interval_start, request.cfg_interval_end) != (0.0, 1.0):
        useless.append("the guidance interval")
    return [
        ("unused_parameter", f"{what} has no effect on {model}, which runs without guidance")
        for what in useless
    ]
