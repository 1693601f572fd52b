"""The sounds of a job on their way to the networks. Imports torch, so it comes after the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.errors import InputError
from acestep_cli.events import Observer, StageProgress, stage
from acestep_cli.pipeline.edit import SAMPLE_RATE, Edit, Extent
from acestep_cli.run.make import CancelPoll
from acestep_cli.run.spec import Job

if TYPE_CHECKING:
    from torch import Tensor

    from acestep_cli.pipeline.networks import Networks

_CHANNELS = 64


def edit_of(job: Job) -> Edit | None:
    """The job's edit with the source as the networks hear it, and its kept latents."""
    source = job.sounds.source
    if job.edit is None or source is None:
        return job.edit
    latents = None if source.latents is None else read_latents(source.latents)
    return replace(job.edit, samples=source.for_networks(), latents=latents)


def listen(
    edit: Edit | None, networks: Networks, observer: Observer, cancelled: CancelPoll
) -> tuple[Edit | None, tuple[int, ...]]:
    """The edit with the latents of its source, so that nothing is encoded twice, and the audio
    codes made from them, for the planner to hear; none where an item's plan has its own."""
    if edit is None or edit.samples is None:
        return edit, ()
    from acestep_cli.pipeline.decoder import poll_of
    from acestep_cli.pipeline.hints import codes_of
    from acestep_cli.pipeline.scene import source_latents

    seconds = edit.samples.shape[1] / SAMPLE_RATE
    with stage(observer, "listen", total=seconds, unit="s"):
        latents = source_latents(
            edit,
            Extent.of(seconds),
            networks,
            on_progress=lambda done: observer(StageProgress("listen", min(done, seconds), seconds)),
            cancelled=cancelled,
        )[0]
        poll = poll_of(cancelled)
        poll()
        codes = codes_of(latents, networks.audio_tokenizer(), networks.silence, poll)
    return replace(edit, latents=latents), codes


def read_latents(path: Path) -> Tensor:
    """The latents [T, 64] that `--save-latents` wrote; InputError for anything else."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path).get("latents")
    except (OSError, SafetensorError) as error:
        raise _unusable(path) from error
    if found is None or found.ndim != 2 or found.shape[1] != _CHANNELS:
        raise _unusable(path)
    latents: Tensor = found.float()
    if not bool(torch.isfinite(latents).all()):
        raise _unusable(path)
    return latents


def _unusable(path: Path) -> InputError:
    return InputError(
        f"{path} holds no latents of a song",
        "delete it, and the sound is encoded again",
        code="bad_latents",
    )
