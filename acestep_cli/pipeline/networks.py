"""The networks of one checkpoint set, each loaded when its stage asks and gone when the stage ends.

Every method returns a fresh module; who calls it drops it. So at most one stage's weights are
resident, and on the CPU they are mapped files until something needs a copy.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.policy import Policy
from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.codes import AudioTokenizer
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.dit import DiT
from acestep_cli.models.encoders import ConditionEncoder
from acestep_cli.models.kernels import Kernels, optimize
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.models.vae import Vae, published_name
from acestep_cli.models.vae_config import VaeConfig
from acestep_cli.models.vae_fast import FastDecoder
from acestep_cli.models.vae_fast_encoder import FastEncoder
from acestep_cli.pipeline.decoder import Tiling
from acestep_cli.pipeline.hints import HintDecoder
from acestep_cli.weights.index import TensorIndex, check_names, read_index
from acestep_cli.weights.load import load_silence_latent, load_weights
from acestep_cli.weights.sets import CheckpointSet, EarSet
from acestep_cli.weights.tokenizer import Tokenizer

Network = TypeVar("Network", bound=nn.Module)


class Ears:
    """The networks that turn sound into audio codes, in the dtypes and on the device of `policy`.

    Making one reads every header and compares all names, so that an unfit folder is known before
    any work is done.
    """

    def __init__(self, checkpoints: EarSet | CheckpointSet, policy: Policy) -> None:
        self.policy, self.device = policy, torch.device(policy.device.torch_name)
        self.dit_folder = checkpoints.dit.path
        self.config = _parse(self.dit_folder, AceStepConfig.from_json)
        self.vae_config = _parse(checkpoints.vae.path, VaeConfig.from_json)
        self._dit_index = read_index(self.dit_folder)
        self._vae_index = read_index(checkpoints.vae.path)
        with torch.device("meta"):
            whole = AceStepModel(self.config)
        check_names(self._dit_index, whole.state_dict())

    @cached_property
    def silence(self) -> Tensor:
        """The silence latent [1, n, 64], float32, on the device."""
        return load_silence_latent(self.dit_folder / "silence_latent.pt").to(self.device)

    def audio_tokenizer(self) -> AudioTokenizer:
        """Latents to audio codes."""
        with torch.device("meta"):
            module = AudioTokenizer(self.config)
        self._load(module, self._dit_index, prefix="tokenizer.")
        return module

    def encoder(self) -> Vae | FastEncoder:
        """The autoencoder's encoder, in the form that the policy names."""
        vae = self._half_of_vae("encoder")
        if self.policy.kernels.get("vae") == "rows":
            return FastEncoder(vae, self.vae_dtype)
        return vae.fold(self.vae_dtype)

    @property
    def tiling(self) -> Tiling:
        """How long the pieces are in which the autoencoder takes songs."""
        return Tiling(self.policy.tile_frames, self.policy.tile_overlap)

    @property
    def dtype(self) -> torch.dtype:
        """The run's dtype for all transformers."""
        return getattr(torch, self.policy.dtype)

    @property
    def vae_dtype(self) -> torch.dtype:
        """The VAE's dtype."""
        return getattr(torch, self.policy.vae_dtype)

    def _half_of_vae(self, half: Literal["encoder", "decoder"]) -> Vae:
        """The autoencoder with the weights of one half."""
        with torch.device("meta"):
            vae = Vae(self.vae_config)
        load_weights(
            getattr(vae, half),
            self._vae_index,
            prefix=f"{half}.",
            # As stored, so that nothing is copied: gain and direction meet in float32 anyway.
            dtype=_stored_dtype(self._vae_index),
            device=self.device,
            rename=published_name,
        )
        return vae

    def _load(self, module: nn.Module, index: TensorIndex, **options: Any) -> None:
        load_weights(module, index, dtype=self.dtype, device=self.device, **options)
        optimize(module.eval(), Kernels(rows=self.policy.kernels.get("transformer") == "rows"))


