"""What the steps of an item see: the source heard once for a job, codes decoded, canvases laid out.

Facts: pipeline 8.2 to 8.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from acestep_cli.errors import ExitCode
from acestep_cli.events import Observer, StageProgress, stage
from acestep_cli.pipeline.decoder import Progress, encode_song, poll_of, silent
from acestep_cli.pipeline.edit import HOP, SAMPLE_RATE, Edit, Extent
from acestep_cli.pipeline.hints import CodeNetworks, codes_of, hints_of
from acestep_cli.pipeline.networks import Networks
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import StemWords
from acestep_cli.pipeline.sampler import SamplingOptions, never
from acestep_cli.pipeline.schedule import Schedule
from acestep_cli.pipeline.tasks import (
    Canvas,
    edit_frames,
    edited,
    fitted,
    from_codes,
    released,
    silence_frames,
    text2music,
)
from acestep_cli.pipeline.timbre import reference_latents

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

CancelPoll = Callable[[], ExitCode | None]
Codes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One song of a job: its place in the batch, its seed, its plan; `track` is the one that it
    extracts or adds (None: that of the edit)."""

    index: int
    seed: int
    plan: Plan
    track: str | None = None


@dataclass(frozen=True, slots=True)
class SongJob:
    """All that shapes the sound of a batch beside its items.

    edit: what is done with a source, None for new songs; reference: float32 [2, S] at 48 kHz, the
    sound whose timbre all items follow; stem: what a checkpoint of single stems reads around the
    caption, None for every other.
    """

    items: tuple[Item, ...]
    schedule: Schedule
    sampling: SamplingOptions
    instruction: str = ""
    latent_shift: float = 0.0
    latent_rescale: float = 1.0
    retake_seed: int | None = None
    retake_variance: float = 0.0
    edit: Edit | None = None
    reference: Samples | None = None
    stem: StemWords | None = None
    parity: Parity = field(default_factory=Parity)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the steps of an item see: `canvas`, and `later` from the switch of
    `audio_cover_strength` on (None: no switch); reference: latents [1, 750, 64], None for none."""

    item: Item
    canvas: Canvas
    later: Canvas | None = None
    reference: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A source: its extent, its latents [1, n, 64] with silence around it, and the audio codes that
    stand for them (empty: not asked for)."""

    extent: Extent
    latents: Tensor
    codes: Codes = ()


