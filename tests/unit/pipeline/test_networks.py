"""Checkpoint folders that do not fit are found out before any work, by name."""

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
from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.pipeline.decoder import Tiling, decode_song, encode_song
from acestep_cli.pipeline.hints import codes_of_audio
from acestep_cli.pipeline.networks import Ears, Networks
from acestep_cli.weights.locate import find_ears, find_set
from acestep_cli.weights.places import Place

DIT = "acestep-v15-turbo"
DEEPER = tuple(f"decoder.layers.{index}." for index in (1, 2, 3))
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def folder(tmp_path: Path, checkpoints: Path) -> Path:
    copy = tmp_path / "checkpoints"
    copy.mkdir()
    for name in (DIT, "vae", "Qwen3-Embedding-0.6B"):
        shutil.copytree(checkpoints / name, copy / name)
    return copy


def open_folder(folder: Path, **settings: Any) -> Networks:
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32", **settings), {})
    return Networks(find_set(DIT, "text2music", [Place(folder, "a test")]), policy)


def change_config(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    path = folder / DIT / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    change_weights(folder, lambda tensors: tensors.pop("decoder.norm_out.weight"))
    with pytest.raises(CheckpointError, match=r"decoder\.norm_out\.weight"):
        open_folder(folder)


def test_an_unknown_tensor_is_named(folder: Path) -> None:
    change_weights(folder, lambda tensors: tensors.update({"decoder.extra": torch.ones(2)}))
    with pytest.raises(CheckpointError, match=r"decoder\.extra"):
        open_folder(folder)


def test_an_ill_shaped_tensor_is_named(folder: Path) -> None:
    change_config(folder, DIT, intermediate_size=128)
    with pytest.raises(CheckpointError, match=r"gate_proj.*160"):
        open_folder(folder).dit()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"num_attention_heads": "four"}, "num_attention_heads"),
        ({"num_key_value_heads": 3}, "no multiple of 3"),
        ({"layer_types": ["odd"] * 4}, "layer_types"),
        ({"in_channels": 128}, "in_channels"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"attention_bias": True}, "attention_bias"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling"),
        ({"rms_norm_eps": float("inf")}, "rms_norm_eps"),
        ({"sliding_window": -1}, "sliding_window"),
        ({"fsq_input_num_quantizers": 2}, "fsq_input_num_quantizers"),
        ({"num_lyric_encoder_hidden_layers": 9}, "layer_types"),
        ({"head_dim": 15}, "head_dim"),
        ({"fsq_dim": 63}, "fsq_dim"),
    ],
)
def test_a_config_that_cannot_be_is_named(
    folder: Path, changes: dict[str, Any], words: str
) -> None:
    change_config(folder, DIT, **changes)
    with pytest.raises(CheckpointError, match=words):
        open_folder(folder)


def test_a_dit_may_be_shallower_than_what_reads_the_words(folder: Path) -> None:
    change_config(folder, DIT, num_hidden_layers=1)
    change_weights(
        folder,
        lambda tensors: [tensors.pop(n) for n in list(tensors) if n.startswith(DEEPER)],
    )
    networks = open_folder(folder)
    assert len(networks.dit().layers) == 1
    assert len(networks.condition_encoder().lyric_encoder.layers) == 2


def test_a_text_encoder_of_another_width_is_refused(folder: Path) -> None:
    change_config(folder, DIT, text_hidden_dim=50)
    with pytest.raises(CheckpointError):
        open_folder(folder)


def test_a_text_encoder_with_a_prefix_and_a_head_is_read(folder: Path) -> None:
    path = folder / "Qwen3-Embedding-0.6B" / "model.safetensors"
    plain = open_folder(folder).text_encoder()
    tensors = {f"model.{name}": tensor for name, tensor in load_file(path).items()}
    save_file(tensors | {"lm_head.weight": torch.zeros(3, 48)}, path)
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(open_folder(folder).text_encoder()(ids), plain(ids))


@torch.no_grad()
def test_new_weight_norm_names_of_the_vae_are_read(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    latents = torch.randn(3, 64)
    before = open_folder(folder).decoder().decode(latents, 0, 3)
    renamed = {}
    for name, tensor in load_file(path).items():
        stem, _, last = name.rpartition(".")
        kind = {"weight_g": "original0", "weight_v": "original1"}.get(last)
        renamed[f"{stem}.parametrizations.weight.{kind}" if kind else name] = tensor
    save_file(renamed, path)
    after = open_folder(folder).decoder().decode(latents, 0, 3)
    assert torch.equal(before, after)


@torch.no_grad()
@pytest.mark.parametrize("model", ["turbo", "base", "xl"])
def test_audio_codes_are_read_and_written_as_the_original_does(
    checkpoints: Path, model: str
) -> None:
    name = {"xl": "acestep-v15-xl-turbo"}.get(model, f"acestep-v15-{model}")
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    places = [Place(checkpoints, "a test")]
    networks = Networks(find_set(name, "text2music", places), policy)
    coded = load_file(GOLDEN / "modules" / f"audio_codes_{model}.safetensors")
    latents = networks.detokenizer()(coded["indices"][None])
    assert (latents - coded["detokenized"]).abs().max() <= 1e-5 * coded["detokenized"].abs().max()
    sound = load_file(GOLDEN / "modules" / f"audio_tokenizer_{model}_0.safetensors")
    assert torch.equal(
        networks.audio_tokenizer()(sound["latents"]).indices[..., None], sound["indices"]
    )


@torch.no_grad()
@pytest.mark.parametrize("kernels", ["rows", "plain"])
def test_each_half_of_the_vae_does_without_the_other(folder: Path, kernels: str) -> None:
    networks = open_folder(folder)
    networks.policy = replace(networks.policy, kernels={"vae": kernels})
    golden = load_file(GOLDEN / "modules" / "vae_encode_1.safetensors")
    mean = encode_song(networks.encoder(), golden["audio"][0], Tiling(3, 0))
    assert (mean.t() - golden["mean"][0]).abs().max() <= 2e-5 * golden["mean"].abs().max()
    golden = load_file(GOLDEN / "modules" / "vae_decode_0.safetensors")
    audio = decode_song(networks.decoder(), golden["latents"][0].t(), Tiling(7, 0))
    assert (audio - golden["audio"][0]).abs().max() <= 2e-5 * golden["audio"].abs().max()


def test_sound_is_heard_without_a_text_encoder(folder: Path) -> None:
    shutil.rmtree(folder / "Qwen3-Embedding-0.6B")
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    ears = Ears(find_ears(DIT, [Place(folder, "a test")]), policy)
    audio = torch.randn(2, 19_200, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    assert len(codes_of_audio(audio, ears)) == 2
