"""Family `handler`: words, codes and audio to latents and waveform, against golden/handler."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.pipeline.tasks import HOP, SAMPLE_RATE, Canvas
from tests.parity.arguments import plans_of
from tests.parity.base import Case, Check, equal, no_grad, relative
from tests.parity.checkpoints import open_networks
from tests.parity.rendered import Drawn, Rendered
from tests.parity.sources import given_of, refusal

CONDITION, LATENTS, WAVE, RMS = 1e-5, 3e-5, 1e-4, 2e-5

_EXTRAS = {
    "src_audio": "source",
    "reference_audio": "reference",
    "audio_code_string": "codes",
    "audio_codes": "codes",
    "flow_edit_morph": "flow-edit",
}


def cases(folder: Path) -> list[Case]:
    """One case an entry of FOLDER/handler/cases.json."""
    entries = json.loads((folder / "handler" / "cases.json").read_text("utf-8"))
    return [_case(folder, name, entry) for name, entry in entries.items()]


def task_of(arguments: dict[str, Any]) -> str:
    """The task of a case; `text2music` alone means words and nothing else."""
    task = arguments.get("task_type") or "text2music"
    extras = dict.fromkeys(label for key, label in _EXTRAS.items() if arguments.get(key))
    return "+".join([task, *extras]) if task == "text2music" else task


def _case(folder: Path, name: str, entry: dict[str, Any]) -> Case:
    arguments = entry["handler_kwargs"]
    # What the original refused has no tensors.
    refused = partial(_refused, folder, arguments)
    run = partial(_songs, folder, name, entry) if entry.get("success", True) else refused
    return Case("handler", name, no_grad(run), task_of(arguments))


def _refused(folder: Path, arguments: dict[str, Any]) -> list[Check]:
    return [equal("refused", bool(refusal(folder, arguments)), True)]


def _songs(folder: Path, name: str, entry: dict[str, Any]) -> list[Check]:
    golden = load_file(folder / "handler" / f"{name}.safetensors")
    arguments, seeds = entry["handler_kwargs"], integers(entry["seeds_used"])
    ours = Rendered(
        open_networks(folder, entry["model"]),
        arguments,
        plans_of(arguments, len(seeds)),
        given_of(folder, arguments, golden),
    )
    words = ours.words[0]
    prompts = f"{words.caption_prompt}\n\n{words.lyric_prompt}"
    checks = [
        equal("prompts", [prompts] * len(seeds), entry["prompts"]),
        equal("caption ids", torch.tensor(words.caption_ids), golden["text_token_ids"][0]),
        equal("lyric ids", torch.tensor(words.lyric_ids), golden["lyric_token_ids"][0]),
        equal("frames", ours.frames, entry["latent_frames"]),
    ]
    if "non_cover_text_ids" in golden:
        later = torch.tensor(ours.words[1].caption_ids)
        checks.append(equal("second caption ids", later, golden["non_cover_text_ids"][0]))
    retakes = integers(entry["retake_seeds_used"])
    for index, seed in enumerate(seeds):
        checks += compare_conditioning(ours, golden, index)
        drawn, checked = draw(ours, golden, index, seed, retakes)
        latents = ours.latents(index, drawn)
        checks += [*checked, compare_latents(ours, latents, golden, index)]
        checks += compare_wave(ours.wave(latents), golden, index, entry["wav"][index])
    return checks


def compare_conditioning(ours: Rendered, golden: dict[str, Tensor], index: int) -> list[Check]:
    """What the network is told of item `index` beside its noise."""
    canvas = ours.canvases[index]
    told = of_item(golden["encoder_hidden_states"], index)
    checks = [relative(f"condition {index}", ours.states(index)[0], told, CONDITION)]
    # End to end what the sampler received has names of its own.
    named = {name.removeprefix("sampler."): tensor for name, tensor in golden.items()}
    if "chunk_masks" in named:
        mask = of_item(named["chunk_masks"], index).float()
        checks.append(equal(f"mask {index}", canvas.mask, mask))
    if "is_covers" in named:
        followed = bool(of_item(named["is_covers"], index))
        checks.append(equal(f"is cover {index}", canvas.hinted, followed))
    if "lm_hints_25hz" in named:
        hints = of_item(named["lm_hints_25hz"], index)
        checks.append(relative(f"hints {index}", canvas.source, hints, CONDITION))
    return [*checks, *_compare_source(canvas, golden, index)]


def _compare_source(canvas: Canvas, golden: dict[str, Tensor], index: int) -> list[Check]:
    """The source's latents, as encoded and with the region silenced, and the region itself."""
    repaint, checks = canvas.repaint, []
    encoded = canvas.origin if repaint is None else repaint.source
    # What is not stored is the same as what was encoded, or a slice of silence. A new song is
    # encoded for nothing: its silence is never looked at.
    heard = canvas.steered or canvas.start is not None
    for name, ours in (("target_latents_in", encoded), ("src_latents", canvas.origin)):
        if name in golden and heard:
            latents = of_item(golden[name], index)
            checks.append(relative(f"{name} {index}", ours, latents, CONDITION))
    if "repaint_mask" in golden and repaint is not None:
        region = of_item(golden["repaint_mask"], index).bool()
        checks.append(equal(f"region {index}", repaint.mask, region))
    elif "repaint_mask" in golden:
        checks.append(equal(f"region {index}", "none", "one"))
    return checks


