"""The planner's language model, loaded from its checkpoint folder."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.policy import Policy
from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding import Decoder
from acestep_cli.models.qwen3 import Qwen3Config
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import load_weights
from acestep_cli.weights.tokenizer import Tokenizer

NEEDED_TOKENS = ("<think>", "</think>", "<|im_end|>", "<|audio_code_0|>")
_HEAD = "lm_head.weight"
_FETCH = "the checkpoint is no planner of this model, or damaged; fetch it again"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A planner ready to compute: network, tokenizer and sizes."""

    model: CausalLM
    tokenizer: Tokenizer
    config: Qwen3Config

    def decoder(self, streams: int, limit: int) -> Decoder:
        """A decoder of `streams` sequences (2 for guidance) of at most `limit` tokens."""
        return Decoder(self.model, streams=streams, limit=limit)


def open_language(folder: Folder, policy: Policy) -> LanguageModel:
    """Load the planner in `folder` in the dtype and on the device of `policy`.

    Names with and without `model.` in front are read; a checkpoint with a tied head may store it
    once more. CheckpointError for a folder that does not fit itself: config against weights,
    tokenizer against vocabulary, absent tokens.
    """
    config, tokenizer = _config(folder), Tokenizer(folder.path)
    _check_tokens(folder, config, tokenizer)
    with torch.device("meta"):
        model = CausalLM(config)
    load_weights(
        model,
        read_index(folder.path),
        dtype=getattr(torch, policy.dtype),
        device=policy.device.torch_name,
        rename=_tied_name if config.tied else _whole_name,
    )
    return LanguageModel(model.eval(), tokenizer, config)


def _config(folder: Folder) -> Qwen3Config:
    try:
        return Qwen3Config.from_json(folder.config)
    except ValueError as error:
        raise CheckpointError(f"{folder.path / 'config.json'}: {error}", _FETCH) from error


def _check_tokens(folder: Folder, config: Qwen3Config, tokenizer: Tokenizer) -> None:
    for token in NEEDED_TOKENS:
        tokenizer.require(token)
    if tokenizer.size > config.vocabulary:
        raise CheckpointError(
            f"the tokenizer of {folder.path} has {tokenizer.size} tokens and its network knows "
            f"{config.vocabulary}",
            _FETCH,
        )


def _whole_name(name: str) -> str:
    return name if name == _HEAD else f"model.{name.removeprefix('model.')}"


def _tied_name(name: str) -> str | None:
    return None if name == _HEAD else _whole_name(name)
