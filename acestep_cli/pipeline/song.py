"""The one place that knows the order: words, condition, latents, sound.

Stages run over all items of a job before the next one begins, so that each stage's weights are
loaded once and gone before the next ones come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode
from acestep_cli.events import Observer, StageProgress, Warned, stage
from acestep_cli.pipeline.conditioner import (
    TextFeatures,
    Words,
    pack_condition,
    read_words,
    write_words,
)
from acestep_cli.pipeline.decoder import decode_song
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.noise import SeededNoise, derive_seed, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.sampler import SamplerInputs, SamplingOptions, sample
from acestep_cli.pipeline.schedule import Schedule
from acestep_cli.pipeline.tasks import HOP, SAMPLE_RATE, Canvas, text2music
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


@torch.no_grad()
def make_songs(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> Iterator[Song]:
    """Make every item of `job`; songs come in order, each as soon as it is decoded.

    Raises Cancelled within one denoising step of a signal, UnusableResult where a network's answer
    is not finite.
    """
    canvases = [_canvas(item, job, networks) for item in job.items]
    with stage(observer, "words"):
        features = _read(job, canvases, networks, observer)
        _poll(cancelled)
        conditions = _pack(features, networks, guided=job.sampling.guidance_scale > 1)
    _poll(cancelled)
    latents = _compose(job, canvases, conditions, networks, observer, cancelled)
    yield from _render(job, canvases, latents, networks, observer, cancelled)


@dataclass(frozen=True, slots=True)
class _Packed:
    states: list[Tensor]
    null_state: Tensor | None


def _canvas(item: Item, job: SongJob, networks: Networks) -> Canvas:
    return text2music(item.plan.duration, networks.silence, job.instruction, job.parity)


def _read(
    job: SongJob, canvases: list[Canvas], networks: Networks, observer: Observer
) -> list[TextFeatures]:
    written: list[Words] = []
    for item, canvas in zip(job.items, canvases, strict=True):
        words = write_words(
            item.plan, canvas.instruction, item.plan.duration, networks.tokenizer, job.parity
        )
        for code, message in words.warnings:
            observer(Warned(code, message))
        written.append(words)
    encoder = networks.text_encoder()
    # Items of a batch mostly share their words, and the same words have the same features.
    known = {words: read_words(words, encoder) for words in dict.fromkeys(written)}
    return [known[words] for words in written]


def _pack(features: list[TextFeatures], networks: Networks, *, guided: bool) -> _Packed:
    encoder = networks.condition_encoder()
    timbre = silent_timbre(networks, encoder)
    known = {id(found): pack_condition(found, timbre, encoder) for found in features}
    null_state = networks.null_condition() if guided else None
    return _Packed([known[id(found)] for found in features], null_state)


def _compose(
    job: SongJob,
    canvases: list[Canvas],
    conditions: _Packed,
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> list[Tensor]:
    dit = networks.dit()
    steps = job.schedule.steps
    made = []
    for item, canvas, states in zip(job.items, canvases, conditions.states, strict=True):
        frames = canvas.source.shape[1]
        inputs = SamplerInputs(
            condition=Condition(states, canvas.context),
            noise=_noise(job, item, frames),
            null_state=conditions.null_state,
            source=canvas.source,
        )
        with stage(observer, "compose", total=steps, unit="steps", item=item.index):
            made.append(
                sample(
                    dit,
                    inputs,
                    job.sampling,
                    job.schedule,
                    SeededNoise.derived([item.seed], "sde", frames),
                    _steps_to(observer, item.index),
                    cancelled,
                ).cpu()
            )
    return made


def _render(
    job: SongJob,
    canvases: list[Canvas],
    latents: list[Tensor],
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> Iterator[Song]:
    vae = networks.decoder()
    for item, canvas, made in zip(job.items, canvases, latents, strict=True):
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


def _steps_to(observer: Observer, item: int) -> Callable[[int, int], None]:
    return lambda done, total: observer(StageProgress("compose", done, total, item))


def _seconds_to(observer: Observer, item: int, total: float) -> Callable[[float], None]:
    return lambda done: observer(StageProgress("render", done, total, item))


def _poll(cancelled: CancelPoll) -> None:
    code = cancelled()
    if code is not None:
        raise Cancelled(code)