def scenes_of(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> list[Scene]:
    """The scene of every item; each network is loaded once, and only where something needs it."""
    source = _listen(job, networks, observer, cancelled)
    references = _references(job, networks, observer, cancelled)
    hints = _hints(job, source, networks, observer, cancelled)
    return [
        _scene(item, reference, source, hints, job, networks)
        for item, reference in zip(job.items, references, strict=True)
    ]


@torch.no_grad()
def source_latents(
    edit: Edit,
    extent: Extent,
    networks: CodeNetworks,
    *,
    upstream: bool = False,
    noise: Tensor | None = None,
    on_progress: Progress = silent,
    cancelled: CancelPoll = never,
) -> Tensor:
    """The latents [1, n, 64] of an edit's source with the silence of `extent` around it, float32.

    Kept latents are used where they lie on the result's frames, else the samples are encoded, the
    last frame filled up with silence (upstream: left out). The rest is as in `encode_song`.
    """
    assert edit.samples is not None  # who has codes alone does not ask
    before = round(extent.before * SAMPLE_RATE)
    frames = -(-edit.samples.shape[1] // HOP)
    if edit.latents is not None and before % HOP == 0 and len(edit.latents) >= frames:
        return _behind_silence(edit.latents[None, :frames], before // HOP, networks.silence)
    missing = extent.samples - before - edit.samples.shape[1]
    if not upstream:
        missing += -extent.samples % HOP
    audio = torch.nn.functional.pad(torch.from_numpy(edit.samples), (before, missing))
    return encode_song(
        networks.encoder(),
        audio,
        networks.tiling,
        noise=noise,
        on_progress=on_progress,
        cancelled=cancelled,
    )[None]


def _listen(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> Heard | None:
    """The source of an edit; None where there is none, or where every item brings its codes."""
    edit = job.edit
    if edit is None or all(item.plan.audio_codes for item in job.items):
        return None
    extent = edit.extent(upstream=job.parity.untrimmed)
    with stage(observer, "listen", total=extent.total, unit="s"):
        latents = source_latents(
            edit,
            extent,
            networks,
            upstream=job.parity.untrimmed,
            on_progress=_listened(observer, extent.total),
            cancelled=cancelled,
        )
        if not edit.needs_codes:
            return Heard(extent, latents)
        poll = poll_of(cancelled)
        poll()
        whole = fitted(latents, networks.silence.cpu(), edit_frames(extent, job.parity))
        codes = codes_of(whole[0], networks.audio_tokenizer(), networks.silence, poll)
    return Heard(extent, latents, codes)


def _references(
    job: SongJob, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> list[Tensor] | list[None]:
    """The latents of the timbre reference as each item hears it."""
    if job.reference is None:
        return [None] * len(job.items)
    with stage(observer, "listen", unit="s"):
        return reference_latents(
            job.reference, [item.seed for item in job.items], networks, cancelled=cancelled
        )


def _hints(
    job: SongJob,
    source: Heard | None,
    networks: Networks,
    observer: Observer,
    cancelled: CancelPoll,
) -> dict[Codes, Tensor]:
    """The latents of all audio codes of a batch; nothing is loaded where there are none."""
    told = [item.plan.audio_codes for item in job.items]
    if source is not None:
        told = [codes or source.codes for codes in told]
    wanted = dict.fromkeys(codes for codes in told if codes)
    if not wanted:
        return {}
    total, found = sum(map(len, wanted)), dict[Codes, Tensor]()
    with stage(observer, "hints", total=total, unit="codes"):
        decoder, done = networks.detokenizer(), 0
        for codes in wanted:
            progress = _codes_to(observer, done, total)
            found[codes] = hints_of(codes, decoder, poll_of(cancelled), progress)
            done += len(codes)
    return found


def _scene(
    item: Item,
    reference: Tensor | None,
    source: Heard | None,
    hints: dict[Codes, Tensor],
    job: SongJob,
    networks: Networks,
) -> Scene:
    plan, silence, parity = item.plan, networks.silence, job.parity
    if job.edit is not None:
        canvas = _edited(item, job.edit, source, hints, job, silence)
    elif plan.audio_codes:
        canvas = from_codes(
            hints[plan.audio_codes], plan.duration, silence, job.instruction, parity
        )
    else:
        canvas = text2music(plan.duration, silence, job.instruction, parity)
    switches = job.sampling.audio_cover_strength < 1 and (
        job.edit is None or job.edit.morph is None
    )
    if switches and (canvas.steered or parity.cover_strength_everywhere):
        return Scene(item, canvas, released(canvas, silence), reference)
    return Scene(item, canvas, None, reference)


def _edited(
    item: Item,
    edit: Edit,
    source: Heard | None,
    hints: dict[Codes, Tensor],
    job: SongJob,
    silence: Tensor,
) -> Canvas:
    codes, upstream = item.plan.audio_codes, job.parity.untrimmed
    if codes:
        extent = edit.extent(len(codes), upstream=upstream)
        before = -(-round(extent.before * SAMPLE_RATE) // HOP)
        latents = _behind_silence(hints[codes], before, silence)
        told: Tensor | None = latents
    else:
        assert source is not None  # an item without codes made the job listen
        extent, latents, told = source.extent, source.latents, hints.get(source.codes)
    if item.track is not None:
        edit = replace(edit, tracks=(item.track,))
    return edited(edit, extent, latents, told, silence, job.instruction, job.parity)


def _behind_silence(latents: Tensor, frames: int, silence: Tensor) -> Tensor:
    """`latents` [1, n, 64] behind `frames` frames of silence, on their own device."""
    front = silence_frames(silence, frames)
    return torch.cat([front.to(latents), latents], dim=1) if frames else latents


def _listened(observer: Observer, total: float) -> Progress:
    return lambda done: observer(StageProgress("listen", min(done, total), total))


def _codes_to(observer: Observer, before: int, total: int) -> Progress:
    return lambda done: observer(StageProgress("hints", before + done, total))
