"""The arguments of the original's handler as plans and requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.turbo_times import TURBO_STEP_LIMIT
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import MAX_CODE

UNPLANNED_SECONDS = 120.0
# Arguments of the original that shape the sampling, under their names of today.
_SAMPLING = (
    "inference_steps",
    "guidance_scale",
    "use_adg",
    "cfg_interval_start",
    "cfg_interval_end",
    "shift",
    "infer_method",
    "sampler_mode",
    "timesteps",
    "velocity_norm_threshold",
    "velocity_ema_factor",
    "dcw_enabled",
    "dcw_mode",
    "dcw_scaler",
    "dcw_high_scaler",
    "dcw_wavelet",
    "latent_shift",
    "latent_rescale",
    "retake_variance",
    "audio_cover_strength",
    "cover_noise_strength",
)
_DEFAULTS = {"shift": 1.0, "dcw_enabled": True, "inference_steps": 8}
_CODE = re.compile(r"<\|audio_code_(\d+)\|>")


def plans_of(arguments: Mapping[str, Any], items: int) -> list[Plan]:
    """The words and codes of `items` items, as typed."""
    duration = arguments.get("audio_duration") or 0
    plan = Plan(
        caption=arguments.get("captions", ""),
        lyrics=arguments.get("lyrics", ""),
        duration=duration if duration > 0 else UNPLANNED_SECONDS,
        language=arguments.get("vocal_language") or "en",
        bpm=arguments.get("bpm"),
        keyscale=arguments.get("key_scale") or None,
        timesignature=arguments.get("time_signature") or None,
    )
    return [replace(plan, audio_codes=read_codes(text)) for text in codes_texts(arguments, items)]


def codes_texts(arguments: Mapping[str, Any], items: int) -> list[str]:
    """The audio codes of each item in text form: one string serves all, missing ones are empty."""
    given = arguments.get("audio_code_string") or ""
    texts = [given] if isinstance(given, str) else [text or "" for text in given]
    texts = texts * items if len(texts) == 1 else texts
    return [text.strip() for text in [*texts, *[""] * items][:items]]


def read_codes(text: str) -> tuple[int, ...]:
    """The codes in `text` as the original reads them: the highest stands for all above it."""
    return tuple(min(int(number), MAX_CODE) for number in _CODE.findall(text))


def request_of(arguments: Mapping[str, Any], *, turbo: bool, morphed: bool) -> SongRequest:
    """The arguments that shape the sampling."""
    given = {name: arguments[name] for name in _SAMPLING if arguments.get(name) is not None}
    given["flow_edit_morph"] = morphed
    values = {**_DEFAULTS, **given}
    if "timesteps" in values:
        values["timesteps"] = tuple(values["timesteps"])
    if turbo:
        # More steps than a turbo checkpoint takes are cut by the original and refused by us.
        values["inference_steps"] = min(values["inference_steps"], TURBO_STEP_LIMIT)
    return SongRequest(**values)
