"""The one place that knows the order: source, codes, words, condition, latents, sound.

Stages run over all items of a job before the next one begins, so that each stage's weights are
loaded once and gone before the next ones come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from acestep_cli.events import Observer, StageProgress, Warned, stage
from acestep_cli.models.dit import DiT
from acestep_cli.pipeline.conditioner import (
    TextFeatures,
    Words,
    pack_condition,
    read_words,
    write_words,
)
from acestep_cli.pipeline.decoder import decode_song, poll_of
from acestep_cli.pipeline.flow_edit import FlowEditInputs, carrying, flow_edit
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.noise import SeededNoise, derive_seed, mix_retake, song_noise
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.sampler import SamplerInputs, sample
from acestep_cli.pipeline.scene import CancelPoll, Scene, scenes_of
from acestep_cli.pipeline.scene import Item as Item
from acestep_cli.pipeline.scene import SongJob as SongJob
from acestep_cli.pipeline.tasks import HOP, SAMPLE_RATE
from acestep_cli.pipeline.timbre import reference_timbre
from acestep_cli.pipeline.velocity import Condition, needed


@dataclass(frozen=True, slots=True)
class Song:
    """A finished item: latents [T, 64] float32 and samples [2, S] float32 at 48 kHz, as decoded."""

    index: int
    latents: Tensor
    samples: Any


@dataclass(frozen=True, slots=True)
class _Told:
    """What the DiT is told in words for a scene: packed states [1, L, E]. `later` is for the steps
    after the switch or, where a source is carried elsewhere, for what it is carried from."""

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
    scenes = scenes_of(job, networks, observer, cancelled)
    with stage(observer, "words"):
        words = [_write(scene, job, networks, observer) for scene in scenes]
        features = _read(words, networks)
        poll_of(cancelled)()
        told = _tell(scenes, words, features, networks, guided=job.sampling.guidance_scale > 1)
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


def _write(
    scene: Scene, job: SongJob, networks: Networks, observer: Observer
) -> tuple[Words, Words | None]:
    """The words of the first condition and of the second: for the steps after the switch, or what
    a source that is carried elsewhere says of itself."""
    plan, canvas = scene.item.plan, scene.canvas

    def write(told: Plan, instruction: str) -> Words:
        return write_words(
            told, instruction, canvas.seconds, networks.tokenizer, job.parity, job.stem
        )

    words = write(plan, canvas.instruction)
    for code, message in words.warnings:
        observer(Warned(code, message))
    morph = job.edit.morph if job.edit is not None else None
    if morph is not None:
        origin = replace(plan, caption=morph.caption, lyrics=morph.lyrics)
        return words, write(origin, canvas.instruction)
    if scene.later is None:
        return words, None
    later = write(plan, scene.later.instruction)
    return words, crop(later, words) if job.parity.cropped_prompts else later


def _read(words: list[tuple[Words, Words | None]], networks: Networks) -> dict[Words, TextFeatures]:
    """Items of a batch mostly share their words, and the same words have the same features."""
    encoder = networks.text_encoder()
    every = dict.fromkeys(one for pair in words for one in pair if one is not None)
    return {one: read_words(one, encoder) for one in every}


def _tell(
    scenes: list[Scene],
    words: list[tuple[Words, Words | None]],
    features: dict[Words, TextFeatures],
    networks: Networks,
    *,
    guided: bool,
) -> list[_Told]:
    encoder = networks.condition_encoder()
    timbres, packed = dict[int, Tensor](), dict[tuple[Words, int], Tensor]()

    def pack(one: Words, reference: Tensor | None) -> Tensor:
        key = id(reference)
        if key not in timbres:
            timbres[key] = reference_timbre(reference, networks, encoder)
        if (one, key) not in packed:
            packed[one, key] = pack_condition(features[one], timbres[key], encoder)
        return packed[one, key]

    states = [
        (pack(first, scene.reference), None if later is None else pack(later, scene.reference))
        for scene, (first, later) in zip(scenes, words, strict=True)
    ]
    null = networks.null_condition() if guided else None
    return [_Told(first, later, null) for first, later in states]


def _compose(
    job: SongJob,
    scenes: list[Scene],
    told: list[_Told],
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> list[Tensor]:
    dit = networks.dit()
    steps = job.schedule.steps
    made = []
    for scene, words in zip(scenes, told, strict=True):
        item = scene.item
        with stage(observer, "compose", total=steps, unit="steps", item=item.index):
            on_step = _steps_to(observer, item.index)
            made.append(_composed(dit, scene, words, job, on_step, cancelled).cpu())
    return made


def _composed(
    dit: DiT,
    scene: Scene,
    words: _Told,
    job: SongJob,
    on_step: Callable[[int, int], None],
    cancelled: CancelPoll,
) -> Tensor:
    seed, frames = scene.item.seed, scene.canvas.source.shape[1]
    if job.edit is not None and job.edit.morph is not None:
        source = SeededNoise(
            [seed if job.retake_seed is None else _retake(job, scene.item)], frames
        )
        options = carrying(job.edit.morph, job.sampling)
        carried = _carried(scene, words)
        return flow_edit(dit, carried, options, job.schedule, source, on_step, cancelled)
    noise = SeededNoise.derived([seed], "sde", frames)
    inputs = _inputs(scene, words, job)
    return sample(dit, inputs, job.sampling, job.schedule, noise, on_step, cancelled)


def _carried(scene: Scene, told: _Told) -> FlowEditInputs:
    context = scene.canvas.context
    return FlowEditInputs(
        source=scene.canvas.origin,
        source_condition=Condition(needed(told.later, "words of the source"), context),
        target_condition=Condition(told.states, context),
        null_state=told.null,
    )


def _inputs(scene: Scene, told: _Told, job: SongJob) -> SamplerInputs:
    later = None
    if scene.later is not None and told.later is not None:
        later = Condition(told.later, scene.later.context)
    return SamplerInputs(
        condition=Condition(told.states, scene.canvas.context),
        noise=_noise(job, scene.item, scene.canvas.source.shape[1]),
        second=later,
        null_state=told.null,
        source=scene.canvas.origin,
        repaint=scene.canvas.repaint,
    )


def _render(
    job: SongJob,
    scenes: list[Scene],
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
    return mix_retake(noise, song_noise(_retake(job, item), frames), job.retake_variance)


def _retake(job: SongJob, item: Item) -> int:
    """The seed of an item's variation."""
    seed = job.retake_seed
    return derive_seed(item.seed, "retake") if seed is None else seed + item.index


def _steps_to(observer: Observer, item: int) -> Callable[[int, int], None]:
    return lambda done, total: observer(StageProgress("compose", done, total, item))


def _seconds_to(observer: Observer, item: int, total: float) -> Callable[[float], None]:
    return lambda done: observer(StageProgress("render", done, total, item))
