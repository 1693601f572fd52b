"""Headers are believed only as far as the file bears them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.weights.index import check_names, read_header, read_index
from tests.unit.weights.helpers import CHECKPOINTS, entry, write_index, write_raw, write_sharded


@pytest.mark.parametrize("name", ["vae", "acestep-v15-turbo", "Qwen3-Embedding-0.6B"])
def test_agrees_with_the_safetensors_library(name: str) -> None:
    index = read_index(CHECKPOINTS / name)
    expected = load_file(index.files[0])
    assert {key: found.shape for key, found in index.tensors.items()} == {
        key: tuple(tensor.shape) for key, tensor in expected.items()
    }
    assert {found.dtype for found in index.tensors.values()} == {"BF16"}
    assert index.nbytes == sum(tensor.nbytes for tensor in expected.values())


def test_counts_values_and_names_below_a_prefix(tmp_path: Path) -> None:
    save_file({"a.x": torch.zeros(2, 3), "a.y": torch.zeros(4), "b": torch.zeros(1)}, _at(tmp_path))
    index = read_index(tmp_path)
    assert index.names("a.") == ["x", "y"]
    assert (index.values("a."), index.values()) == (10, 11)


def test_an_empty_and_a_scalar_tensor_are_fine(tmp_path: Path) -> None:
    save_file({"empty": torch.zeros(0, 4), "scalar": torch.tensor(1.0)}, _at(tmp_path))
    assert {key: found.shape for key, found in read_index(tmp_path).tensors.items()} == {
        "empty": (0, 4),
        "scalar": (),
    }


BROKEN: dict[str, Callable[[Path], Any]] = {
    "ends outside": lambda path: path.write_bytes(b"\x08\0\0"),
    "ends outside its": lambda path: write_raw(path, {}, length=2**62),
    "no JSON": lambda path: write_raw(path, b"{'a'"),
    "no JSON ": lambda path: write_raw(path, b"[" * 100_000),
    "no JSON  ": lambda path: write_raw(path, b"\xff\xfe{}"),
    "no JSON object": lambda path: write_raw(path, b"[]"),
    "twice": lambda path: write_raw(path, b'{"a":1,"a":2}'),
    "malformed": lambda path: write_raw(path, {"a": [1]}),
    "malformed ": lambda path: write_raw(path, {"a": {"dtype": "F32", "shape": [1]}}),
    "impossible shape": lambda path: write_raw(path, {"a": entry([-1], 0, 4)}, b"0000"),
    "impossible shape ": lambda path: write_raw(path, {"a": entry([True], 0, 4)}, b"0000"),
    "impossible shape  ": lambda path: write_raw(path, {"a": entry([1] * 99, 0, 4)}, b"0000"),
    "impossible offsets": lambda path: write_raw(path, {"a": entry([1], -4, 0)}, b"0000"),
    "does not fill": lambda path: write_raw(path, {"a": entry([2], 0, 4)}, b"0000"),
    "does not fill ": lambda path: write_raw(path, {"a": entry([2**40, 2**40], 0, 4)}, b"0000"),
    "cut off": lambda path: write_raw(path, {"a": entry([4], 0, 16)}, b"0000"),
    "gap": lambda path: write_raw(path, {"a": entry([1], 4, 8)}, b"0" * 8),
    "overlaps": lambda path: write_raw(
        path, {"a": entry([2], 0, 8), "b": entry([1], 4, 8)}, b"0" * 8
    ),
    "belong to no tensor": lambda path: write_raw(path, {"a": entry([1], 0, 4)}, b"0" * 8),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_with_its_fault(tmp_path: Path, what: str) -> None:
    BROKEN[what](_at(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        read_index(tmp_path)
    assert what.strip() in caught.value.message
    assert str(_at(tmp_path)) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("cut", [1, 7, 20, 200, 5000])
def test_a_truncated_checkpoint_is_an_error(tmp_path: Path, cut: int) -> None:
    whole = (CHECKPOINTS / "Qwen3-Embedding-0.6B" / "model.safetensors").read_bytes()
    _at(tmp_path).write_bytes(whole[: len(whole) - cut])
    with pytest.raises(CheckpointError, match="cut off"):
        read_index(tmp_path)
    _at(tmp_path).write_bytes(whole[:cut])
    with pytest.raises(CheckpointError, match="ends outside"):
        read_index(tmp_path)


def test_other_types_are_refused_by_name(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(3, dtype=torch.int64)}, _at(tmp_path))
    with pytest.raises(CheckpointError, match="'w' is stored as I64; F32, F16 and BF16"):
        read_index(tmp_path)


def test_no_weights_is_missing_even_beside_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(CheckpointMissing, match="holds no weights"):
        read_index(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_header(tmp_path / "absent.safetensors")


def test_shards_are_one_index(tmp_path: Path) -> None:
    write_sharded(tmp_path, [{"a": torch.zeros(2)}, {"b": torch.zeros(3), "c": torch.zeros(1)}])
    index = read_index(tmp_path)
    assert index.names() == ["a", "b", "c"]
    assert [file.name for file in index.files] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]


@pytest.mark.parametrize(
    "shard",
    ["../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "a\\b.safetensors",
     "C:x.safetensors", "model.bin", 7, None],
)  # fmt: skip
def test_an_index_must_not_lead_elsewhere(tmp_path: Path, shard: object) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path.parent / "x.safetensors")
    write_index(tmp_path, {"a": shard})
    with pytest.raises(CheckpointError, match="is not the name of a safetensors file"):
        read_index(tmp_path)


def test_absent_shards_and_tensors_are_named(tmp_path: Path) -> None:
    weight_map = write_sharded(tmp_path, [{"a": torch.zeros(1)}, {"b": torch.zeros(1)}])
    write_index(tmp_path, {**weight_map, "lost": weight_map["a"]})
    with pytest.raises(CheckpointError, match=r"lack 1 tensor \(lost\)"):
        read_index(tmp_path)
    write_index(tmp_path, {"a": weight_map["a"], "b": weight_map["a"]})
    with pytest.raises(CheckpointError, match=r"lack 1 tensor \(b\)"):
        read_index(tmp_path)
    write_index(tmp_path, weight_map)
    (tmp_path / weight_map["b"]).unlink()
    with pytest.raises(CheckpointError, match=r"absent file\(s\): model-00002"):
        read_index(tmp_path)


def test_a_shard_with_more_than_the_index_says_is_an_error(tmp_path: Path) -> None:
    weight_map = write_sharded(tmp_path, [{"a": torch.zeros(1), "b": torch.zeros(1)}])
    write_index(tmp_path, {"a": weight_map["a"]})
    with pytest.raises(CheckpointError, match=r"unlisted 1 tensor \(b\)"):
        read_index(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": 3}'])
def test_an_index_without_a_map_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json"):
        read_index(tmp_path)


def test_a_whole_folder_is_held_to_its_names(tmp_path: Path) -> None:
    save_file({key: torch.zeros(1) for key in "abcdef"}, _at(tmp_path))
    index = read_index(tmp_path)
    check_names(index, "abcdef")
    with pytest.raises(CheckpointError) as caught:
        check_names(index, "abx")
    assert "lacks 1 tensor (x) and holds unknown 4 tensors (c, d, e, ...)" in caught.value.message


def _at(folder: Path) -> Path:
    return folder / "model.safetensors"
