"""Small autoencoders: the golden one and random ones of any shape."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from acestep_cli.models.vae import Vae, VaeConfig
from tests.conftest import GOLDEN

FOLDER = GOLDEN / "checkpoints" / "vae"
OTHER = {
    "encoder_hidden_size": 24,
    "downsampling_ratios": [4, 2, 6],
    "channel_multiples": [1, 3, 2],
    "decoder_channels": 8,
    "decoder_input_channels": 12,
    "audio_channels": 2,
    "sampling_rate": 48000,
}


def golden_config() -> dict[str, Any]:
    """The golden checkpoint's `config.json`."""
    return dict(json.loads((FOLDER / "config.json").read_text("utf-8")))


def golden_weights() -> dict[str, Tensor]:
    """The golden checkpoint's tensors, bfloat16 as on disk."""
    return dict(load_file(FOLDER / "diffusion_pytorch_model.safetensors"))


def golden_case(name: str) -> dict[str, Tensor]:
    """The tensors of one golden vector."""
    return dict(load_file(GOLDEN / "modules" / f"{name}.safetensors"))


def random_weights(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Float32 tensors with every published name; gains keep activations near 1."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, meta in empty(config).state_dict().items():
        spread = 0.05 if name.endswith("bias") else 0.3 if "snake" in name else 1.0
        weights[name] = spread * torch.randn(meta.shape, generator=generator)
        if name.endswith("weight_g"):
            weights[name] = 0.5 + 0.2 * weights[name].tanh()
    return weights


def empty(config: dict[str, Any]) -> Vae:
    """An autoencoder without values."""
    with torch.device("meta"):
        return Vae(VaeConfig.from_json(config))


def filled(config: dict[str, Any], weights: dict[str, Tensor]) -> Vae:
    """An autoencoder with `weights`, not folded."""
    vae = empty(config)
    vae.load_state_dict(weights, assign=True)
    return vae


def relative(found: Tensor, expected: Tensor) -> float:
    """The largest difference over the largest value."""
    assert found.shape == expected.shape
    return float((found.float() - expected).abs().max() / expected.abs().max())
