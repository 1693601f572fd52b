"""The one place that knows the order: codes, words, condition, latents, sound.

Stages run over all items of a job before the next one begins, so that each stage's weights are
loaded once and gone before the next ones come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from acestep_cli.errors import ExitCode
from acestep_cli.events import Observer, StageProgress, Warned, stage
from acestep_cli.pipeline.conditioner import (
    TextFeatures,
    Words,
    pack_condition,
    read_words,
    write_words,
)
from acestep_cli.pipeline.decoder import decode_song, poll_of
from acestep_cli.pipeline.hints import hints_of
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.noise import SeededNoise, derive_seed, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.sampler import SamplerInputs, SamplingOptions, sample
from acestep_cli.pipeline.schedule import Schedule
from acestep_cli.pipeline.tasks import HOP, SAMPLE_RATE, Canvas, from_codes, released, text2music
from acestep_cli.pipeline.timbre import silent_timbre
from acestep_cli.pipeline.velocity import Condition

CancelPoll = Callable[[], ExitCode | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One song of a job: its place in the batch, its seed, its plan."""

    index: int
    seed: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class SongJob:
    """All that shapes the sound of a batch beside its items."""

    items: tuple[Item, ...]
    schedule: Schedule
    sampling: SamplingOptions
    instruction: str = ""
    latent_shift: float = 0.0
    latent_rescale: float = 1.0
    retake_seed: int | None = None
    retake_variance: float = 0.0
    parity: Parity = field(default_factory=Parity)


@dataclass(frozen=True, slots=True)
class Song:
    """A finished item: latents [T, 64] float32 and samples [2, S] float32 at 48 kHz, as decoded."""

    index: int
    latents: Tensor
    samples: Any


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the steps of an item see: `canvas`, and `later` from the switch of
    `audio_cover_strength` on (None: no switch)."""

    item: Item
    canvas: Canvas
    later: Canvas | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the DiT is told in words for a scene: packed states [1, L, E] for both canvases."""

    states: Tensor
    later: Tensor | None
    null: Tensor | None


