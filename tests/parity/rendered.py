"""What the original's handler was told, made into a song by our stages one by one.

Families `handler` and `end_to_end` share it: both record the arguments of the handler, which takes
words, numbers and perhaps audio codes, and what came of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from acestep_cli.audio.level import anti_clip
from acestep_cli.pipeline.conditioner import Words, pack_condition, read_words, write_words
from acestep_cli.pipeline.decoder import decode_song
from acestep_cli.pipeline.hints import hints_of
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.noise import GivenNoise, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.sampler import SamplerInputs, sample
from acestep_cli.pipeline.schedule import TURBO_STEP_LIMIT
from acestep_cli.pipeline.settle import settle
from acestep_cli.pipeline.song import crop
from acestep_cli.pipeline.tasks import Canvas, fitted, from_codes, released, text2music
from acestep_cli.pipeline.timbre import silent_timbre
from acestep_cli.pipeline.velocity import Condition
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import MAX_CODE

UPSTREAM = Parity(
    wavelet_by_default=True,
    turbo_step_limit=8,
    unplanned_duration=True,
    untrimmed=True,
    cover_strength_everywhere=True,
    cropped_prompts=True,
    prompts_as_typed=True,
)
UNPLANNED_TEXT_SECONDS, UNPLANNED_SECONDS = 30.0, 120.0
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


@dataclass(frozen=True, slots=True)
class Drawn:
    """The randomness of one item: starting noise and what `sde` adds, each [1, T, 64]."""

    noise: Tensor
    sde: Sequence[Tensor] = ()


class Rendered:
    """The items of one call of the original, which all have the words of `plans[0]`.

    arguments: those of the original's handler; plans: one for each item, with its codes.
    """

    def __init__(
        self, networks: Networks, arguments: Mapping[str, Any], plans: Sequence[Plan]
    ) -> None:
        self.networks, self.arguments, self.plans = networks, arguments, plans
        config = networks.config
        turbo = config.is_turbo
        asked = request_of(arguments, turbo=turbo)
        self.request, _ = settle(asked, "turbo" if turbo else "base", "")
        # Only the base family leaves its schedule when it adds noise, and only the plain base model
        # counts steps before a schedule of one's own replaces them.
        plain_base = config.model_version == "base" and not config.separate_encoder
        parity = replace(
            UPSTREAM, linear_sde_times=not turbo, cover_steps_before_override=plain_base
        )
        self.sampling = sampling_of(self.request, turbo=turbo, parity=parity)
        self.schedule = schedule_of(self.request, turbo=turbo, parity=parity)

    @cached_property
    def canvases(self) -> list[Canvas]:
        """One canvas an item, all as long as the longest."""
        silence = self.networks.silence
        instruction = self.arguments.get("instruction") or ""
        blank = text2music(self.plans[0].duration, silence, instruction, UPSTREAM)
        if not any(plan.audio_codes for plan in self.plans):
            return [blank] * len(self.plans)
        decoder = self.networks.detokenizer()
        # An item without codes has silence to follow.
        hints = [
            hints_of(plan.audio_codes, decoder) if plan.audio_codes else blank.source
            for plan in self.plans
        ]
        longest = max(hint.shape[1] for hint in hints)
        return [
            replace(
                from_codes(fitted(hint, silence, longest), 0, silence, parity=UPSTREAM),
                steered=bool(plan.audio_codes),
            )
            for hint, plan in zip(hints, self.plans, strict=True)
        ]

    @property
    def frames(self) -> int:
        """The length of every item."""
        return self.canvases[0].source.shape[1]

    @cached_property
    def words(self) -> tuple[Words, Words]:
        """The prompts of all items: of the first condition and, cropped, of the second."""
        first = self._written(self.canvases[0])
        return first, crop(self._written(self._later(0)), first)

    @cached_property
    def states(self) -> tuple[Tensor, Tensor]:
        """The packed conditions [1, L, E] of `words`."""
        text, encoder = self.networks.text_encoder(), self.networks.condition_encoder()
        timbre = silent_timbre(self.networks, encoder)
        first, later = (
            pack_condition(read_words(words, text), timbre, encoder) for words in self.words
        )
        return first, later

    def latents(self, index: int, drawn: Drawn) -> Tensor:
        """The clean latents [1, T, 64] of item `index`, made on its own."""
        sampling, canvas = self.sampling, self.canvases[index]
        switches = sampling.audio_cover_strength < 1
        later = Condition(self.states[1], self._later(index).context) if switches else None
        guided = sampling.guidance_scale > 1
        inputs = SamplerInputs(
            condition=Condition(self.states[0], canvas.context),
            noise=drawn.noise,
            second=later,
            null_state=self.networks.null_condition() if guided else None,
            source=canvas.source,
        )
        return sample(self.networks.dit(), inputs, sampling, self.schedule, GivenNoise(drawn.sde))

    def noise(self, seed: int, retake_seed: int | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """The first draw of `seed`, that of the retake (None without), and their mixture."""
        first, variance = song_noise(seed, self.frames), self.request.retake_variance
        if not variance or retake_seed is None:
            return first, None, first
        other = song_noise(retake_seed, self.frames)
        return first, other, mix_retake(first, other, variance)

    def wave(self, latents: Tensor) -> Tensor:
        """The waveform [2, S] of latents [1, T, 64], scaled down where it would clip."""
        decoded = decode_song(
            self.networks.decoder(),
            latents[0],
            self.networks.tiling,
            rescale=self.request.latent_rescale,
            shift=self.request.latent_shift,
        )
        return torch.from_numpy(anti_clip(decoded.numpy()))

    def _later(self, index: int) -> Canvas:
        return released(self.canvases[index], self.networks.silence)

    def _written(self, canvas: Canvas) -> Words:
        known = self.arguments.get("audio_duration") or 0
        seconds = known if known > 0 else UNPLANNED_TEXT_SECONDS
        tokenizer = self.networks.tokenizer
        return write_words(self.plans[0], canvas.instruction, seconds, tokenizer, UPSTREAM)


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


def request_of(arguments: Mapping[str, Any], *, turbo: bool) -> SongRequest:
    """The arguments that shape the sampling."""
    given = {name: arguments[name] for name in _SAMPLING if arguments.get(name) is not None}
    values = {**_DEFAULTS, **given}
    if "timesteps" in values:
        values["timesteps"] = tuple(values["timesteps"])
    if turbo:
        # More steps than a turbo checkpoint takes are cut by the original and refused by us.
        values["inference_steps"] = min(values["inference_steps"], TURBO_STEP_LIMIT)
    return SongRequest(**values)
