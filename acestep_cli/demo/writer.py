"""Random tensors straight to safetensors files, one at a time, the same bytes for the same seed.

Large tensors repeat one random block from a place of their own, so that a full-size set costs
seconds and little memory; its length is prime, so that no two rows of a matrix are alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from acestep_cli.demo.tables import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DiskDtype = Literal["BF16", "F16", "F32"]
ITEM_BYTES: dict[DiskDtype, int] = {"BF16": 2, "F16": 2, "F32": 4}
_BLOCK = 4_194_301
_HEADER_ALIGNMENT = 8


def write_weights(
    folder: Path,
    stem: str,
    specs: Sequence[TensorSpec],
    seed: int,
    *,
    dtype: DiskDtype = "BF16",
    shard_bytes: int | None = None,
) -> None:
    """Write `specs` to `folder/stem.safetensors`, or with `shard_bytes` to numbered shards of at
    most that size (one tensor at least) and an index, named as the published ones are."""
    source = _Random(seed, dtype)
    if shard_bytes is None:
        _write_file(folder / f"{stem}.safetensors", specs, source)
        return
    shards = _split(specs, shard_bytes // ITEM_BYTES[dtype])
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors"
        _write_file(folder / name, shard, source)
        weight_map.update((spec.name, name) for spec in shard)
    total = sum(spec.numel for spec in specs) * ITEM_BYTES[dtype]
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / f"{stem}.safetensors.index.json").write_text(
        json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )


def _split(specs: Sequence[TensorSpec], room: int) -> list[list[TensorSpec]]:
    """Runs of `specs` of at most `room` values each, but of one tensor at least."""
    shards: list[list[TensorSpec]] = []
    left = 0
    for spec in specs:
        if not shards or spec.numel > left:
            shards.append([])
            left = room
        shards[-1].append(spec)
        left -= spec.numel
    return shards


def _write_file(path: Path, specs: Sequence[TensorSpec], source: _Random) -> None:
    with path.open("wb") as file:
        file.write(_header(specs, source.dtype))
        for spec in specs:
            source.write(file, spec)


def _header(specs: Sequence[TensorSpec], dtype: DiskDtype) -> bytes:
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for spec in specs:
        end = start + spec.numel * ITEM_BYTES[dtype]
        table[spec.name] = {
            "dtype": dtype,
            "shape": list(spec.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


class _Random:
    """Values of a tensor as a function of the seed and its name alone."""

    def __init__(self, seed: int, dtype: DiskDtype) -> None:
        self.dtype = dtype
        self._seed = seed
        self._blocks: dict[float, npt.NDArray[Any]] = {}
        self._unit: npt.NDArray[np.float32] | None = None

    def write(self, file: BinaryIO, spec: TensorSpec) -> None:
        """Append the values of `spec` to `file`."""
        if spec.numel <= _BLOCK:
            values = self._normal(spec.name, spec.numel) * spec.std + spec.mean
            file.write(_encode(values, self.dtype).data.cast("B"))
            return
        block = self._block(spec.std).data
        at = int.from_bytes(self._digest(spec.name)[:8], "little") % _BLOCK
        left = spec.numel
        while left:
            count = min(left, _BLOCK - at)
            file.write(block[at : at + count].cast("B"))
            left -= count
            at = 0

    def _block(self, std: float) -> npt.NDArray[Any]:
        if std not in self._blocks:
            if self._unit is None:
                self._unit = self._normal("the shared block", _BLOCK)
            self._blocks[std] = _encode(self._unit * std, self.dtype)
        return self._blocks[std]

    def _normal(self, name: str, count: int) -> npt.NDArray[np.float32]:
        import numpy as np

        # numpy froze the streams of RandomState, those of its newer generators may change.
        words = np.frombuffer(self._digest(name), dtype="<u4")
        return np.random.RandomState(words).standard_normal(count).astype(np.float32)

    def _digest(self, name: str) -> bytes:
        return hashlib.sha256(f"{self._seed}:{name}".encode()).digest()


def _encode(values: npt.NDArray[np.float32], dtype: DiskDtype) -> npt.NDArray[Any]:
    """float32 to the little-endian words of `dtype`; bfloat16 rounds half to even."""
    import numpy as np

    if dtype == "F32":
        return values.astype("<f4")
    if dtype == "F16":
        return values.astype("<f2")
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")
