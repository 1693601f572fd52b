"""Build a whole checkpoint set of random weights, complete or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from acestep_cli.demo import configs, tables
from acestep_cli.demo.sizes import LATENT_CHANNELS, TINY, DitSizes, QwenSizes, Sizes, VaeSizes
from acestep_cli.demo.vocabulary import write_tokenizer
from acestep_cli.demo.writer import DiskDtype, write_weights
from acestep_cli.errors import OutputError
from acestep_cli.files import atomic_folder, write_error

NOTICE_NAME = "RANDOM_WEIGHTS.txt"
_NOTICE = (
    "Random weights in the published layout, seed {seed}. They make noise, not music;\n"
    "they are for trying the program and for its tests.\n"
)


def build_set(
    folder: Path,
    sizes: Sizes = TINY,
    seed: int = 0,
    *,
    force: bool = False,
    dtype: DiskDtype = "BF16",
    shard_bytes: int | None = None,
) -> Path:
    """Write the set that `sizes` describes to `folder` and return it.

    The same sizes, seed, dtype and sharding give the same bytes. The set is built beside `folder`
    and renamed, so `folder` is complete or untouched. OutputError when it is not empty; `force`
    replaces an earlier set, but never a folder that holds anything else.
    """
    folder = folder.absolute()
    _check_replaceable(folder, sizes, force=force)
    try:
        with atomic_folder(folder) as temporary:
            _fill(temporary, sizes, seed, dtype, shard_bytes)
    except OSError as error:
        raise write_error(error, folder) from error
    return folder


def holds_set(folder: Path, sizes: Sizes = TINY, seed: int = 0) -> bool:
    """Whether `folder` already holds the set that `build_set` would write there."""
    try:
        told = (folder / NOTICE_NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return told == _NOTICE.format(seed=seed) and all(
        (folder / name / "config.json").is_file() for name in sizes.folders()
    )


def build_dit(
    folder: Path,
    sizes: DitSizes,
    seed: int = 0,
    *,
    dtype: DiskDtype = "BF16",
    shard_bytes: int | None = None,
) -> None:
    """Write one `acestep-v15-*` folder: config, weights and `silence_latent.pt`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_config(folder, configs.dit_config(sizes))
    specs = tables.dit_tensors(sizes)
    write_weights(folder, "model", specs, seed, dtype=dtype, shard_bytes=shard_bytes)
    _write_silence(folder / "silence_latent.pt", sizes.silence_frames, seed)


def build_qwen(
    folder: Path,
    sizes: QwenSizes,
    seed: int = 0,
    *,
    dtype: DiskDtype = "BF16",
    shard_bytes: int | None = None,
) -> None:
    """Write the text encoder's folder, or the planner's when `sizes.audio_codes` is not 0: config,
    weights and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    is_planner = sizes.audio_codes > 0
    vocabulary = write_tokenizer(
        folder,
        base=sizes.base_vocabulary,
        audio_codes=sizes.audio_codes,
        appends_end=not is_planner,
    )
    eos_id = vocabulary.end_of_turn if is_planner else vocabulary.end_of_text
    pad_id = vocabulary.end_of_text
    _write_config(
        folder, configs.qwen_config(sizes, vocabulary.tokens, pad_id=pad_id, eos_id=eos_id)
    )
    specs = tables.qwen_tensors(sizes, vocabulary.tokens)
    write_weights(folder, "model", specs, seed, dtype=dtype, shard_bytes=shard_bytes)


def build_vae(folder: Path, sizes: VaeSizes, seed: int = 0, *, dtype: DiskDtype = "BF16") -> None:
    """Write the `vae` folder: config and weights."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_config(folder, configs.vae_config(sizes))
    stem = "diffusion_pytorch_model"
    write_weights(folder, stem, tables.vae_tensors(sizes), seed, dtype=dtype)


def _fill(folder: Path, sizes: Sizes, seed: int, dtype: DiskDtype, shard_bytes: int | None) -> None:
    for name, dit in sizes.dits.items():
        build_dit(folder / name, dit, seed, dtype=dtype, shard_bytes=shard_bytes)
    build_qwen(folder / sizes.text_encoder_name, sizes.text_encoder, seed, dtype=dtype)
    if sizes.planner is not None:
        build_qwen(folder / sizes.planner_name, sizes.planner, seed, dtype=dtype)
    build_vae(folder / "vae", sizes.vae, seed, dtype=dtype)
    (folder / NOTICE_NAME).write_text(_NOTICE.format(seed=seed), encoding="utf-8")


def _check_replaceable(folder: Path, sizes: Sizes, *, force: bool) -> None:
    try:
        present = sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(error, folder) from error
    foreign = [name for name in present if name not in (*sizes.folders(), NOTICE_NAME)]
    if foreign and force:
        raise OutputError(
            f"{folder} holds {foreign[0]}, which is not part of such a set, and was left alone",
            "choose an empty folder",
            code="exists",
        )
    # Real checkpoints have the same folder names: only what says that it is random is replaced.
    if present and force and NOTICE_NAME not in present:
        raise OutputError(
            f"{folder} has no {NOTICE_NAME}, so it may hold real checkpoints, and was left alone",
            "choose an empty folder",
            code="exists",
        )
    if present and not force:
        raise OutputError(
            f"{folder} is not empty", "choose another folder or pass --force", code="exists"
        )


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def _write_silence(path: Path, frames: int, seed: int) -> None:
    """`silence_latent.pt` [1, 64, frames]: like a real one, a level for each channel with a little
    movement around it."""
    import numpy as np
    import torch

    random = np.random.RandomState([seed & 0xFFFFFFFF, LATENT_CHANNELS])
    level = random.standard_normal((1, LATENT_CHANNELS, 1)) * 0.55
    motion = random.standard_normal((1, LATENT_CHANNELS, frames)) * 0.18
    torch.save(torch.from_numpy((level + motion).astype(np.float32)), path)