def draw(
    ours: Rendered, golden: dict[str, Tensor], index: int, seed: int, retakes: list[int]
) -> tuple[Drawn, list[Check]]:
    """The randomness of item `index`: ours, compared, and what the original added on its way."""
    retake = retakes[index] if index < len(retakes) else None
    first, other, mixed = ours.noise(seed, retake)
    flow = [of_item(golden[name], index) for name in _numbered(golden, "flow_noise_")]
    if flow:
        # A flow edit starts from its source; the song's own stream gives what is added.
        start = ours.noise(seed if retake is None else retake, None)[0]
        return Drawn(first, flow), [equal(f"flow noise {index}", start, flow[0])]
    checks = [equal(f"noise {index}", first, of_item(golden["noise"], index))]
    if other is not None and "retake_noise" in golden:
        checks.append(equal(f"retake {index}", other, of_item(golden["retake_noise"], index)))
    sde = [of_item(golden[name], index) for name in _numbered(golden, "sde_noise_")]
    return Drawn(mixed, sde), checks


def compare_latents(
    ours: Rendered, latents: Tensor, golden: dict[str, Tensor], index: int
) -> Check:
    """Latents [1, T, 64] of item `index` as they go to the decoder."""
    scaled = latents * ours.request.latent_rescale + ours.request.latent_shift
    return relative(f"latents {index}", scaled, of_item(golden["final_latents"], index), LATENTS)


def compare_wave(
    wave: Tensor, golden: dict[str, Tensor], index: int, told: dict[str, Any]
) -> list[Check]:
    """The stored parts of item `index`'s waveform [2, S]."""
    if list(wave.shape) != told["shape"]:
        return [equal(f"shape of wave {index}", list(wave.shape), told["shape"])]
    starts = golden[f"wav_slice_starts.{index}"].tolist()
    slices = golden[f"wav_slices.{index}"]
    ours = torch.stack([wave[:, start : start + slices.shape[-1]] for start in starts])
    rms = wave.reshape(len(wave), -1, HOP).pow(2).mean(-1).sqrt()
    checks = [
        relative(f"wave slices {index}", ours, slices, WAVE),
        relative(f"every 997th {index}", wave[:, ::997], golden[f"wav_every_997th.{index}"], WAVE),
        relative(f"frame RMS {index}", rms, golden[f"wav_rms_per_frame.{index}"], RMS),
    ]
    head = golden.get(f"wav_first_quarter_second.{index}")
    if head is not None:
        checks.append(relative(f"head {index}", wave[:, : SAMPLE_RATE // 4], head, WAVE))
    return checks


def of_item(golden: Tensor, index: int) -> Tensor:
    """Row `index` [1, ...] of a tensor; what is equal for all items is stored once."""
    return golden[:1] if len(golden) == 1 else golden[index : index + 1]


def integers(text: object) -> list[int]:
    """The numbers of `7, 8`, of a list of numbers or of one number; none of None."""
    return [int(number) for number in re.findall(r"\d+", "" if text is None else str(text))]


def _numbered(golden: dict[str, Tensor], prefix: str) -> list[str]:
    names = [name for name in golden if name.startswith(prefix)]
    return sorted(names, key=lambda name: int(name.removeprefix(prefix)))
