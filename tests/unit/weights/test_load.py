"""Weights go into meta modules exactly, mapped where possible; the silence latent is checked."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from acestep_cli.errors import CheckpointError
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import load_silence_latent, load_weights, prefetch
from tests.unit.weights.helpers import CHECKPOINTS, entry, write_raw, write_sharded


class Net(nn.Module):
    """A stand-in network with a persistent and a non-persistent buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.norm = nn.LayerNorm(2)
        self.register_buffer("kept", torch.zeros(2))
        self.register_buffer("computed", torch.zeros(2, device="cpu"), persistent=False)


def _state(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        name: torch.randn(tensor.shape, generator=generator).to(dtype)
        for name, tensor in Net().state_dict().items()
    }


def _net() -> Net:
    with torch.device("meta"):
        return Net()


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("run", [torch.float32, torch.float16, torch.bfloat16])
def test_values_and_types(tmp_path: Path, stored: torch.dtype, run: torch.dtype) -> None:
    state = _state(stored)
    save_file(state, tmp_path / "model.safetensors")
    net = _net()
    load_weights(net, read_index(tmp_path), dtype=run)
    for name, tensor in net.state_dict().items():
        assert tensor.dtype == run
        assert torch.equal(tensor, state[name].to(run)), name
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_shards_and_prefix_and_rename(tmp_path: Path) -> None:
    state = _state()
    stored = {f"net.{name.replace('linear', 'dense')}": value for name, value in state.items()}
    write_sharded(
        tmp_path,
        [
            {name: value for name, value in stored.items() if "dense" in name},
            {name: value for name, value in stored.items() if "dense" not in name},
            {"other.x": torch.zeros(1), "net.training_only": torch.zeros(1)},
        ],
    )
    net = _net()
    load_weights(
        net,
        read_index(tmp_path),
        prefix="net.",
        dtype=torch.float32,
        rename=lambda name: None if name == "training_only" else name.replace("dense", "linear"),
    )
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


def test_everything_wrong_is_in_one_error(tmp_path: Path) -> None:
    state = _state()
    del state["norm.weight"], state["kept"]
    state |= {"extra": torch.zeros(1), "linear.bias": torch.zeros(7)}
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_weights(_net(), read_index(tmp_path), dtype=torch.float32)
    message = caught.value.message
    assert "lacks 2 tensors (kept, norm.weight)" in message
    assert "holds unknown 1 tensor (extra)" in message
    assert "wrong shapes for 1 tensor (linear.bias is [7] and not [2])" in message
    assert str(tmp_path) in message


def test_two_names_for_one_tensor_are_an_error(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1), "model.a": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="holds a twice"):
        load_weights(
            nn.Module(),
            read_index(tmp_path),
            dtype=torch.float32,
            rename=lambda name: name.removeprefix("model."),
        )


def test_loaded_tensors_outlive_the_index_and_never_reach_the_file(tmp_path: Path) -> None:
    state = _state()
    file = tmp_path / "model.safetensors"
    save_file(state, file)
    before = file.read_bytes()
    net = _net()
    load_weights(net, read_index(tmp_path), dtype=torch.float32)
    net.linear.weight.mul_(2)
    assert torch.equal(net.linear.weight, state["linear.weight"] * 2)
    assert file.read_bytes() == before


def test_tensors_off_their_alignment_are_read_too(tmp_path: Path) -> None:
    values = torch.tensor([1.5, -2.0])
    data = torch.tensor([3.0], dtype=torch.bfloat16).view(torch.uint8).numpy().tobytes()
    data += values.numpy().tobytes()
    header = {"a": entry([1], 0, 2, "BF16"), "weight": entry([2], 2, 10)}
    write_raw(tmp_path / "model.safetensors", header, data)
    module = nn.Module()
    module.weight = nn.Parameter(torch.empty(2, device="meta"))
    load_weights(
        module,
        read_index(tmp_path),
        dtype=torch.float32,
        rename=lambda name: None if name == "a" else name,
    )
    assert torch.equal(module.weight, values)


def test_prefetch_reads_without_torch_and_ignores_lost_files(tmp_path: Path) -> None:
    save_file(_state(), tmp_path / "model.safetensors")
    index = read_index(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    thread = prefetch([index, read_index(CHECKPOINTS / "vae")])
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("name", ["acestep-v15-turbo", "acestep-v15-base"])
def test_the_silence_latent_is_time_major_float32(name: str) -> None:
    path = CHECKPOINTS / name / "silence_latent.pt"
    latent = load_silence_latent(path)
    raw = torch.load(path, weights_only=True)
    assert latent.dtype == torch.float32
    assert torch.equal(latent, raw.transpose(1, 2))
    assert latent.is_contiguous()


class _Harmful:
    def __reduce__(self) -> Any:
        return (eval, ("1/0",))


BAD_SILENCE: dict[str, Any] = {
    "damaged": b"no zip at all",
    "damaged ": b"",
    "damaged  ": pickle.dumps(_Harmful()),
    "damaged   ": _Harmful(),
    "no tensor": {"a": 1},
    "no tensor ": torch.zeros(1, 64, 3, dtype=torch.int64),
    "[1, 3, 64]": torch.zeros(1, 3, 64),
    "[64, 3]": torch.zeros(64, 3),
    "[1, 64, 0]": torch.zeros(1, 64, 0),
    "not finite": torch.full((1, 64, 2), float("nan")),
}


@pytest.mark.parametrize("what", BAD_SILENCE)
def test_a_bad_silence_latent_is_an_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "silence_latent.pt"
    content = BAD_SILENCE[what]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(CheckpointError) as caught:
        load_silence_latent(path)
    assert what.strip() in caught.value.message
    assert str(path) in caught.value.message


def test_a_truncated_or_absent_silence_latent_is_an_error(tmp_path: Path) -> None:
    whole = (CHECKPOINTS / "acestep-v15-base" / "silence_latent.pt").read_bytes()
    path = tmp_path / "silence_latent.pt"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        load_silence_latent(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_silence_latent(tmp_path / "absent.pt")


def test_every_golden_tensor_maps_to_the_stored_bits() -> None:
    expected = load_file(CHECKPOINTS / "vae" / "diffusion_pytorch_model.safetensors")
    module = nn.Module()
    for name, tensor in expected.items():
        module.register_parameter(name.replace(".", "_"), nn.Parameter(tensor.to("meta")))
    load_weights(
        module,
        read_index(CHECKPOINTS / "vae"),
        dtype=torch.bfloat16,
        rename=lambda name: name.replace(".", "_"),
    )
    state = module.state_dict()
    assert all(
        torch.equal(state[name.replace(".", "_")], value) for name, value in expected.items()
    )
