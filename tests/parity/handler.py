"""Family `handler`: words and audio to latents and waveform, against golden/handler."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.audio.level import anti_clip
from acestep_cli.pipeline.conditioner import pack_condition, read_words, write_words
from acestep_cli.pipeline.decoder import decode_song
from acestep_cli.pipeline.noise import GivenNoise, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prepare import sampling_of, schedule_of
from acestep_cli.pipeline.sampler import SamplerInputs, sample
from acestep_cli.pipeline.settle import settle
from acestep_cli.pipeline.tasks import HOP, SAMPLE_RATE, Canvas, text2music
from acestep_cli.pipeline.timbre import silent_timbre
from acestep_cli.pipeline.velocity import Condition
from acestep_cli.request import SongRequest
from tests.parity.base import Case, Check, equal, no_grad, relative
from tests.parity.checkpoints import open_networks

CONDITION, LATENTS, WAVE, RMS = 1e-5, 3e-5, 1e-4, 2e-5

UPSTREAM = Parity(
    wavelet_by_default=True,
    turbo_step_limit=8,
    unplanned_duration=True,
    untrimmed=True,
    prompts_as_typed=True,
)
UNPLANNED_TEXT_SECONDS, UNPLANNED_SECONDS = 30.0, 120.0
_EXTRAS = {
    "src_audio": "source",
    "reference_audio": "reference",
    "audio_code_string": "codes",
    "flow_edit_morph": "flow-edit",
}
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
)
_DEFAULTS = {"shift": 1.0, "dcw_enabled": True, "inference_steps": 8}


def cases(folder: Path) -> list[Case]:
    """One case an entry of FOLDER/handler/cases.json."""
    entries = json.loads((folder / "handler" / "cases.json").read_text("utf-8"))
    return [_case(folder, name, entry) for name, entry in entries.items()]


def task_of(arguments: dict[str, Any]) -> str:
    """The task of a case; `text2music` alone means words and nothing else."""
    task = arguments.get("task_type") or "text2music"
    extras = [label for key, label in _EXTRAS.items() if arguments.get(key)]
    return "+".join([task, *extras]) if task == "text2music" else task


def _case(folder: Path, name: str, entry: dict[str, Any]) -> Case:
    task = task_of(entry["handler_kwargs"])
    run = partial(_text2music, folder, name, entry) if task == "text2music" else _not_built
    return Case("handler", name, no_grad(run), task)


def _not_built() -> list[Check]:
    return [Check("this task is not built yet", float("inf"), 0)]


def _text2music(folder: Path, name: str, entry: dict[str, Any]) -> list[Check]:
    arguments = entry["handler_kwargs"]
    golden = load_file(folder / "handler" / f"{name}.safetensors")
    networks = open_networks(folder, entry["model"])
    plan = _plan(arguments)
    known = arguments.get("audio_duration") or 0
    canvas = text2music(plan.duration, networks.silence, parity=UPSTREAM)
    words = write_words(
        plan,
        canvas.instruction,
        known if known > 0 else UNPLANNED_TEXT_SECONDS,
        networks.tokenizer,
        UPSTREAM,
    )
    encoder = networks.condition_encoder()
    timbre = silent_timbre(networks, encoder)
    states = pack_condition(read_words(words, networks.text_encoder()), timbre, encoder)
    checks = [
        equal("prompt", f"{words.caption_prompt}\n\n{words.lyric_prompt}", entry["prompts"][0]),
        equal("caption ids", torch.tensor(words.caption_ids), golden["text_token_ids"][0]),
        equal("lyric ids", torch.tensor(words.lyric_ids), golden["lyric_token_ids"][0]),
        equal("frames", canvas.source.shape[1], entry["latent_frames"]),
        equal("mask", canvas.mask[0], golden["chunk_masks"][0].float()),
        relative("condition", states, golden["encoder_hidden_states"][:1], CONDITION),
    ]
    for index, seed in enumerate(_integers(entry["seeds_used"])):
        checks += _render(networks, entry, golden, canvas, states, index, seed)
    return checks


def _render(
    networks: Any,
    entry: dict[str, Any],
    golden: dict[str, Tensor],
    canvas: Canvas,
    states: Tensor,
    index: int,
    seed: int,
) -> list[Check]:
    """Item `index` of the batch, on its own."""
    turbo = networks.config.is_turbo
    request, _ = settle(_request(entry["handler_kwargs"]), "turbo" if turbo else "base", "")
    # Only the base family leaves its schedule when it adds noise.
    sampling = sampling_of(
        request, turbo=turbo, parity=replace(UPSTREAM, linear_sde_times=not turbo)
    )
    noise = song_noise(seed, entry["latent_frames"])
    checks = [equal(f"noise {index}", noise, golden["noise"][index : index + 1])]
    if request.retake_variance:
        retake = song_noise(_integers(entry["retake_seeds_used"])[index], noise.shape[1])
        checks.append(equal("retake noise", retake, golden["retake_noise"][index : index + 1]))
        noise = mix_retake(noise, retake, request.retake_variance)
    guided = request.guidance_scale is not None and request.guidance_scale > 1
    inputs = SamplerInputs(
        condition=Condition(states, canvas.context),
        noise=noise,
        null_state=networks.null_condition() if guided else None,
        source=canvas.source,
    )
    draws = [golden[key][index : index + 1] for key in _numbered(golden, "sde_noise_")]
    latents = sample(
        networks.dit(),
        inputs,
        sampling,
        schedule_of(request, turbo=turbo, parity=UPSTREAM),
        GivenNoise(draws),
    )
    final = golden["final_latents"][index : index + 1]
    decoded = decode_song(
        networks.decoder(),
        latents[0],
        networks.tiling,
        rescale=request.latent_rescale,
        shift=request.latent_shift,
    )
    wave = torch.from_numpy(anti_clip(decoded.numpy()))
    return [
        *checks,
        relative(
            f"latents {index}",
            latents * request.latent_rescale + request.latent_shift,
            final,
            LATENTS,
        ),
        *compare_wave(wave, golden, index, entry["wav"][index]),
    ]


def compare_wave(
    wave: Tensor, golden: dict[str, Tensor], index: int, told: dict[str, Any]
) -> list[Check]:
    """The stored parts of item `index`'s waveform [2, S]."""
    if list(wave.shape) != told["shape"]:
        return [equal(f"shape of wave {index}", list(wave.shape), told["shape"])]
    starts = golden[f"wav_slice_starts.{index}"].tolist()
    slices = golden[f"wav_slices.{index}"]
    ours = torch.stack([wave[:, start : start + slices.shape[-1]] for start in starts])
    rms = wave.unflatten(-1, (-1, HOP)).pow(2).mean(-1).sqrt()
    checks = [
        relative(f"wave slices {index}", ours, slices, WAVE),
        relative(f"every 997th {index}", wave[:, ::997], golden[f"wav_every_997th.{index}"], WAVE),
        relative(f"frame RMS {index}", rms, golden[f"wav_rms_per_frame.{index}"], RMS),
    ]
    head = golden.get(f"wav_first_quarter_second.{index}")
    if head is not None:
        checks.append(relative(f"head {index}", wave[:, : SAMPLE_RATE // 4], head, WAVE))
    return checks


def _plan(arguments: dict[str, Any]) -> Plan:
    """The words of a case, as typed."""
    duration = arguments.get("audio_duration") or 0
    return Plan(
        caption=arguments.get("captions", ""),
        lyrics=arguments.get("lyrics", ""),
        duration=duration if duration > 0 else UNPLANNED_SECONDS,
        language=arguments.get("vocal_language") or "en",
        bpm=arguments.get("bpm"),
        keyscale=arguments.get("key_scale") or None,
        timesignature=arguments.get("time_signature") or None,
    )


def _request(arguments: dict[str, Any]) -> SongRequest:
    given = {name: arguments[name] for name in _SAMPLING if arguments.get(name) is not None}
    values = {**_DEFAULTS, **given}
    if "timesteps" in values:
        values["timesteps"] = tuple(values["timesteps"])
    # More steps than a turbo checkpoint takes are cut by the original and refused by us.
    values["inference_steps"] = min(values["inference_steps"], 20)
    return SongRequest(**values)


def _integers(text: str) -> list[int]:
    return [int(part) for part in str(text).split(",")]


def _numbered(golden: dict[str, Tensor], prefix: str) -> list[str]:
    names = [name for name in golden if name.startswith(prefix)]
    return sorted(names, key=lambda name: int(name.removeprefix(prefix)))
