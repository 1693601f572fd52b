"""The fingerprint follows the content: config, size, header and sampled blocks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from acestep_cli.weights.fingerprint import BLOCK_BYTES, BLOCKS, fingerprint
from acestep_cli.weights.index import read_index
from tests.unit.weights.helpers import CHECKPOINTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of a few megabytes, so that not every byte is sampled."""
    path = tmp_path / "one"
    path.mkdir()
    (path / "config.json").write_text('{"a": 1}')
    save_file({"x": torch.zeros(1_000_000)}, path / "model.safetensors")
    return path


def _flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_it_is_a_function_of_the_content_alone(folder: Path) -> None:
    first = fingerprint(folder)
    assert len(first) == 64
    copy = folder.parent / "two"
    shutil.copytree(folder, copy)
    (copy / "README.md").write_text("of no matter")
    assert fingerprint(copy) == first == fingerprint(folder)


def test_one_changed_byte_of_config_header_or_sampled_block_shows(folder: Path) -> None:
    seen = {fingerprint(folder)}
    weights = folder / "model.safetensors"
    size = weights.stat().st_size
    for file, at in [
        (folder / "config.json", 6),
        (weights, 20),
        (weights, size - 1),
        (weights, size - BLOCK_BYTES),
        (weights, (size - BLOCK_BYTES) * 7 // (BLOCKS - 1)),
    ]:
        _flip(file, at)
        seen.add(fingerprint(folder))
    assert len(seen) == 6


def test_a_longer_file_shows(folder: Path) -> None:
    first = fingerprint(folder)
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert fingerprint(folder) != first


def test_every_byte_of_a_long_header_counts(folder: Path) -> None:
    tensors = {f"tensor.{index:05d}": torch.zeros(1) for index in range(20_000)}
    save_file(tensors, folder / "model.safetensors")
    first = fingerprint(folder)
    start = min(entry.start for entry in read_index(folder).tensors.values())
    assert start > BLOCK_BYTES * 12
    _flip(folder / "model.safetensors", start - 200)
    assert fingerprint(folder) != first


def test_shards_count_each(folder: Path) -> None:
    save_file({"y": torch.zeros(3)}, folder / "model-00002-of-00002.safetensors")
    first = fingerprint(folder)
    _flip(folder / "model-00002-of-00002.safetensors", -1)
    assert fingerprint(folder) != first


def test_the_golden_folders_differ() -> None:
    folders = [path for path in CHECKPOINTS.iterdir() if path.is_dir()]
    assert len({fingerprint(path) for path in folders}) == len(folders)
