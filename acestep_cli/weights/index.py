"""What tensors a checkpoint folder holds, from the headers of its safetensors files alone.

A file is hostile until checked: every claim of a header is compared with the file before any
tensor is mapped. Pickled weights (`.bin`) are not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from acestep_cli.errors import CheckpointError, CheckpointMissing

ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
SINGLE_FILES = ("model.safetensors", "diffusion_pytorch_model.safetensors")
SHARD_INDEXES = tuple(f"{name}.index.json" for name in SINGLE_FILES)

_LENGTH_BYTES = 8
_LARGEST_HEADER = 100_000_000
_LARGEST_INDEX = 50_000_000
_MOST_DIMENSIONS = 8
_REPAIR = "fetch the checkpoint again; the file is damaged or not a safetensors file"


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: its file, type on disk (F32, F16 or BF16), shape and place in bytes."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def numel(self) -> int:
        """How many values it holds."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its size on disk."""
        return self.numel * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class TensorIndex:
    """All tensors of a folder by name, and the files that hold them."""

    folder: Path
    files: tuple[Path, ...]
    tensors: Mapping[str, TensorEntry]

    @property
    def nbytes(self) -> int:
        """Size of all tensors on disk."""
        return sum(entry.nbytes for entry in self.tensors.values())

    def values(self, prefix: str = "") -> int:
        """How many values the tensors under `prefix` hold; times the item size, their memory."""
        return sum(entry.numel for name, entry in self.tensors.items() if name.startswith(prefix))

    def names(self, prefix: str = "") -> list[str]:
        """The names under `prefix`, without it, sorted."""
        return sorted(name.removeprefix(prefix) for name in self.tensors if name.startswith(prefix))


def read_index(folder: Path) -> TensorIndex:
    """The tensors of `folder`, from one safetensors file or from shards with an index.

    CheckpointMissing when there is no weight file; CheckpointError, naming the file and what is
    wrong, when one is truncated, corrupt, absent, or holds other types than F32, F16 and BF16.
    """
    for name in SINGLE_FILES:
        if (folder / name).is_file():
            file = folder / name
            return TensorIndex(folder, (file,), read_header(file))
    for name in SHARD_INDEXES:
        if (folder / name).is_file():
            return _read_sharded(folder, folder / name)
    raise CheckpointMissing(
        f"{folder} holds no weights ({', '.join(SINGLE_FILES)} or their index)",
        "fetch the checkpoint again",
    )


def read_header(file: Path) -> dict[str, TensorEntry]:
    """The tensors of one safetensors file, checked against the file's size."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(size - _LENGTH_BYTES, _LARGEST_HEADER):
                raise _broken(file, f"its header of {length} bytes ends outside its {size} bytes")
            text = stream.read(length)
    except OSError as error:
        raise _unreadable(file, error) from error
    table = _parse_object(file, text)
    table.pop("__metadata__", None)
    data_start = _LENGTH_BYTES + length
    entries = {name: _entry(file, name, raw, data_start) for name, raw in table.items()}
    _check_layout(file, entries, data_start, size)
    return entries


def check_names(index: TensorIndex, expected: Iterable[str]) -> None:
    """Hold a whole folder to the names `expected`: CheckpointError for absent and unknown ones."""
    wanted = set(expected)
    missing = sorted(wanted - index.tensors.keys())
    unknown = sorted(index.tensors.keys() - wanted)
    problems = []
    if missing:
        problems.append(f"lacks {named(missing)}")
    if unknown:
        problems.append(f"holds unknown {named(unknown)}")
    if problems:
        raise CheckpointError(
            f"the checkpoint {index.folder} {' and '.join(problems)}",
            "its weights do not belong to its config.json; fetch the checkpoint again",
        )


def named(names: list[str], most: int = 3) -> str:
    """`3 tensors (a, b, c)`, with `...` after the first `most`."""
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"{len(names)} tensor{'s' if len(names) > 1 else ''} ({shown})"


def _read_sharded(folder: Path, index_file: Path) -> TensorIndex:
    weight_map = _weight_map(index_file)
    shards = sorted(set(weight_map.values()))
    absent = [name for name in shards if not (folder / name).is_file()]
    if absent:
        raise CheckpointError(
            f"{index_file} names {len(absent)} absent file(s): {', '.join(absent[:3])}",
            "fetch the checkpoint again",
        )
    headers = {name: read_header(folder / name) for name in shards}
    lost = sorted(name for name, shard in weight_map.items() if name not in headers[shard])
    if lost:
        raise _broken(index_file, f"its files lack {named(lost)}")
    unlisted = sorted(
        name for shard in shards for name in headers[shard] if weight_map.get(name) != shard
    )
    if unlisted:
        raise _broken(index_file, f"its files hold unlisted {named(unlisted)}")
    tensors = {name: headers[shard][name] for name, shard in weight_map.items()}
    return TensorIndex(folder, tuple(folder / name for name in shards), tensors)


def _weight_map(index_file: Path) -> dict[str, str]:
    try:
        if index_file.stat().st_size > _LARGEST_INDEX:
            raise _broken(index_file, "it is far too large for an index")
        text = index_file.read_bytes()
    except OSError as error:
        raise _unreadable(index_file, error) from error
    weight_map = _parse_object(index_file, text).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _broken(index_file, "it has no weight_map")
    for shard in weight_map.values():
        # A plain name only: an index must not lead out of its folder.
        if (
            not isinstance(shard, str)
            or not shard.endswith(".safetensors")
            or any(mark in shard for mark in "/\\:\0")
        ):
            raise _broken(index_file, f"{shard!r} is not the name of a safetensors file beside it")
    return weight_map


def _entry(file: Path, name: str, raw: Any, data_start: int) -> TensorEntry:
    match raw:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]}:
            pass
        case _:
            raise _broken(file, f"the header's entry {name!r} is malformed")
    if dtype not in ITEM_BYTES:
        raise CheckpointError(
            f"{file}: tensor {name!r} is stored as {dtype}; F32, F16 and BF16 can be read",
            "use the published checkpoint, or one converted to bfloat16",
        )
    if len(shape) > _MOST_DIMENSIONS or not all(_is_count(number) for number in shape):
        raise _broken(file, f"tensor {name!r} has the impossible shape {shape}")
    if not _is_count(begin) or not _is_count(end):
        raise _broken(file, f"tensor {name!r} has impossible offsets")
    entry = TensorEntry(file, dtype, tuple(shape), data_start + begin)
    if entry.nbytes != end - begin:
        raise _broken(
            file, f"tensor {name!r} of shape {shape} does not fill its {end - begin} bytes"
        )
    return entry


def _check_layout(
    file: Path, entries: Mapping[str, TensorEntry], data_start: int, size: int
) -> None:
    """Tensors must follow each other without a gap or overlap and end with the file."""
    at = data_start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].nbytes)):
        if entry.start + entry.nbytes > size:
            raise _broken(file, f"tensor {name!r} ends outside the file: it is cut off")
        if entry.start != at:
            raise _broken(file, f"tensor {name!r} overlaps another or leaves a gap")
        at += entry.nbytes
    if at != size:
        raise _broken(file, f"it has {size - at} bytes that belong to no tensor")


def _parse_object(file: Path, text: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _broken(file, f"its header is no JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise _broken(file, "its header is no JSON object")
    return parsed


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _broken(file: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{file} cannot be used: {what}", _REPAIR)


def _unreadable(file: Path, error: OSError) -> CheckpointError:
    reason = error.strerror or type(error).__name__
    return CheckpointError(f"{file} cannot be read: {reason}", "check the file's permissions")
