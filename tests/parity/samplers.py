"""Family `samplers`: whole sampling runs of one model, against golden/samplers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.encoders import PackedCondition
from acestep_cli.pipeline.flow_edit import FlowEditInputs, FlowEditOptions, flow_edit
from acestep_cli.pipeline.noise import GivenNoise, batch_noise, mix_retake, song_noise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.repaint import Repaint
from acestep_cli.pipeline.sampler import SamplerInputs, SamplingOptions, sample
from acestep_cli.pipeline.schedule import (
    Schedule,
    base_schedule,
    flow_edit_schedule,
    turbo_schedule,
)
from acestep_cli.pipeline.velocity import Condition
from acestep_cli.pipeline.wavelet import Correction
from tests.parity.base import Case, Check, equal, no_grad, relative
from tests.parity.checkpoints import checkpoint_of, load_acestep

LATENTS = 3e-5


def cases(folder: Path) -> list[Case]:
    """Every entry of every FOLDER/samplers/cases_*.json."""
    found = []
    for path in sorted((folder / "samplers").glob("cases_*.json")):
        model = path.stem.removeprefix("cases_")
        for name, settings in json.loads(path.read_text("utf-8")).items():
            run = partial(_run, folder, model, name, settings)
            found.append(Case("samplers", f"{model}_{name}", no_grad(run)))
    return found


@dataclass(frozen=True, slots=True)
class Recorded:
    """One case: its network, its arguments, shared inputs and own tensors."""

    model: AceStepModel
    settings: Mapping[str, Any]
    inputs: Mapping[str, Tensor]
    golden: Mapping[str, Tensor]

    @property
    def turbo(self) -> bool:
        """Whether the network is distilled, as its config says."""
        return self.model.config.is_turbo

    @property
    def shift(self) -> float:
        """The given shift, else the default of that model's function."""
        return float(self.settings.get("shift", 3.0 if self.turbo else 1.0))

    @property
    def noise(self) -> Tensor:
        """The stored starting noise [B, T, 64]."""
        return self.golden.get("noise", self.inputs["noise"])

    def drawn(self, kind: str) -> GivenNoise:
        """The draws stored as `KIND_noise_0`, `KIND_noise_1`, ..."""
        names = [name for name in self.golden if re.fullmatch(rf"{kind}_noise_\d+", name)]
        names.sort(key=lambda name: int(name.rpartition("_")[2]))
        return GivenNoise([self.golden[name] for name in names])


def _run(folder: Path, name: str, case: str, settings: Mapping[str, Any]) -> list[Check]:
    samplers = folder / "samplers"
    recorded = Recorded(
        model=load_acestep(checkpoint_of(folder, name)),
        settings=settings,
        inputs=load_file(samplers / f"inputs_{name}.safetensors"),
        golden=load_file(samplers / f"{name}_{case}.safetensors"),
    )
    times: list[float] = []
    compose = _flow_edit if settings.get("kind") == "flow_edit" else _sample
    latents = compose(recorded, times)
    return [
        equal("decoder_timesteps", times, settings["decoder_timesteps"]),
        *_noise_checks(recorded),
        relative("target_latents", latents, recorded.golden["target_latents"], LATENTS),
    ]


def _noise_checks(recorded: Recorded) -> list[Check]:
    """Do our generators draw what the original drew?"""
    checks = [equal("noise", _our_noise(recorded.settings["seed"], recorded.noise), recorded.noise)]
    if "retake_noise" in recorded.golden:
        stored = recorded.golden["retake_noise"]
        checks.append(
            equal("retake_noise", _our_noise(recorded.settings["retake_seed"], stored), stored)
        )
    return checks


def _our_noise(seed: int | list[int], like: Tensor) -> Tensor:
    batch, frames, channels = like.shape
    if isinstance(seed, list):
        return batch_noise(seed, frames, channels)
    # A single number seeds one generator for the whole batch in the original.
    return song_noise(seed, batch * frames, channels).view(batch, frames, channels)


def _sample(recorded: Recorded, times: list[float]) -> Tensor:
    settings, inputs = recorded.settings, recorded.inputs
    noise = recorded.noise
    if settings.get("retake_variance"):
        noise = mix_retake(noise, recorded.golden["retake_noise"], settings["retake_variance"])
    return sample(
        recorded.model.decoder,
        SamplerInputs(
            condition=_condition(recorded),
            second=_non_cover(recorded) if settings.get("audio_cover_strength", 1) < 1 else None,
            noise=noise,
            null_state=recorded.model.null_condition_emb,
            source=inputs[settings["src_latents"]],
            repaint=_repaint(recorded),
        ),
        _options(recorded),
        _schedule(recorded),
        recorded.drawn("sde"),
        on_call=times.append,
    )


