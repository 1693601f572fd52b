"""What the original's handler was given to hear, and what it did with the sound that it kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from acestep_cli.audio.read import load_for_model
from acestep_cli.errors import AceStepError
from acestep_cli.pipeline.edit import SAMPLE_RATE, Edit, Extent, Morph
from acestep_cli.pipeline.timbre import check_reference
from acestep_cli.request import SongRequest, validate
from tests.parity.arguments import codes_texts

NEW = "text2music"
REGION_TASKS = ("repaint", "lego")
MORPHING = (NEW, "cover", "cover-nofsq")


@dataclass(frozen=True, slots=True)
class Given:
    """What a case brings beside words and numbers.

    edit: what is done with its source; references: latents [N, 750, 64] of its timbre reference as
    N items hear it, one row where all hear the same; order: [N], which item each row belongs to;
    draws: what the autoencoder drew, each [n, 64]; target: the source's latents as they were
    encoded [1, T, 64], for a case whose draws are not stored.
    """

    edit: Edit | None = None
    references: Tensor | None = None
    order: tuple[int, ...] = ()
    draws: tuple[Tensor, ...] = ()
    target: Tensor | None = None

    def reference(self, index: int) -> Tensor | None:
        """The latents [1, 750, 64] of the reference of item `index`, None without one."""
        if self.references is None or len(self.references) == 1:
            return self.references
        row = self.order.index(index)
        return self.references[row : row + 1]

    def noise(self, frames: int) -> Tensor | None:
        """The draw for that many frames."""
        fitting = (draw for draw in self.draws if len(draw) == frames)
        return next(fitting, None)


def given_of(folder: Path, arguments: Mapping[str, Any], golden: Mapping[str, Tensor]) -> Given:
    """What the `arguments` name, from FOLDER/audio, and what is stored of its encoding."""
    draws = [golden[name] for name in sorted(golden) if name.startswith("vae_noise_")]
    target = golden.get("target_latents_in")
    references = golden.get("refer_latents")
    rows = 0 if references is None else len(references)
    return Given(
        edit=edit_of(folder, arguments),
        references=references,
        order=tuple(golden.get("refer_order", torch.arange(rows)).tolist()),
        draws=tuple(draw[0].t().contiguous() for draw in draws),
        target=None if target is None else target[:1],
    )


def edit_of(folder: Path, arguments: Mapping[str, Any]) -> Edit | None:
    """The edit of a case, None for a new song; audio codes stand for a source."""
    task = arguments.get("task_type") or NEW
    morphed = bool(arguments.get("flow_edit_morph")) and task in MORPHING
    # A morph of a new song has its source alone: the original drops codes (pipeline facts 7.10).
    codes = any(codes_texts(arguments, 1)) and not (morphed and task == NEW)
    # The original completes silence where there is nothing to complete.
    missing = task == "complete" and not codes and not arguments.get("src_audio")
    if missing or (task == NEW and not morphed):
        return None
    samples = None
    if arguments.get("src_audio") and not codes:
        samples = load_for_model(audio_path(folder, arguments["src_audio"]))
    seconds = math.inf if samples is None else samples.shape[1] / SAMPLE_RATE
    region = region_of(arguments, task, seconds)
    if morphed:
        task = "morph"
    elif task in REGION_TASKS and not region:
        task = "complete"  # a region that is none leaves a source to be followed
    return Edit(
        task=task,  # type: ignore[arg-type]  # one of those
        samples=samples,
        regions=region,
        mask_mode=arguments.get("chunk_mask_mode") or "auto",
        mode=arguments.get("repaint_mode") or "balanced",
        strength=arguments.get("repaint_strength", 0.5),
        morph=_morph(arguments) if morphed else None,
    )


def region_of(
    arguments: Mapping[str, Any], task: str, seconds: float
) -> tuple[tuple[float, float], ...]:
    """The region of a case in seconds of its source, which is so long; no end, or a negative one,
    is the source's."""
    if task not in REGION_TASKS:
        return ()
    start, end = arguments.get("repainting_start") or 0.0, arguments.get("repainting_end")
    end = seconds if end is None or end < 0 else end
    return ((start, end),) if end > start else ()


def audio_path(folder: Path, name: str) -> Path:
    """The file in FOLDER/audio that a case calls `name`."""
    path = folder / "audio" / name
    return path if path.suffix else path.with_name(f"{name}.wav")


def refusal(folder: Path, arguments: Mapping[str, Any]) -> str:
    """Our sentence on what the original refused; empty where we would make it."""
    asked = {
        name: arguments[name]
        for name in ("task_type", "src_audio", "reference_audio", "flow_edit_morph")
        if name in arguments
    }
    try:
        validate(SongRequest(caption=arguments.get("captions", ""), **asked))
        edit = edit_of(folder, arguments)
        if edit is not None:
            edit.extent()
        if arguments.get("reference_audio"):
            check_reference(load_for_model(audio_path(folder, arguments["reference_audio"])))
    except AceStepError as error:
        return error.message
    return ""


def spliced(wave: Tensor, edit: Edit, extent: Extent) -> Tensor:
    """`wave` [2, S] with the source's waveform outside the region and linear ramps beside it, as
    the original puts them together (pipeline facts 8.6, point 3)."""
    hold = {"conservative": 1.0, "aggressive": 0.0}.get(edit.mode, 1 - edit.strength)
    if edit.mode == "aggressive" or edit.samples is None:
        return wave
    before = round(extent.before * SAMPLE_RATE)
    after = max(0, wave.shape[1] - before - edit.samples.shape[1])
    source = torch.nn.functional.pad(torch.from_numpy(edit.samples), (before, after))
    ((start, end),) = (tuple(int(t * SAMPLE_RATE) for t in region) for region in extent.regions)
    length = min(wave.shape[1], extent.samples)
    end = min(end, length)
    if start <= 0 and end >= length:
        return wave
    ramp = int(0.05 * hold * SAMPLE_RATE)
    weight = torch.zeros(length)
    weight[start:end] = 1
    rise, fall = min(ramp, start), min(ramp, length - end)
    weight[start - rise : start] = torch.linspace(0, 1, rise + 2)[1:-1]
    weight[end : end + fall] = torch.linspace(1, 0, fall + 2)[1:-1]
    mixed = weight * wave[:, :length] + (1 - weight) * source[:, :length]
    return torch.cat([mixed, wave[:, length:]], dim=1)


def _morph(arguments: Mapping[str, Any]) -> Morph:
    return Morph(
        caption=arguments.get("flow_edit_source_caption", ""),
        lyrics=arguments.get("flow_edit_source_lyrics", ""),
        n_min=arguments.get("flow_edit_n_min", 0.0),
        n_max=arguments.get("flow_edit_n_max", 1.0),
        n_avg=arguments.get("flow_edit_n_avg", 1),
        ground=arguments.get("task_type") or NEW,  # type: ignore[arg-type]  # one of MORPHING
    )
