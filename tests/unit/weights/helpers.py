"""Small safetensors files, right and wrong, and checkpoint folders to look for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).parents[2] / "golden"
CHECKPOINTS = GOLDEN / "checkpoints"


def write_raw(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with any header: `header` is bytes, or an object that becomes JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    """One tensor of a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write_sharded(folder: Path, shards: list[dict[str, torch.Tensor]]) -> dict[str, str]:
    """Shards and their index as the published ones are named; returns the weight map."""
    folder.mkdir(parents=True, exist_ok=True)
    weight_map = {}
    for number, tensors in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(tensors, folder / name)
        weight_map.update(dict.fromkeys(tensors, name))
    write_index(folder, weight_map)
    return weight_map


def write_index(folder: Path, weight_map: Any) -> None:
    """`model.safetensors.index.json` with any weight map."""
    text = json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(text)


def make_dit(folder: Path, *, is_turbo: bool = True, **config: Any) -> Path:
    """A DiT folder that is complete as far as looking for it goes."""
    folder.mkdir(parents=True)
    content = {"is_turbo": is_turbo, "text_hidden_dim": 48, **config}
    (folder / "config.json").write_text(json.dumps(content))
    save_file({"x": torch.zeros(1)}, folder / "model.safetensors")
    torch.save(torch.zeros(1, 64, 1), folder / "silence_latent.pt")
    return folder


def make_qwen(folder: Path, width: int = 48) -> Path:
    """A text encoder or planner folder that is complete as far as looking for it goes."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"hidden_size": width}))
    (folder / "tokenizer.json").write_text("{}")
    save_file({"x": torch.zeros(1)}, folder / "model.safetensors")
    return folder


def make_vae(folder: Path) -> Path:
    """A VAE folder that is complete as far as looking for it goes."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"x": torch.zeros(1)}, folder / "diffusion_pytorch_model.safetensors")
    return folder


def make_set(root: Path, dit: str = "acestep-v15-turbo") -> Path:
    """DiT, VAE and text encoder under `root`."""
    make_dit(root / dit)
    make_vae(root / "vae")
    make_qwen(root / "Qwen3-Embedding-0.6B")
    return root