def _flow_edit(recorded: Recorded, times: list[float]) -> Tensor:
    settings, inputs = recorded.settings, recorded.inputs
    context = _context(recorded, inputs[settings.get("context_latents_from", "src_latents")])
    return flow_edit(
        recorded.model.decoder,
        FlowEditInputs(
            source=inputs[settings["src_latents"]],
            source_condition=Condition(_states(recorded), context),
            target_condition=Condition(_states(recorded, "target_", "target_"), context),
            null_state=recorded.model.null_condition_emb,
        ),
        FlowEditOptions(
            n_min=settings.get("edit_n_min", 0.0),
            n_max=settings.get("edit_n_max", 1.0),
            n_avg=settings.get("edit_n_avg", 1),
            guidance_scale=settings.get("diffusion_guidance_scale", 15.0),
            **_given(settings, "cfg_interval_start", "cfg_interval_end"),
            **_given(settings, "velocity_norm_threshold", "velocity_ema_factor"),
        ),
        flow_edit_schedule(
            settings.get("infer_steps") or 60,
            settings.get("shift", 1.0),
            settings.get("timesteps"),
        ),
        recorded.drawn("flow"),
        on_call=times.append,
    )


def _options(recorded: Recorded) -> SamplingOptions:
    settings, guidance = recorded.settings, 1.0
    if not recorded.turbo:
        guidance = settings.get("diffusion_guidance_scale", 7.0)
    correction = settings.get("dcw", {})  # without the key: the original's default
    return SamplingOptions(
        turbo=recorded.turbo,
        guidance_scale=guidance,
        wavelet=None if correction is None else Correction(**correction),
        parity=Parity(linear_sde_times=not recorded.turbo),
        **_given(settings, "infer_method", "sampler_mode", "use_adg"),
        **_given(settings, "cfg_interval_start", "cfg_interval_end"),
        **_given(settings, "velocity_norm_threshold", "velocity_ema_factor"),
        **_given(settings, "audio_cover_strength", "cover_noise_strength"),
    )


def _schedule(recorded: Recorded) -> Schedule:
    settings, config = recorded.settings, recorded.model.config
    steps, timesteps = settings.get("infer_steps"), settings.get("timesteps")
    if recorded.turbo:
        return turbo_schedule(steps, recorded.shift, timesteps)
    plain_base = config.model_version == "base" and not config.separate_encoder
    return base_schedule(steps or 30, recorded.shift, timesteps, switch_on_steps=plain_base)


def _repaint(recorded: Recorded) -> Repaint | None:
    settings, inputs = recorded.settings, recorded.inputs
    if not settings.get("repaint"):
        return None
    return Repaint(
        mask=inputs["repaint_mask"].bool(),
        source=inputs["clean_src_latents"],
        injection_ratio=settings.get("repaint_injection_ratio", 0.5),
        crossfade_frames=settings.get("repaint_crossfade_frames", 10),
    )


def _condition(recorded: Recorded) -> Condition:
    source = recorded.inputs[recorded.settings["src_latents"]]
    return Condition(_states(recorded), _context(recorded, source))


def _non_cover(recorded: Recorded) -> Condition:
    """Other words, silence as source."""
    inputs = recorded.inputs
    batch, frames, _ = recorded.noise.shape
    silence = inputs["silence_latent"][:, :frames].expand(batch, -1, -1)
    return Condition(_states(recorded, "non_cover_"), _masked(silence, inputs["chunk_masks"]))


def _states(recorded: Recorded, text: str = "", lyric: str = "") -> Tensor:
    """The packed condition, padding included: the original attends it."""
    inputs = recorded.inputs
    text_mask = inputs.get(f"{text}text_attention_mask", inputs["text_attention_mask"])
    lyric_mask = inputs.get(f"{lyric}lyric_attention_mask", inputs["lyric_attention_mask"])
    packed: PackedCondition = recorded.model.encoder(
        inputs[f"{text}text_hidden_states"],
        text_mask.bool(),
        inputs[f"{lyric}lyric_hidden_states"],
        lyric_mask.bool(),
        inputs["refer_latents_packed"],
        inputs["refer_order"],
    )
    return packed.states


def _context(recorded: Recorded, source: Tensor) -> Tensor:
    """Source and mask; where an item is a cover, its hints or its own codes are the source."""
    inputs, covers = recorded.inputs, torch.tensor(recorded.settings["is_covers"]).bool()
    if covers.any():
        hints = (
            inputs["lm_hints_25hz"]
            if recorded.settings.get("hints")
            else _through_codes(recorded.model, source, inputs["silence_latent"])
        )
        source = torch.where(covers[:, None, None], hints[:, : source.shape[1]], source)
    return _masked(source, inputs["chunk_masks"])


def _through_codes(model: AceStepModel, latents: Tensor, silence: Tensor) -> Tensor:
    missing = -latents.shape[1] % model.config.pool_window
    padding = silence[:, :missing].expand(len(latents), -1, -1)
    tokens = model.tokenizer(torch.cat([latents, padding], dim=1))
    decoded: Tensor = model.detokenizer(tokens.quantized)
    return decoded


def _masked(source: Tensor, mask: Tensor) -> Tensor:
    context: Tensor = torch.cat([source, mask.float()], dim=-1)
    return context


def _given(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The settings that the case names; the others keep their defaults."""
    return {name: settings[name] for name in names if settings.get(name) is not None}
