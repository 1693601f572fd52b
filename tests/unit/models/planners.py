"""Small language models and the slow way of decoding that every faster one must equal."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.models.causal import CausalLM
from acestep_cli.models.layers import BlockConfig
from acestep_cli.models.qwen3 import Qwen3Config

PLANNER = Path(__file__).parents[2] / "golden" / "checkpoints" / "acestep-5Hz-lm-0.6B"
SMALL = Qwen3Config(
    BlockConfig(hidden=64, heads=4, kv_heads=2, head_dim=32, mlp=96, causal=True),
    layers=3,
    vocabulary=700,
    tied=False,
)


def random_model(config: Qwen3Config = SMALL, dtype: torch.dtype = torch.float32) -> CausalLM:
    """Random weights; norms are near one, the head speaks clearly."""
    generator = torch.Generator().manual_seed(3)
    model = CausalLM(config)
    for name, parameter in model.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator)
        is_norm = "norm" in name
        parameter.data = (1 + 0.1 * drawn if is_norm else 0.1 * drawn).to(dtype)
    return model.requires_grad_(False)


def tied_model(dtype: torch.dtype = torch.float32) -> CausalLM:
    """The same sizes with a tied head."""
    return random_model(replace(SMALL, tied=True), dtype)


@cache
def golden_planner(dtype: torch.dtype = torch.float32) -> CausalLM:
    """The briefly trained planner; nobody may change it."""
    config = Qwen3Config.from_json(json.loads((PLANNER / "config.json").read_text("utf-8")))
    with torch.device("meta"):
        model = CausalLM(config)
    tensors = load_file(PLANNER / "model.safetensors")
    renamed = {f"model.{name}": tensor.to(dtype) for name, tensor in tensors.items()}
    model.load_state_dict(renamed, strict=True, assign=True)
    return model.requires_grad_(False)


def prompt(length: int, seed: int = 0, vocabulary: int = SMALL.vocabulary) -> list[int]:
    """Random tokens."""
    generator = torch.Generator().manual_seed(seed)
    drawn: list[int] = torch.randint(0, vocabulary, (length,), generator=generator).tolist()
    return drawn


def slow_hidden(model: CausalLM, ids: list[int]) -> Tensor:
    """Hidden state [hidden] after the last of `ids`, from a pass over all of them."""
    hidden: Tensor = model.model(torch.tensor([ids]))[0, -1]
    return hidden


def slow_greedy(model: CausalLM, ids: list[int], count: int) -> list[int]:
    """The likeliest `count` tokens after `ids`, each from a pass over all before it."""
    grown = list(ids)
    for _ in range(count):
        grown.append(int(model(torch.tensor([grown]))[0, -1].argmax()))
    return grown[len(ids) :]