class Networks(Ears):
    """The networks of `checkpoints` that make a song, and those that turn sound into codes.

    `kept_timbre` is the file that keeps the timbre token of silence, None for none.
    """

    def __init__(
        self, checkpoints: CheckpointSet, policy: Policy, kept_timbre: Path | None = None
    ) -> None:
        super().__init__(checkpoints, policy)
        self.checkpoints, self.kept_timbre = checkpoints, kept_timbre
        self.text_config = _parse(checkpoints.text_encoder.path, Qwen3Config.from_json)
        self._text_index = read_index(checkpoints.text_encoder.path)
        if self.text_config.block.hidden != self.config.text_hidden:
            raise CheckpointError(
                f"{checkpoints.text_encoder.path} gives {self.text_config.block.hidden} channels "
                f"and {self.dit_folder} expects {self.config.text_hidden}",
                "fetch both from the same release",
            )

    @property
    def timbre_frames(self) -> int:
        """Frames of a timbre reference (750: 30 s)."""
        return self.config.timbre_frames

    @property
    def indexes(self) -> tuple[TensorIndex, ...]:
        """Headers of the folders, in the order their weights are needed."""
        return (self._text_index, self._dit_index, self._vae_index)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The text encoder's tokenizer."""
        return Tokenizer(self.checkpoints.text_encoder.path)

    def text_encoder(self) -> Qwen3Model:
        """The text encoder; names with and without `model.` in front are read."""
        with torch.device("meta"):
            module = Qwen3Model(self.text_config)
        self._load(module, self._text_index, rename=_bare_qwen3)
        return module

    def condition_encoder(self) -> ConditionEncoder:
        """Lyric and timbre encoders and the text projector."""
        with torch.device("meta"):
            module = ConditionEncoder(self.config)
        self._load(module, self._dit_index, prefix="encoder.")
        return module

    def null_condition(self) -> Tensor:
        """What stands for "no words" in guidance: [1, 1, E]."""
        with torch.device("meta"):
            module = _NullCondition(self.config.encoder.hidden)
        self._load(module, self._dit_index, rename=_only_null_condition)
        return module.null_condition_emb

    def dit(self) -> DiT:
        """The diffusion transformer."""
        with torch.device("meta"):
            module = DiT(self.config)
        self._load(module, self._dit_index, prefix="decoder.")
        return module

    def detokenizer(self) -> HintDecoder:
        """Audio codes to the latents that they stand for."""
        with torch.device("meta"):
            module = HintDecoder(self.config)
        self._load(module, self._dit_index, rename=_only_hint_decoder)
        return module

    def decoder(self) -> Vae | FastDecoder:
        """The autoencoder's decoder, in the form that the policy names."""
        vae = self._half_of_vae("decoder")
        if self.policy.kernels.get("vae") == "rows":
            return FastDecoder(vae, self.vae_dtype)
        return vae.fold(self.vae_dtype)


class _NullCondition(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.null_condition_emb = nn.Parameter(torch.empty(1, 1, width))


def _parse(folder: Path, parse: Any) -> Any:
    path = folder / "config.json"
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror}", "fetch the checkpoint again"
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}", "fetch the checkpoint again") from error


def _stored_dtype(index: TensorIndex) -> torch.dtype:
    """The one dtype of all tensors, else float32."""
    kinds = {entry.dtype for entry in index.tensors.values()}
    known = {"BF16": torch.bfloat16, "F16": torch.float16}
    return known.get(kinds.pop(), torch.float32) if len(kinds) == 1 else torch.float32


def _bare_qwen3(name: str) -> str | None:
    """Names of the transformer alone: a language-model head has no part in encoding text."""
    return None if name == "lm_head.weight" else name.removeprefix("model.")


def _only_null_condition(name: str) -> str | None:
    return name if name == "null_condition_emb" else None


def _only_hint_decoder(name: str) -> str | None:
    """The detokenizer, and of the tokenizer its quantizer, which knows what an index stands for."""
    short = name.removeprefix("tokenizer.")
    return short if short.startswith(("quantizer.", "detokenizer.")) else None
