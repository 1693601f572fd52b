"""The planner's language model, loaded from its checkpoint folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.policy import Policy
from acestep_cli.models.causal import CausalLM
from acestep_cli.models.decoding import Decoder
from acestep_cli.models.layers import Block
from acestep_cli.models.packed import PackedLayer, PackedModel
from acestep_cli.models.quantized import Quantization, group_of, product_maker
from acestep_cli.models.qwen3 import Qwen3Config
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import TensorIndex, read_index
from acestep_cli.weights.load import check_weights, load_weights
from acestep_cli.weights.tokenizer import Tokenizer

Rename = Callable[[str], str | None]

NEEDED_TOKENS = ("<think>", "</think>", "<|im_end|>", "<|audio_code_0|>")
_HEAD = "lm_head.weight"
_FETCH = "the checkpoint is no planner of this model, or damaged; fetch it again"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A planner ready to compute: network, tokenizer and sizes."""

    model: CausalLM | PackedModel
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
    index, rename = read_index(folder.path), _tied_name if config.tied else _whole_name
    with torch.device("meta"):
        model = CausalLM(config)
    check_weights(model, index, rename=rename)
    dtype = getattr(torch, policy.dtype)
    if policy.device.kind == "cuda" or policy.kernels.get("transformer") == "rows":
        _check_widths(folder, config, policy.lm_quantization)
        return LanguageModel(_packed(config, index, rename, policy), tokenizer, config)
    load_weights(model, index, dtype=dtype, device=policy.device.torch_name, rename=rename)
    return LanguageModel(model.eval(), tokenizer, config)


def _check_widths(folder: Folder, config: Qwen3Config, quantization: Quantization) -> None:
    block = config.block
    if quantization != "int4":
        return
    for width in (block.hidden, block.heads * block.head_dim, block.mlp):
        try:
            group_of(width)
        except ValueError as error:
            raise CheckpointError(
                f"{folder.path} cannot be used as asked: {error}",
                "use --lm-quantization int8 or none",
            ) from error


def _packed(config: Qwen3Config, index: TensorIndex, rename: Rename, policy: Policy) -> PackedModel:
    """Packed layer by layer, each from a mapping of its own that ends with it, so that no more
    than one layer is in memory twice."""
    dtype, device = getattr(torch, policy.dtype), policy.device.torch_name
    make = product_maker(policy.lm_quantization)
    # What is rounded further needs no more than the published precision.
    stored = dtype if policy.lm_quantization == "none" else torch.bfloat16
    layers = []
    for number in range(config.layers):
        with torch.device("meta"):
            block = Block(config.block)
        only = partial(_under, f"model.layers.{number}.", rename)
        load_weights(block, index, dtype=stored, device=device, rename=only)
        layers.append(PackedLayer(block, make))
    with torch.device("meta"):
        rest = CausalLM(replace(config, layers=0))
    beside = partial(_beside_layers, rename)
    load_weights(rest, index, dtype=stored, device=device, rename=beside)
    return PackedModel(config, layers, rest, dtype, make)


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


def _under(prefix: str, rename: Rename, name: str) -> str | None:
    """The rest of a renamed tensor's name below `prefix`."""
    whole = rename(name) or ""
    return whole.removeprefix(prefix) if whole.startswith(prefix) else None


def _beside_layers(rename: Rename, name: str) -> str | None:
    whole = rename(name)
    return None if whole is None or whole.startswith("model.layers.") else whole
