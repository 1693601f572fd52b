"""Tensors from disk into modules: mapped where they can stay as they are, cast one by one else.

Modules come with meta tensors, so nothing is initialised at random; names and shapes must agree
exactly. `prefetch` has the kernel read the files while torch is still being imported. Mapped
weights are used where they lie: touching a warm gigabyte for the first time took 0.02 s, copying
it into memory 0.6 to 2 s, and multiplying was equally fast either way.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli.errors import CheckpointError
from acestep_cli.weights.index import ITEM_BYTES, TensorEntry, TensorIndex, named

if TYPE_CHECKING:
    import torch
    from torch import nn

    Rename = Callable[[str], str | None]

SILENCE_CHANNELS = 64
_ADVICE_BYTES = 512 * 1024
_WRONG_SIZES = "the weights do not belong to the config.json beside them"


def load_weights(
    module: nn.Module,
    index: TensorIndex,
    *,
    prefix: str = "",
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    rename: Rename | None = None,
) -> None:
    """Fill `module`, built on the meta device, with the tensors of `index` under `prefix`.

    Names are compared after removing `prefix` and applying `rename` (None from it leaves a tensor
    out on purpose). One CheckpointError names all that is missing, unknown or ill-shaped. On the
    CPU a tensor whose type on disk is `dtype` is a private mapping of the file: no copy until it
    is written. Others are cast one at a time. Parameters need no gradient afterwards.
    """
    import torch

    sources = _sources(index, prefix, rename)
    _check(module, sources, index.folder)
    maps = _Maps()
    target = torch.device(device)
    loaded = {
        name: maps.tensor(entry).to(target).to(dtype) for name, entry in sorted(sources.items())
    }
    module.requires_grad_(False)
    module.load_state_dict(loaded, strict=True, assign=True)


def check_weights(module: nn.Module, index: TensorIndex, *, rename: Rename | None = None) -> None:
    """Hold `index` to the names and shapes of `module` as `load_weights` does, loading nothing.

    For who then loads it part by part.
    """
    _check(module, _sources(index, "", rename), index.folder)


def prefetch(indexes: Iterable[TensorIndex]) -> threading.Thread:
    """Ask the kernel to read all files of `indexes` ahead, from a thread of its own."""
    files = [file for index in indexes for file in index.files]
    thread = threading.Thread(target=_advise, args=(files,), name="prefetch", daemon=True)
    thread.start()
    return thread


def load_silence_latent(path: Path) -> torch.Tensor:
    """`silence_latent.pt` [1, 64, n] as [1, n, 64] float32; read weights-only, n at least 1."""
    import torch

    if path.is_file() and not zipfile.is_zipfile(path):
        raise _bad_silence(path, "it is damaged or no torch file")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror or error}", "fetch the checkpoint again"
        ) from error
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise _bad_silence(path, "it is damaged or no plain tensor") from error
    if not isinstance(loaded, torch.Tensor) or not loaded.is_floating_point():
        raise _bad_silence(path, "it holds no tensor of floats")
    if loaded.dim() != 3 or loaded.shape[:2] != (1, SILENCE_CHANNELS) or loaded.shape[2] == 0:
        raise _bad_silence(path, f"its shape is {list(loaded.shape)} and not [1, 64, n]")
    latent = loaded.float().transpose(1, 2).contiguous()
    if not bool(torch.isfinite(latent).all()):
        raise _bad_silence(path, "it holds values that are not finite")
    return latent


def _sources(index: TensorIndex, prefix: str, rename: Rename | None) -> dict[str, TensorEntry]:
    sources: dict[str, TensorEntry] = {}
    for name, entry in index.tensors.items():
        if not name.startswith(prefix):
            continue
        short: str | None = name.removeprefix(prefix)
        if rename is not None:
            short = rename(name.removeprefix(prefix))
        if short is None:
            continue
        if short in sources:
            raise CheckpointError(
                f"the checkpoint {index.folder} holds {short} twice, under two names",
                "fetch the checkpoint again",
            )
        sources[short] = entry
    return sources


def _check(module: nn.Module, sources: dict[str, TensorEntry], folder: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    missing = sorted(expected.keys() - sources.keys())
    unknown = sorted(sources.keys() - expected.keys())
    ill_shaped = [
        f"{name} is {list(sources[name].shape)} and not {list(shape)}"
        for name, shape in sorted(expected.items())
        if name in sources and sources[name].shape != shape
    ]
    problems = []
    if missing:
        problems.append(f"lacks {named(missing)}")
    if unknown:
        problems.append(f"holds unknown {named(unknown)}")
    if ill_shaped:
        problems.append(f"has wrong shapes for {named(ill_shaped)}")
    if problems:
        raise CheckpointError(
            f"the checkpoint {folder} does not fit its network: it {'; it '.join(problems)}",
            _WRONG_SIZES,
        )


class _Maps:
    """One private mapping for each file; it lives as long as a tensor looks into it."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def tensor(self, entry: TensorEntry) -> torch.Tensor:
        """The tensor of `entry`, on the CPU in its type on disk; it must not be written to disk."""
        import torch

        dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[entry.dtype]
        if entry.numel == 0:
            return torch.empty(entry.shape, dtype=dtype)
        mapped = self._map(entry.file)
        if entry.start % ITEM_BYTES[entry.dtype]:
            data = bytearray(mapped[entry.start : entry.start + entry.nbytes])
            return torch.frombuffer(data, dtype=dtype).view(entry.shape)
        flat = torch.frombuffer(mapped, dtype=dtype, count=entry.numel, offset=entry.start)
        return flat.view(entry.shape)

    def _map(self, file: Path) -> mmap.mmap:
        if file not in self._maps:
            try:
                with file.open("rb") as stream:
                    self._maps[file] = _private_map(stream.fileno())
            except OSError as error:
                raise CheckpointError(
                    f"{file} cannot be mapped: {error.strerror or error}",
                    "check that the file can be read and lies on a local disk",
                ) from error
        return self._maps[file]


def _private_map(descriptor: int) -> mmap.mmap:
    # Writable, so that torch takes it and an in-place change stays in this process; without a
    # reservation (0x4000 where Python does not name it), so that a file larger than the memory
    # can be mapped.
    if os.name == "nt":
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
    unreserved = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
    flags = mmap.MAP_PRIVATE | unreserved
    return mmap.mmap(descriptor, 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)


def _advise(files: Iterable[Path]) -> None:
    for file in files:
        try:
            with file.open("rb") as stream:
                _advise_one(stream.fileno())
        except OSError:
            return  # only advice: whoever reads the file next reports what is wrong


def _advise_one(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if hasattr(os, "posix_fadvise"):
        # Linux reads no more than one request's worth for each call, however long the range.
        for start in range(0, size, _ADVICE_BYTES):
            os.posix_fadvise(descriptor, start, _ADVICE_BYTES, os.POSIX_FADV_WILLNEED)
    elif size and hasattr(mmap, "MADV_WILLNEED"):
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
            mapped.madvise(mmap.MADV_WILLNEED)


def _bad_silence(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} cannot be used: {what}", "fetch the checkpoint again")
