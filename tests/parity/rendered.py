"""What the original's handler was told, made into a song by our stages one by one.

Families `handler` and `end_to_end` share it: both record the arguments of the handler, which takes
words, numbers and perhaps audio codes or sound, and what came of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from acestep_cli.audio.level import anti_clip
from acestep_cli.pipeline.conditioner import (
    TextFeatures,
    Words,
    pack_condition,
    read_words,
    write_words,
)
from acestep_cli.pipeline.decoder import decode_song
from acestep_cli.pipeline.edit import HOP, Edit, Extent, Morph
from acestep_cli.pipeline.flow_edit import FlowEditInputs, carrying, flow_edit
from acestep_cli.pipeline.hints import codes_of, hints_of
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.noise import GivenNoise, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.prompts import TEXT2MUSIC, StemWords
from acestep_cli.pipeline.sampler import SamplerInputs, sample
from acestep_cli.pipeline.scene import source_latents
from acestep_cli.pipeline.settle import settle
from acestep_cli.pipeline.song import crop
from acestep_cli.pipeline.tasks import (
    Canvas,
    edit_frames,
    edited,
    fitted,
    from_codes,
    released,
    text2music,
)
from acestep_cli.pipeline.timbre import reference_timbre
from acestep_cli.pipeline.velocity import Condition
from tests.parity.arguments import request_of
from tests.parity.sources import NEW, Given, spliced

UPSTREAM = Parity(
    turbo_step_limit=8,
    unplanned_duration=True,
    untrimmed=True,
    cover_strength_everywhere=True,
    regions_in_lego=True,
    cropped_prompts=True,
    prompts_as_typed=True,
)
UNPLANNED_TEXT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """The randomness of one item: starting noise and what `sde` or a flow edit adds on its way,
    each [1, T, 64]."""

    noise: Tensor
    added: Sequence[Tensor] = ()


class Rendered:
    """The items of one call of the original, which all have the words of `plans[0]`.

    arguments: those of the original's handler; plans: one for each item, with its codes; given:
    the sound that the arguments name.
    """

    def __init__(
        self,
        networks: Networks,
        arguments: Mapping[str, Any],
        plans: Sequence[Plan],
        given: Given | None = None,
    ) -> None:
        self.networks, self.arguments, self.given = networks, arguments, given or Given()
        morph = self.given.edit and self.given.edit.morph
        dropped = morph is not None and morph.ground == NEW
        self.plans = [replace(plan, audio_codes=()) if dropped else plan for plan in plans]
        self._states: dict[int, tuple[Tensor, Tensor]] = {}
        self.edit = self.given.edit
        config = networks.config
        turbo = config.is_turbo
        asked = request_of(arguments, turbo=turbo, morphed=bool(self.edit and self.edit.morph))
        settled, _ = settle(replace(asked, timesteps=()), "turbo" if turbo else "base", "")
        # Times of one's own are taken as they are: no final 0 is added, nor are too many refused.
        self.request = replace(settled, timesteps=asked.timesteps)
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
        if self.edit is not None:
            return self._edited(self.edit)
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
                hinted=bool(plan.audio_codes),
            )
            for hint, plan in zip(hints, self.plans, strict=True)
        ]

    @cached_property
    def extent(self) -> Extent | None:
        """What lies where in an edit; None for a new song. The most codes of an item decide."""
        longest = max(len(plan.audio_codes) for plan in self.plans)
        return self.edit.extent(longest, upstream=True) if self.edit is not None else None

    @cached_property
    def source(self) -> Tensor:
        """The latents [1, n, 64] of the source, encoded with the draw of the original; those that
        the original encoded where its draw is not stored."""
        assert self.edit is not None and self.extent is not None
        noise = self.given.noise(self.extent.samples // HOP)
        if noise is None and self.given.target is not None:
            return self.given.target
        return source_latents(self.edit, self.extent, self.networks, upstream=True, noise=noise)

    def _edited(self, edit: Edit) -> list[Canvas]:
        """What is told is what was typed, whatever the task."""
        told = self.arguments.get("instruction") or TEXT2MUSIC
        return [replace(self._laid_out(edit, plan), instruction=told) for plan in self.plans]

    def _laid_out(self, edit: Edit, plan: Plan) -> Canvas:
        silence, extent = self.networks.silence, self.extent
        assert extent is not None
        if edit.samples is None:
            frames = edit_frames(extent, UPSTREAM)
            codes = plan.audio_codes
            hints = hints_of(codes, self.networks.detokenizer()) if codes else silence
            latents = fitted(hints, silence, frames)
            return edited(edit, extent, latents, latents, silence, parity=UPSTREAM)
        return edited(edit, extent, self.source, self._told_by_codes, silence, parity=UPSTREAM)

    @cached_property
    def _told_by_codes(self) -> Tensor | None:
        """The source as a cover follows it: as its audio codes tell it."""
        assert self.edit is not None and self.extent is not None
        if not self.edit.needs_codes:
            return None
        silence = self.networks.silence
        whole = fitted(self.source, silence, edit_frames(self.extent, UPSTREAM))
        codes = codes_of(whole[0], self.networks.audio_tokenizer(), silence)
        return hints_of(codes, self.networks.detokenizer())

    @property
    def frames(self) -> int:
        """The length of every item."""
        return self.canvases[0].source.shape[1]

    @cached_property
    def words(self) -> tuple[Words, Words]:
        """The prompts of all items: of the first condition and, cropped, of the second; of a flow
        edit what it leads to and what it comes from."""
        plan, canvas = self.plans[0], self.canvases[0]
        first = self._written(plan, canvas)
        if self.edit is not None and self.edit.morph is not None:
            morph = self.edit.morph
            origin = replace(plan, caption=morph.caption, lyrics=morph.lyrics)
            return first, self._written(origin, canvas)
        return first, crop(self._written(plan, self._later(0)), first)

    @cached_property
    def _features(self) -> tuple[TextFeatures, TextFeatures]:
        """`words` as they are read."""
        text = self.networks.text_encoder()
        first, later = (read_words(words, text) for words in self.words)
        return first, later

    def states(self, index: int) -> tuple[Tensor, Tensor]:
        """The packed conditions [1, L, E] of `words` with the timbre of item `index`."""
        if index not in self._states:
            encoder = self.networks.condition_encoder()
            timbre = reference_timbre(self.given.reference(index), self.networks, encoder)
            first, later = (pack_condition(read, timbre, encoder) for read in self._features)
            self._states[index] = first, later
        return self._states[index]

    def latents(self, index: int, drawn: Drawn) -> Tensor:
        """The clean latents [1, T, 64] of item `index`, made on its own."""
        sampling, canvas = self.sampling, self.canvases[index]
        if self.edit is not None and self.edit.morph is not None:
            return self._carried(self.edit.morph, index, drawn)
        first, second = self.states(index)
        switches = sampling.audio_cover_strength < 1
        later = Condition(second, self._later(index).context) if switches else None
        guided = sampling.guidance_scale > 1
        inputs = SamplerInputs(
            condition=Condition(first, canvas.context),
            noise=drawn.noise,
            second=later,
            null_state=self.networks.null_condition() if guided else None,
            source=canvas.origin,
            repaint=canvas.repaint,
        )
        return sample(self.networks.dit(), inputs, sampling, self.schedule, GivenNoise(drawn.added))

    def _carried(self, morph: Morph, index: int, drawn: Drawn) -> Tensor:
        canvas, (first, second) = self.canvases[index], self.states(index)
        options = carrying(morph, self.sampling)
        guided = options.guidance_scale > 1
        inputs = FlowEditInputs(
            source=canvas.origin,
            source_condition=Condition(second, canvas.context),
            target_condition=Condition(first, canvas.context),
            null_state=self.networks.null_condition() if guided else None,
        )
        noise = GivenNoise(drawn.added)
        return flow_edit(self.networks.dit(), inputs, options, self.schedule, noise)

    def noise(self, seed: int, retake_seed: int | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """The first draw of `seed`, that of the retake (None without), and their mixture."""
        first, variance = song_noise(seed, self.frames), self.request.retake_variance
        if not variance or retake_seed is None:
            return first, None, first
        other = song_noise(retake_seed, self.frames)
        return first, other, mix_retake(first, other, variance)

    def wave(self, latents: Tensor) -> Tensor:
        """The waveform [2, S] of latents [1, T, 64], scaled down where it would clip, with what
        the original keeps of a source's waveform."""
        decoded = decode_song(
            self.networks.decoder(),
            latents[0],
            self.networks.tiling,
            rescale=self.request.latent_rescale,
            shift=self.request.latent_shift,
        )
        made = torch.from_numpy(anti_clip(decoded.numpy()))
        if self.edit is None or self.extent is None or self.canvases[0].repaint is None:
            return made
        return spliced(made, self.edit, self.extent)

    def _later(self, index: int) -> Canvas:
        return released(self.canvases[index], self.networks.silence)

    def _written(self, plan: Plan, canvas: Canvas) -> Words:
        known = self.arguments.get("audio_duration") or 0
        seconds = known if known > 0 else UNPLANNED_TEXT_SECONDS
        if self.edit is not None and self.edit.samples is not None:
            seconds = canvas.seconds
        tokenizer = self.networks.tokenizer
        return write_words(plan, canvas.instruction, seconds, tokenizer, UPSTREAM, self._stem)

    @property
    def _stem(self) -> StemWords | None:
        if not self.networks.config.is_lego_sft:
            return None
        masked = self.arguments.get("chunk_mask_mode") == "explicit"
        return StemWords(self.arguments.get("global_caption") or "", masked)
