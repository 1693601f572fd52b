"""The networks of a golden folder, in float32, each built once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from acestep_cli.config import Settings
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.models.vae import Vae, VaeConfig, published_name
from acestep_cli.pipeline.networks import Networks
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import Place
from acestep_cli.weights.tokenizer import Tokenizer

Network = TypeVar("Network", bound=nn.Module)


def checkpoint_of(folder: Path, model: str) -> Path:
    """The folder of FOLDER/checkpoints that golden files call `model` (`turbo`, `base`, `xl`, ...).

    The name that the samplers' inputs record wins; then `acestep-v15-MODEL`, then the one folder
    whose name holds `MODEL` as a word.
    """
    checkpoints = folder / "checkpoints"
    recorded = _recorded_name(folder / "samplers" / f"inputs_{model}.safetensors")
    for name in (recorded, f"acestep-v15-{model}", model):
        if name and (checkpoints / name / "config.json").is_file():
            return checkpoints / name
    found = [path for path in sorted(checkpoints.glob("acestep-v15-*")) if _speaks_of(path, model)]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise FileNotFoundError(f"which checkpoint is {model!r} in {checkpoints}? found: {names}")
    return found[0]


@cache
def planner_folder(folder: Path) -> Path:
    """The planner of a golden folder; of several, the one whose tokenizer the vectors are of."""
    found = sorted((folder / "checkpoints").glob("acestep-5Hz-lm-*"))
    if not found:
        raise FileNotFoundError(f"no folder acestep-5Hz-lm-* in {folder / 'checkpoints'}")
    tables = folder / "lm" / "constraint_tables.json"
    if len(found) > 1 and tables.is_file():
        size = json.loads(tables.read_text("utf-8"))["tokenizer"]["vocab_size"]
        found = [path for path in found if Tokenizer(path).size == size] or found
    return found[0]


@cache
def planner_tokenizer(folder: Path) -> Tokenizer:
    """Its tokenizer."""
    return Tokenizer(planner_folder(folder))


@cache
def load_acestep(folder: Path) -> AceStepModel:
    """All networks of one `acestep-v15-*` folder."""
    with torch.device("meta"):
        model = AceStepModel(AceStepConfig.from_json(_config(folder)))
    return _filled(model, _tensors(folder))


@cache
def load_text_encoder(folder: Path) -> Qwen3Model:
    """The text encoder of a golden folder."""
    encoder = folder / "checkpoints" / "Qwen3-Embedding-0.6B"
    with torch.device("meta"):
        model = Qwen3Model(Qwen3Config.from_json(_config(encoder)))
    return _filled(model, _tensors(encoder, lambda name: name.removeprefix("model.")))


@cache
def load_vae(folder: Path) -> Vae:
    """The autoencoder of a golden folder, weight norms folded."""
    vae = folder / "checkpoints" / "vae"
    with torch.device("meta"):
        model = Vae(VaeConfig.from_json(_config(vae)))
    return _filled(model, _tensors(vae, published_name)).fold(torch.float32)


def _filled(model: Network, tensors: dict[str, Tensor]) -> Network:
    model.load_state_dict(tensors, assign=True)
    return model.eval()


def _tensors(folder: Path, rename: Callable[[str], str] = str) -> dict[str, Tensor]:
    return {
        rename(name): tensor.float()
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def _config(folder: Path) -> Mapping[str, Any]:
    config: Mapping[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return config


def _recorded_name(path: Path) -> str | None:
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
    return metadata.get("checkpoint")


def _speaks_of(path: Path, model: str) -> bool:
    words = path.name.removeprefix("acestep-v15-").split("-")
    return set(model.replace("_", "-").split("-")) <= set(words)


@cache
def open_networks(folder: Path, model: str) -> Networks:
    """The real loading code on one checkpoint of a golden folder: float32, on the CPU."""
    place = Place(folder / "checkpoints", "the golden folder")
    checkpoints = find_set(model, "text2music", [place])
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    return Networks(checkpoints, policy)
