"""diffusers reads what the builder wrote, and finds the same numbers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

from acestep_cli.demo import configs, sizes
from acestep_cli.errors import OutputError
from acestep_cli.weights.index import read_index
from benchmarks.build import Folders, build
from benchmarks.layout import SILENCE_FRAMES, component_config
from benchmarks.peer import load_pipeline

PARTS = ("transformer", "condition_encoder", "audio_tokenizer", "audio_token_detokenizer")


def test_the_pipeline_loads_and_takes_every_tensor(folders: Folders) -> None:
    pipeline = load_pipeline(folders.pipeline, torch.bfloat16)
    assert pipeline.is_turbo
    for name in (*PARTS, "vae", "text_encoder"):
        expected = set(getattr(pipeline, name).state_dict())
        assert set(read_index(folders.pipeline / name).tensors) == expected, name


def test_tensors_keep_their_bytes(folders: Folders) -> None:
    published = read_index(folders.dit)
    written = read_index(folders.pipeline / "transformer")
    pairs = {
        "decoder.layers.1.cross_attn.o_proj.weight": "layers.1.cross_attn.to_out.0.weight",
        "decoder.layers.0.self_attn.q_norm.weight": "layers.0.self_attn.norm_q.weight",
        "decoder.proj_in.1.weight": "proj_in_conv.weight",
        "decoder.time_embed_r.linear_2.bias": "time_embed_r.linear_2.bias",
    }
    for old, new in pairs.items():
        contents = []
        for entry in (published.tensors[old], written.tensors[new]):
            data = entry.file.read_bytes()
            contents.append(data[entry.start : entry.start + entry.nbytes])
        assert contents[0] == contents[1], new
        assert published.tensors[old].shape == written.tensors[new].shape
    parts = sum(read_index(folders.pipeline / part).nbytes for part in PARTS)
    assert parts == published.nbytes + SILENCE_FRAMES * 64 * 4


def test_silence_is_the_published_one_repeated(folders: Folders) -> None:
    from safetensors.torch import load_file

    file = folders.pipeline / "condition_encoder" / "diffusion_pytorch_model.safetensors"
    found = load_file(file)["silence_latent"]
    published = torch.load(folders.dit / "silence_latent.pt", weights_only=True).transpose(1, 2)
    frames = published.shape[1]
    assert found.shape == (1, SILENCE_FRAMES, 64)
    assert torch.equal(found[:, :frames], published)
    assert torch.equal(found[:, frames : 2 * frames], published)


def test_what_is_the_same_is_not_written_twice(folders: Folders) -> None:
    for one, other in (
        (folders.vae / "diffusion_pytorch_model.safetensors", "vae"),
        (folders.text_encoder / "model.safetensors", "text_encoder"),
    ):
        assert one.samefile(folders.pipeline / other / one.name)


def test_encoders_of_an_xl_config_keep_their_own_sizes() -> None:
    config = configs.dit_config(sizes.DIT_XL)
    transformer = component_config("transformer", config)
    conditions = component_config("condition_encoder", config)
    assert transformer["hidden_size"] == 2560
    assert transformer["encoder_hidden_size"] == conditions["hidden_size"] == 2048
    assert transformer["num_attention_heads"] == 32
    assert conditions["num_attention_heads"] == 16


def test_a_second_build_leaves_the_first_alone(folders: Folders) -> None:
    index = folders.pipeline / "model_index.json"
    before = index.stat().st_mtime_ns
    with pytest.raises(OutputError, match="not empty"):
        build(folders.root, "tiny")
    assert index.stat().st_mtime_ns == before
    assert json.loads(index.read_text("utf-8"))["_class_name"] == "AceStepPipeline"


def test_an_unfinished_folder_is_not_built(tmp_path: Path) -> None:
    (tmp_path / "diffusers").mkdir()
    assert not Folders(tmp_path).is_built


def test_the_peers_warnings_stay_with_it(folders: Folders) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        load_pipeline(folders.pipeline, torch.float32)
    assert not heard
