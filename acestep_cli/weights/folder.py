"""One checkpoint folder as it lies on disk: what it is and what it lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.errors import CheckpointError
from acestep_cli.files import is_file
from acestep_cli.weights.catalog import Family, Kind, family_of, tasks_of, whole_again
from acestep_cli.weights.index import SHARD_INDEXES, SINGLE_FILES
from acestep_cli.weights.tokenizer import FILE_NAME as TOKENIZER_FILE
from acestep_cli.weights.tokenizer import SLOW_FILES

_LARGEST_CONFIG = 1_000_000
_PICKLED = ("pytorch_model.bin", "diffusion_pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Folder:
    """A complete checkpoint folder.

    `revision` is the commit of a hub snapshot, None elsewhere; `family` is None for what is no DiT;
    `config` is its parsed `config.json`.
    """

    name: str
    kind: Kind
    path: Path
    revision: str | None
    family: Family | None
    config: Mapping[str, Any] = field(repr=False, compare=False, hash=False)

    @property
    def is_turbo(self) -> bool:
        """Whether this is a DiT of the turbo family."""
        return self.family == "turbo"

    @property
    def is_xl(self) -> bool:
        """Whether this is a DiT whose encoders have a width of their own."""
        return self.family is not None and self.config.get("encoder_hidden_size") is not None

    @property
    def reads_stems(self) -> bool:
        """Whether this is a DiT trained on single stems, which reads the style of the whole song
        beside the caption."""
        return self.family is not None and self.config.get("is_lego_sft") is True

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it can do; empty for what is no DiT."""
        return () if self.family is None else tasks_of(self.family)


def lacking(path: Path, kind: Kind) -> list[str]:
    """What `path` lacks to be a complete folder of `kind`, file by file; empty when complete."""
    lacks = [] if is_file(path / "config.json") else ["config.json"]
    lacks += _lacking_weights(path)
    if kind == "dit" and not is_file(path / "silence_latent.pt"):
        lacks.append("silence_latent.pt")
    if kind in ("text_encoder", "planner") and not _has_tokenizer(path):
        lacks.append(TOKENIZER_FILE)
    return lacks


def is_checkpoint_like(path: Path) -> bool:
    """Whether `path` holds anything of a checkpoint, be it incomplete."""
    with suppress(OSError):
        for file in path.iterdir():
            if file.suffix in (".safetensors", ".bin", ".pt") or file.name == "config.json":
                return True
    return False


def open_folder(name: str, kind: Kind, path: Path, revision: str | None = None) -> Folder:
    """The folder `path`, which must be complete; CheckpointError names each file it lacks."""
    lacks = lacking(path, kind)
    if lacks:
        raise CheckpointError(
            f"the checkpoint {path} is incomplete: it lacks {', '.join(lacks)}",
            whole_again(name),
            code="checkpoint_incomplete",
        )
    config = read_config(path)
    family = family_of(name, config) if kind == "dit" else None
    return Folder(name, kind, path, revision, family, config)


def read_config(path: Path) -> dict[str, Any]:
    """The `config.json` of a folder; CheckpointError when it is no JSON object."""
    file = path / "config.json"
    try:
        if file.stat().st_size > _LARGEST_CONFIG:
            raise CheckpointError(f"{file} is far too large for a config", "fetch it again")
        config = json.loads(file.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{file} cannot be read: {error.strerror or error}", "check its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is no JSON: {error}", "fetch it again") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{file} is no JSON object", "fetch it again")
    return config


def _lacking_weights(path: Path) -> list[str]:
    if any(is_file(path / name) for name in SINGLE_FILES):
        return []
    for name in SHARD_INDEXES:
        if is_file(path / name):
            return [shard for shard in _shards(path / name) if not is_file(path / shard)]
    pickled = [name for name in _PICKLED if is_file(path / name)]
    note = f" ({pickled[0]} is pickled and is not read)" if pickled else ""
    return [f"model.safetensors{note}"]


def _shards(index_file: Path) -> list[str]:
    """The files an index names; none when it is damaged, which reading it will report."""
    try:
        weight_map = json.loads(index_file.read_bytes())["weight_map"]
        return sorted({shard for shard in weight_map.values() if isinstance(shard, str)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _has_tokenizer(path: Path) -> bool:
    return is_file(path / TOKENIZER_FILE) or all(is_file(path / name) for name in SLOW_FILES)
