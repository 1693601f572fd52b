"""Names, shapes and counts of random sets are the published ones."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from torch import nn

from acestep_cli.demo import configs
from acestep_cli.demo.sizes import (
    DIT_2B,
    DIT_XL,
    FULL_2B,
    TINY,
    VAE_FULL,
    DitSizes,
    QwenSizes,
    StackSizes,
    VaeSizes,
)
from acestep_cli.demo.tables import TensorSpec, dit_tensors, qwen_tensors, vae_tensors
from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.models.vae import Vae
from acestep_cli.models.vae_config import VaeConfig
from acestep_cli.weights.index import read_index
from tests.unit.weights.helpers import CHECKPOINTS

XL_LIKE = DitSizes(
    stack=StackSizes(width=80, mlp=192, heads=5, kv_heads=5, head_dim=16),
    layers=4,
    sliding_window=16,
    lyric_layers=2,
    timbre_layers=2,
    pooler_layers=2,
    text_width=48,
    silence_frames=800,
    is_turbo=True,
    encoder=StackSizes(width=48, mlp=120, heads=4, kv_heads=2, head_dim=16),
)
ODD = DitSizes(
    stack=StackSizes(width=40, mlp=72, heads=3, kv_heads=3, head_dim=8),
    layers=5,
    sliding_window=3,
    lyric_layers=1,
    timbre_layers=3,
    pooler_layers=2,
    text_width=24,
    silence_frames=10,
    is_turbo=False,
    encoder=StackSizes(width=56, mlp=24, heads=4, kv_heads=1, head_dim=8),
)
GOLDEN_DITS = {**TINY.dits, "acestep-v15-xl-turbo": XL_LIKE}


def _shapes(specs: list[TensorSpec]) -> dict[str, tuple[int, ...]]:
    assert [spec.name for spec in specs] == sorted({spec.name for spec in specs})
    return {spec.name: spec.shape for spec in specs}


def _golden(name: str) -> dict[str, tuple[int, ...]]:
    index = read_index(CHECKPOINTS / name)
    return {key: entry.shape for key, entry in index.tensors.items()}


def _config(name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((CHECKPOINTS / name / "config.json").read_text())
    return config


@pytest.mark.parametrize("name", GOLDEN_DITS)
def test_dit_folders_have_the_golden_tensors_and_keys(name: str) -> None:
    sizes = GOLDEN_DITS[name]
    assert _shapes(dit_tensors(sizes)) == _golden(name)
    ours, theirs = configs.dit_config(sizes), _config(name)
    assert ours == {key: theirs[key] for key in ours}
    assert theirs.keys() - ours.keys() == {"auto_map", "transformers_version"}


def test_the_text_encoder_has_the_golden_tensors_and_keys() -> None:
    name = "Qwen3-Embedding-0.6B"
    assert _shapes(qwen_tensors(TINY.text_encoder, 2563)) == _golden(name)
    theirs = _config(name)
    ours = configs.qwen_config(TINY.text_encoder, 2563, pad_id=2537, eos_id=2537)
    assert {key: theirs[key] for key in ours.keys() & theirs.keys()} == {
        key: ours[key] for key in ours.keys() & theirs.keys()
    }


def test_the_planner_has_the_golden_tensors() -> None:
    assert TINY.planner is not None
    assert _shapes(qwen_tensors(TINY.planner, 68_098)) == _golden("acestep-5Hz-lm-0.6B")


def test_the_vae_has_the_golden_tensors_and_keys() -> None:
    assert _shapes(vae_tensors(TINY.vae)) == _golden("vae")
    ours, theirs = configs.vae_config(TINY.vae), _config("vae")
    assert ours == {key: theirs[key] for key in ours}


def _count(specs: list[TensorSpec]) -> tuple[int, int]:
    return len(specs), sum(spec.numel for spec in specs)


def test_the_full_sizes_have_the_published_counts() -> None:
    assert _count(dit_tensors(DIT_2B)) == (677, 2_393_872_518)
    assert _count(dit_tensors(DIT_XL)) == (829, 4_987_310_726)
    assert _count(vae_tensors(VAE_FULL)) == (365, 168_695_426)
    shapes = _shapes(qwen_tensors(FULL_2B.text_encoder, 151_669))
    assert shapes["embed_tokens.weight"] == (151_669, 1024)
    assert shapes["layers.27.self_attn.o_proj.weight"] == (1024, 2048)
    assert len(shapes) == 2 + 28 * 11


def test_groups_have_the_published_counts() -> None:
    def group(sizes: DitSizes, prefix: str) -> tuple[int, int]:
        return _count([spec for spec in dit_tensors(sizes) if spec.name.startswith(prefix)])

    assert group(DIT_2B, "decoder.") == (476, 1_575_458_880)
    assert group(DIT_XL, "decoder.") == (628, 4_168_897_088)
    for sizes in (DIT_2B, DIT_XL):
        assert group(sizes, "encoder.lyric_encoder.") == (91, 404_789_248)
        assert group(sizes, "encoder.timbre_encoder.") == (48, 201_481_216)
        assert group(sizes, "tokenizer.") == (32, 105_032_198)
        assert group(sizes, "detokenizer.") == (28, 105_011_776)


def _of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("sizes", [*GOLDEN_DITS.values(), ODD, DIT_2B, DIT_XL])
def test_the_networks_agree_with_the_table(sizes: DitSizes) -> None:
    config = AceStepConfig.from_json(configs.dit_config(sizes))
    with torch.device("meta"):
        assert _of(AceStepModel(config)) == _shapes(dit_tensors(sizes))


@pytest.mark.parametrize("sizes", [TINY.text_encoder, FULL_2B.text_encoder])
def test_the_text_encoder_agrees_with_the_table(sizes: QwenSizes) -> None:
    config = Qwen3Config.from_json(configs.qwen_config(sizes, 999, pad_id=1, eos_id=2))
    with torch.device("meta"):
        assert _of(Qwen3Model(config)) == _shapes(qwen_tensors(sizes, 999))


@pytest.mark.parametrize(
    "sizes", [TINY.vae, VAE_FULL, VaeSizes(decoder_width=24, multiples=(1, 1, 2, 2, 4))]
)
def test_the_vae_agrees_with_the_table(sizes: VaeSizes) -> None:
    with torch.device("meta"):
        vae = Vae(VaeConfig.from_json(configs.vae_config(sizes)))
    assert _of(vae) == _shapes(vae_tensors(sizes))


def test_widths_are_free_of_each_other() -> None:
    shapes = _shapes(dit_tensors(dataclasses.replace(ODD, text_width=7)))
    assert shapes["encoder.text_projector.weight"] == (56, 7)
    assert shapes["decoder.condition_embedder.weight"] == (40, 56)
    assert shapes["decoder.layers.4.cross_attn.k_proj.weight"] == (24, 40)
    assert shapes["encoder.lyric_encoder.layers.0.self_attn.q_proj.weight"] == (32, 56)
