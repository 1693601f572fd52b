"""Opening a planner's folder, as it is published and as it should not be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from acestep_cli.config import Settings
from acestep_cli.demo.sizes import TINY
from acestep_cli.demo.tiny import build_qwen
from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.models.causal import CausalLM
from acestep_cli.models.packed import PackedModel
from acestep_cli.pipeline.language import LanguageModel, open_language
from acestep_cli.weights.folder import open_folder
from tests.unit.models.transformers import rms_difference

NAME = "acestep-5Hz-lm-0.6B"
PROMPT = [2538, 45, 99, 100, 2561]


@pytest.fixture
def folder(tmp_path: Path, checkpoints: Path) -> Path:
    return Path(shutil.copytree(checkpoints / NAME, tmp_path / NAME))


def opened(folder: Path, kernels: str = "rows", **settings: Any) -> LanguageModel:
    asked = Settings(**{"device": "cpu", "dtype": "float32"} | settings)
    policy, _ = choose_policy(asked, {"planner": 1})
    policy = replace(policy, kernels={"transformer": kernels})
    return open_language(open_folder(NAME, "planner", folder), policy)


def hidden(language: LanguageModel) -> Tensor:
    return language.decoder(1, 8).start([PROMPT])


def change_weights(
    folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor] | None]
) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    changed = change(tensors)
    save_file(tensors if changed is None else changed, path)


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))


def test_the_published_folder_opens(checkpoints: Path) -> None:
    language = opened(checkpoints / NAME)
    assert language.config.layers == 2
    assert isinstance(language.model, PackedModel)
    assert language.tokenizer.require("<think>") == 2561
    assert hidden(language).shape == (1, 32)


def test_the_forms_of_one_folder_agree(checkpoints: Path) -> None:
    plain = opened(checkpoints / NAME, "plain")
    assert isinstance(plain.model, CausalLM)
    wanted = hidden(plain)
    for settings, worst in (
        ({}, 1e-6),
        ({"dtype": "bfloat16"}, 0.02),
        ({"lm_quantization": "int8"}, 0.06),
        ({"dtype": "bfloat16", "lm_quantization": "int8"}, 0.06),
        ({"lm_quantization": "int4"}, 0.6),
    ):
        found = hidden(opened(checkpoints / NAME, **settings))
        assert rms_difference(found, wanted) < worst, settings
        assert settings == {} or rms_difference(found, wanted) > 1e-4, settings


def test_widths_that_int4_cannot_group_are_refused(folder: Path) -> None:
    sizes = TINY.planner
    assert sizes
    build_qwen(folder, replace(sizes, stack=replace(sizes.stack, width=48)))
    with pytest.raises(CheckpointError, match="multiples of 32, not 48") as caught:
        opened(folder, lm_quantization="int4")
    assert "int8" in caught.value.hint
    opened(folder, lm_quantization="int8")


def test_names_may_begin_with_model(folder: Path) -> None:
    wanted = hidden(opened(folder))
    change_weights(folder, lambda old: {f"model.{name}": tensor for name, tensor in old.items()})
    assert torch.equal(hidden(opened(folder)), wanted)


def test_a_tied_head_may_be_stored_once_more(folder: Path) -> None:
    wanted = hidden(opened(folder))
    change_weights(folder, lambda old: old | {"lm_head.weight": old["embed_tokens.weight"].clone()})
    assert torch.equal(hidden(opened(folder)), wanted)


@pytest.mark.parametrize("kernels", ["rows", "plain"])
def test_a_head_of_its_own_is_read(folder: Path, kernels: str) -> None:
    change_json(folder / "config.json", tie_word_embeddings=False)
    change_weights(folder, lambda old: old | {"lm_head.weight": -old["embed_tokens.weight"]})
    embedding = load_file(folder / "model.safetensors")["embed_tokens.weight"].float()
    for ids in (torch.arange(5), torch.arange(9, 700)):
        scores = opened(folder, kernels).decoder(1, 8).head(ids)(torch.ones(1, 32))
        assert torch.allclose(scores, -embedding[ids].sum(1)[None], atol=1e-5)


def test_an_untied_folder_without_a_head_is_unfit(folder: Path) -> None:
    change_json(folder / "config.json", tie_word_embeddings=False)
    with pytest.raises(CheckpointError, match=r"lacks 1 tensor \(lm_head\.weight\)"):
        opened(folder)


def test_absent_unknown_and_ill_shaped_tensors_are_named(folder: Path) -> None:
    def change(old: dict[str, Tensor]) -> None:
        old["extra"] = old.pop("layers.0.mlp.up_proj.weight")
        old["norm.weight"] = torch.ones(31)

    change_weights(folder, change)
    with pytest.raises(CheckpointError) as caught:
        opened(folder)
    for word in ("layers.0.mlp.up_proj.weight", "extra", "norm.weight is [31]"):
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"rope_scaling": {"type": "yarn"}}, "rope_scaling"),
        ({"vocab_size": 68_000}, "68098 tokens and its network knows 68000"),
    ],
)
def test_an_unfit_config_is_refused(folder: Path, changes: dict[str, object], words: str) -> None:
    change_json(folder / "config.json", **changes)
    with pytest.raises(CheckpointError, match=words):
        opened(folder)


def test_a_text_encoder_is_no_planner(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace("<|audio_code_0|>", "<|other|>"), "utf-8")
    with pytest.raises(CheckpointError, match=r"no token <\|audio_code_0\|>"):
        opened(folder)