@torch.no_grad()
def make_songs(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> Iterator[Song]:
    """Make every item of `job`; songs come in order, each as soon as it is decoded.

    Raises Cancelled within one denoising step of a signal, UnusableResult where a network's answer
    is not finite.
    """
    hints = _hints(job, networks, observer, cancelled)
    scenes = [_scene(item, hints, job, networks) for item in job.items]
    with stage(observer, "words"):
        words = [_write(scene, job, networks, observer) for scene in scenes]
        features = _read(words, networks)
        poll_of(cancelled)()
        told = _tell(words, features, networks, guided=job.sampling.guidance_scale > 1)
    poll_of(cancelled)()
    latents = _compose(job, scenes, told, networks, observer, cancelled)
    yield from _render(job, scenes, latents, networks, observer, cancelled)


def crop(later: Words, first: Words) -> Words:
    """The words of the second condition with as many caption tokens as the first has.

    Upstream crops, or fills up with the end token, and the DiT attends to what is filled up.
    """
    length, ids = len(first.caption_ids), later.caption_ids
    filled = ids + ids[-1:] * max(0, length - len(ids))
    return replace(later, caption_ids=filled[:length])


def _hints(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> dict[tuple[int, ...], Tensor]:
    """The latents of all audio codes of a batch; nothing is loaded where there are none."""
    wanted = dict.fromkeys(item.plan.audio_codes for item in job.items if item.plan.audio_codes)
    if not wanted:
        return {}
    total, found = sum(map(len, wanted)), dict[tuple[int, ...], Tensor]()
    with stage(observer, "hints", total=total, unit="codes"):
        decoder, done = networks.detokenizer(), 0
        for codes in wanted:
            progress = _codes_to(observer, done, total)
            found[codes] = hints_of(codes, decoder, poll_of(cancelled), progress)
            done += len(codes)
    return found


def _scene(
    item: Item, hints: dict[tuple[int, ...], Tensor], job: SongJob, networks: Networks
) -> _Scene:
    plan, silence, parity = item.plan, networks.silence, job.parity
    if plan.audio_codes:
        canvas = from_codes(
            hints[plan.audio_codes], plan.duration, silence, job.instruction, parity
        )
    else:
        canvas = text2music(plan.duration, silence, job.instruction, parity)
    switches = job.sampling.audio_cover_strength < 1
    if switches and (canvas.steered or parity.cover_strength_everywhere):
        return _Scene(item, canvas, released(canvas, silence))
    return _Scene(item, canvas, None)


def _write(
    scene: _Scene, job: SongJob, networks: Networks, observer: Observer
) -> tuple[Words, Words | None]:
    plan, tokenizer = scene.item.plan, networks.tokenizer
    words = write_words(plan, scene.canvas.instruction, plan.duration, tokenizer, job.parity)
    for code, message in words.warnings:
        observer(Warned(code, message))
    if scene.later is None:
        return words, None
    later = write_words(plan, scene.later.instruction, plan.duration, tokenizer, job.parity)
    return words, crop(later, words) if job.parity.cropped_prompts else later


def _read(words: list[tuple[Words, Words | None]], networks: Networks) -> dict[Words, TextFeatures]:
    """Items of a batch mostly share their words, and the same words have the same features."""
    encoder = networks.text_encoder()
    every = dict.fromkeys(one for pair in words for one in pair if one is not None)
    return {one: read_words(one, encoder) for one in every}


def _tell(
    words: list[tuple[Words, Words | None]],
    features: dict[Words, TextFeatures],
    networks: Networks,
    *,
    guided: bool,
) -> list[_Told]:
    encoder = networks.condition_encoder()
    timbre = silent_timbre(networks, encoder)
    packed = {one: pack_condition(found, timbre, encoder) for one, found in features.items()}
    null = networks.null_condition() if guided else None
    return [
        _Told(packed[first], None if later is None else packed[later], null)
        for first, later in words
    ]


def _compose(
    job: SongJob,
    scenes: list[_Scene],
    told: list[_Told],
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> list[Tensor]:
    dit = networks.dit()
    steps = job.schedule.steps
    made = []
    for scene, words in zip(scenes, told, strict=True):
        item, inputs = scene.item, _inputs(scene, words, job)
        with stage(observer, "compose", total=steps, unit="steps", item=item.index):
            made.append(
                sample(
                    dit,
                    inputs,
                    job.sampling,
                    job.schedule,
                    SeededNoise.derived([item.seed], "sde", inputs.noise.shape[1]),
                    _steps_to(observer, item.index),
                    cancelled,
                ).cpu()
            )
    return made


def _inputs(scene: _Scene, told: _Told, job: SongJob) -> SamplerInputs:
    later = None
    if scene.later is not None and told.later is not None:
        later = Condition(told.later, scene.later.context)
    return SamplerInputs(
        condition=Condition(told.states, scene.canvas.context),
        noise=_noise(job, scene.item, scene.canvas.source.shape[1]),
        second=later,
        null_state=told.null,
        source=scene.canvas.source,
    )


def _render(
    job: SongJob,
    scenes: list[_Scene],
    latents: list[Tensor],
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> Iterator[Song]:
    vae = networks.decoder()
    for scene, made in zip(scenes, latents, strict=True):
        item, canvas = scene.item, scene.canvas
        seconds = canvas.source.shape[1] * HOP / SAMPLE_RATE
        with stage(observer, "render", total=seconds, unit="s", item=item.index):
            samples = decode_song(
                vae,
                made[0],
                networks.tiling,
                rescale=job.latent_rescale,
                shift=job.latent_shift,
                on_progress=_seconds_to(observer, item.index, seconds),
                cancelled=cancelled,
            )
        yield Song(item.index, made[0], samples.numpy()[:, : canvas.samples])


def _noise(job: SongJob, item: Item, frames: int) -> Tensor:
    noise = song_noise(item.seed, frames)
    if job.retake_variance <= 0:
        return noise
    seed = job.retake_seed
    other = derive_seed(item.seed, "retake") if seed is None else seed + item.index
    return mix_retake(noise, song_noise(other, frames), job.retake_variance)


def _codes_to(observer: Observer, before: int, total: int) -> Callable[[float], None]:
    return lambda done: observer(StageProgress("hints", before + done, total))


def _steps_to(observer: Observer, item: int) -> Callable[[int, int], None]:
    return lambda done, total: observer(StageProgress("compose", done, total, item))


def _seconds_to(observer: Observer, item: int, total: float) -> Callable[[float], None]:
    return lambda done: observer(StageProgress("render", done, total, item))
