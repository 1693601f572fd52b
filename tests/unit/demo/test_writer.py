"""Random tensors: the same bytes for a seed, the asked spread, readable by others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from acestep_cli.demo import writer
from acestep_cli.demo.tables import TensorSpec
from acestep_cli.demo.writer import DiskDtype, write_weights
from acestep_cli.weights.index import read_index

SPECS = [
    TensorSpec("large", (300, 1000), 0.5),
    TensorSpec("norm", (400,), 0.1, 1.0),
    TensorSpec("norm again", (400,), 0.1, 1.0),
    TensorSpec("scalar", (1, 1, 1), 1.0),
]


@pytest.fixture
def small_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `large` one of the tensors that repeat the shared block."""
    monkeypatch.setattr(writer, "_BLOCK", 10_007)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("BF16", torch.bfloat16), ("F16", torch.float16), ("F32", torch.float32)],
)
@pytest.mark.usefixtures("small_block")
def test_spread_and_type(tmp_path: Path, dtype: DiskDtype, expected: torch.dtype) -> None:
    write_weights(tmp_path, "model", SPECS, 7, dtype=dtype)
    found = load_file(tmp_path / "model.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        spec.name: spec.shape for spec in SPECS
    }
    assert {tensor.dtype for tensor in found.values()} == {expected}
    assert found["large"].float().std().item() == pytest.approx(0.5, rel=0.02)
    assert found["large"].float().mean().item() == pytest.approx(0, abs=0.02)
    assert found["norm"].float().mean().item() == pytest.approx(1, abs=0.02)
    assert found["norm"].float().std().item() == pytest.approx(0.1, rel=0.15)


@pytest.mark.usefixtures("small_block")
def test_no_two_rows_of_a_repeated_block_are_alike(tmp_path: Path) -> None:
    write_weights(tmp_path, "model", SPECS, 0)
    rows = load_file(tmp_path / "model.safetensors")["large"]
    assert len({tuple(row[:20].tolist()) for row in rows}) == len(rows)
    assert torch.linalg.matrix_rank(rows.float()) == len(rows)


def test_bfloat16_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    write_weights(tmp_path, "a", SPECS, 3, dtype="F32")
    write_weights(tmp_path, "b", SPECS, 3, dtype="BF16")
    exact, rounded = (load_file(tmp_path / f"{stem}.safetensors") for stem in "ab")
    for name, tensor in exact.items():
        assert torch.equal(tensor.to(torch.bfloat16), rounded[name])


def test_a_tensor_depends_on_seed_and_name_alone(tmp_path: Path) -> None:
    write_weights(tmp_path, "all", SPECS, 1)
    write_weights(tmp_path, "some", SPECS[1:], 1)
    write_weights(tmp_path, "other", SPECS, 2)
    every, some, other = (
        load_file(tmp_path / f"{stem}.safetensors") for stem in ("all", "some", "other")
    )
    assert torch.equal(every["norm"], some["norm"])
    assert not torch.equal(every["norm"], other["norm"])
    assert not torch.equal(every["norm"], every["norm again"])


@pytest.mark.parametrize("limit", [1, 700_000, 10**9])
def test_shards_hold_the_same_tensors(tmp_path: Path, limit: int) -> None:
    write_weights(tmp_path, "whole", SPECS, 5)
    write_weights(tmp_path, "model", SPECS, 5, shard_bytes=limit)
    index = read_index(tmp_path)
    assert len(index.files) == {1: 4, 700_000: 1, 10**9: 1}[limit]
    whole = load_file(tmp_path / "whole.safetensors")
    for file in index.files:
        for name, tensor in load_file(file).items():
            assert torch.equal(tensor, whole.pop(name))
    assert not whole
