"""diffusers' side: the calls that `AceStepPipeline` makes, on the same inputs.

Each stage loads its own component, so that a stage's memory is that stage's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.build import Folders
from benchmarks.inputs import Inputs
from benchmarks.side import Options
from benchmarks.sizes import CONDITION_TOKENS

Stage = Callable[[], Tensor]

_TIMBRE_FRAMES = 750


class Theirs:
    """The stages of diffusers on the set in `folders`; components are loaded when asked for."""

    def __init__(self, folders: Folders, options: Options) -> None:
        self.folders, self.inputs = folders, Inputs(folders)
        self.device, self.dtype = options.device, getattr(torch, options.dtype)
        torch.set_num_threads(options.threads)

    def load(self) -> object:
        """The whole pipeline, ready to compute."""
        return load_pipeline(self.folders.pipeline, self.dtype).to(self.device)

    def stages(self) -> dict[str, Callable[[float], Stage]]:
        """The measured stages by name; each takes its size and returns what is timed."""
        return {
            "text": self.text,
            "condition": self.condition,
            "dit": self.dit_step,
            "vae": self.vae_decode,
        }

    def text(self, size: float) -> Stage:
        """The text encoder on a long caption; `size` is unused."""
        from transformers import Qwen3Model

        encoder = self._component(Qwen3Model, "text_encoder").eval()
        ids = self.inputs.caption_ids().to(self.device)
        return lambda: encoder(input_ids=ids).last_hidden_state

    def condition(self, size: float) -> Stage:
        """The condition encoder on `size` lyric tokens and the silence latent."""
        encoder = self._condition_encoder
        caption = self._own(self.inputs.caption_features())
        lyrics = self._own(self.inputs.lyric_features(int(size)))
        words = (caption, lyrics)
        silence = encoder.silence_latent[:, :_TIMBRE_FRAMES].to(self.dtype)
        masks = [torch.ones(x.shape[:2], dtype=torch.bool, device=self.device) for x in words]
        order = torch.zeros(1, dtype=torch.long, device=self.device)

        def run() -> Tensor:
            states: Tensor = encoder(
                text_hidden_states=caption,
                text_attention_mask=masks[0],
                lyric_hidden_states=lyrics,
                lyric_attention_mask=masks[1],
                refer_audio_acoustic_hidden_states_packed=silence,
                refer_audio_order_mask=order,
            )[0]
            return states

        return run

    def dit_step(self, size: float) -> Stage:
        """The first step of a song of `size` seconds."""
        dit, inputs = self._dit, self.inputs
        time = torch.ones(1, dtype=self.dtype, device=self.device)
        tensors = {
            "hidden_states": self._own(inputs.latents(size)),
            "encoder_hidden_states": self._own(inputs.states(CONDITION_TOKENS)),
            "context_latents": self._own(inputs.context(size)),
        }

        def run() -> Tensor:
            velocity: Tensor = dit(timestep=time, timestep_r=time, return_dict=False, **tensors)[0]
            return velocity

        return run

    def vae_decode(self, size: float) -> Stage:
        """Audio of `size` seconds [1, 2, S], untiled as the pipeline decodes it."""
        vae = self._vae
        latents = self._own(self.inputs.latents(size)).transpose(1, 2)

        def run() -> Tensor:
            audio: Tensor = vae.decode(latents).sample
            return audio

        return run

    @cached_property
    def _condition_encoder(self) -> Any:
        from diffusers.pipelines.ace_step import AceStepConditionEncoder

        return self._component(AceStepConditionEncoder, "condition_encoder")

    @cached_property
    def _dit(self) -> Any:
        from diffusers import AceStepTransformer1DModel

        return self._component(AceStepTransformer1DModel, "transformer")

    @cached_property
    def _vae(self) -> Any:
        from diffusers import AutoencoderOobleck

        return self._component(AutoencoderOobleck, "vae")

    def _component(self, kind: Any, name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its own old names, of no use here
            folder = self.folders.pipeline / name
            return kind.from_pretrained(folder, torch_dtype=self.dtype).to(self.device)

    def _own(self, x: Tensor) -> Tensor:
        return x.to(self.device, self.dtype)


def load_pipeline(folder: Path, dtype: torch.dtype) -> Any:
    """diffusers' pipeline, as its documentation loads it."""
    from diffusers import AceStepPipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AceStepPipeline.from_pretrained(folder, torch_dtype=dtype)
