"""The one policy: device, dtypes, threads, residency, tiles and kernels of a run.

The choice comes from a fixed table for each kind of device, so that the same request on the same
machine gives the same sound. Too little memory only ever lowers it, and each step down is an
`Adjusted` event. Nothing falls back in silence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal

from acestep_cli.config import Quantization, Settings
from acestep_cli.errors import DeviceError, OutOfMemory, SettingsError
from acestep_cli.events import Adjusted
from acestep_cli.hardware.cpu import usable_cores
from acestep_cli.hardware.devices import Device, Kind, available_devices, choose_device
from acestep_cli.hardware.memory import GIB, in_gib

Dtype = Literal["float32", "bfloat16", "float16"]
Residency = Literal["all", "stage"]
ITEM_BYTES: dict[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
# What a value of a quantised matrix takes: its own bits and its share of the scales, one bfloat16
# for a row of at least 1024 values in int8, scale and offset for every 64 values in int4.
QUANTIZED_BYTES: dict[Quantization, float] = {"int8": 1 + 2 / 1024, "int4": 1 / 2 + 4 / 64}
THREADS_VARIABLE = "OMP_NUM_THREADS"
_MOST_THREADS = 1024


@dataclass(frozen=True, slots=True)
class _Row:
    """The table's row of a kind of device.

    `tiles` are the numbers of latent frames that the VAE decodes at once, best first; `overlap` is
    more than the nine frames on either side that a frame can reach, so tiles leave no trace.
    `work` is what a run needs beside weights and tiles: activations, the device's own context.
    """

    tiles: tuple[int, ...]
    overlap: int
    work: int
    kernels: Mapping[str, str]


_TABLE: dict[Kind, _Row] = {
    "cpu": _Row((256, 128, 64), 16, GIB // 8, {"transformer": "rows", "vae": "rows"}),
    "cuda": _Row((512, 256, 128, 64), 16, GIB // 2, {"transformer": "plain", "vae": "plain"}),
    "mps": _Row((64, 48), 16, GIB // 2, {"transformer": "plain", "vae": "plain"}),
}
# What decoding a latent frame takes: three activations of 1920 samples in 128 channels.
_FRAME_VALUES = 3 * 1920 * 128


@dataclass(frozen=True, slots=True)
class Policy:
    """How a run uses the machine.

    `dtype` serves the DiT, the condition encoders and the planner. `residency`: `all` networks stay
    loaded, or one `stage` at a time. `tile_frames` and `tile_overlap` are latent frames (25 a
    second). `kernels` names the implementation of each part that has several. `lm_quantization` is
    how the planner's matrices are kept, `none` where there is no planner.
    """

    device: Device
    dtype: Dtype
    text_dtype: Dtype
    vae_dtype: Dtype
    threads: int
    residency: Residency
    tile_frames: int
    tile_overlap: int
    kernels: Mapping[str, str] = field(default_factory=dict)
    lm_quantization: Quantization = "none"

    def as_dict(self) -> dict[str, Any]:
        """The record's `hardware`."""
        return {**self.shaping(), "residency": self.residency}

    def shaping(self) -> dict[str, Any]:
        """What of it can change a song's bytes, and so belongs into the request digest: not where
        weights wait for their turn, which depends on the memory of the moment."""
        return {
            "device": self.device.torch_name,
            "name": self.device.name,
            "dtype": self.dtype,
            "text_dtype": self.text_dtype,
            "vae_dtype": self.vae_dtype,
            "threads": self.threads,
            "tile_frames": self.tile_frames,
            "tile_overlap": self.tile_overlap,
            "kernels": dict(self.kernels),
            "lm_quantization": self.lm_quantization,
        }


def choose_policy(
    settings: Settings,
    values: Mapping[str, int],
    *,
    devices: list[Device] | None = None,
    cores: int | None = None,
    environ: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> tuple[Policy, tuple[Adjusted, ...]]:
    """The policy for `settings` and what memory made it change.

    `values` counts the weights of each stage (`text_encoder`, `dit`, `vae`, `planner`), and as
    `planner_cache` the keys and values that the planner keeps. `devices`, `cores` and `environ` are
    this machine's unless given. `recorded` holds fields of the policy of an earlier run, which take
    the places of the table's. DeviceError when the device is absent or cannot compute in the dtype
    asked for; OutOfMemory when not even one stage fits.
    """
    environ = os.environ if environ is None else environ
    if devices is None:
        devices = available_devices(environ, gpus=settings.device != "cpu")
    device = choose_device(settings.device, devices)
    threads = settings.threads or _threads(environ, cores)
    changes: list[Adjusted] = []
    policy = replace(_from_table(device, settings, threads), **(recorded or {}))
    policy = _lower_dtype(policy, settings, values, changes)
    if settings.device == "auto" and device.kind != "cpu" and not _fits(policy, values, "stage"):
        changes = [Adjusted("device", device.torch_name, "cpu", _too_little(policy, values))]
        policy = _from_table(choose_device("cpu", devices), settings, threads)
        policy = _lower_dtype(policy, settings, values, changes)
    if not _fits(policy, values, "stage"):
        raise OutOfMemory(
            f"not enough memory on {policy.device.torch_name}: {_too_little(policy, values)}",
            "close other programs, use --dtype bfloat16, a smaller model, or another --device",
        )
    policy = _settle_quantization(policy, settings, values, changes)
    policy = _lower_residency(policy, settings, values, changes)
    policy = _lower_tiles(policy, values, changes)
    return policy, tuple(changes)


def _from_table(device: Device, settings: Settings, threads: int) -> Policy:
    row = _TABLE[device.kind]
    dtype, vae_dtype = _dtypes(device, settings.dtype)
    return Policy(
        device=device,
        dtype=dtype,
        text_dtype=dtype,
        vae_dtype=vae_dtype,
        threads=threads,
        residency="stage" if settings.offload_to_cpu else "all",
        tile_frames=row.tiles[0],
        tile_overlap=row.overlap,
        kernels=row.kernels,
        lm_quantization=settings.lm_quantization if device.kind == "cpu" else "none",
    )


def _dtypes(device: Device, asked: str) -> tuple[Dtype, Dtype]:
    """The dtype of the transformers and that of the VAE."""
    if asked == "float16" and device.kind == "cpu":
        raise DeviceError(
            "float16 is not offered on the CPU, where it takes 4 to 60 times as long as float32",
            "use --dtype bfloat16, which takes as little memory, or --dtype float32",
        )
    match asked:
        case "float32" | "bfloat16" | "float16":
            return asked, asked
    match device.kind:
        case "cuda":
            return ("bfloat16", "bfloat16") if device.bfloat16 else ("float16", "float16")
        case "mps":
            return "float32", "float16"
        case "cpu":
            return ("bfloat16", "bfloat16") if device.bfloat16 else ("float32", "float32")


def _threads(environ: Mapping[str, str], cores: int | None) -> int:
    """`OMP_NUM_THREADS`, which others obey too, else one for each core."""
    text = environ.get(THREADS_VARIABLE, "").strip()
    if not text:
        return cores or usable_cores()
    # It may be a list, one number for each level of nesting.
    first = text.split(",", maxsplit=1)[0].strip()
    if not (first.isascii() and first.isdigit() and 1 <= int(first) <= _MOST_THREADS):
        raise SettingsError(
            f"{THREADS_VARIABLE} is {text!r} and must be a number from 1 to {_MOST_THREADS}",
            f"set {THREADS_VARIABLE}=4, say, or unset it",
        )
    return int(first)


def _lower_dtype(
    policy: Policy, settings: Settings, values: Mapping[str, int], changes: list[Adjusted]
) -> Policy:
    """bfloat16 in the place of an automatic float32 where only half of the memory is there."""
    if settings.dtype != "auto" or policy.dtype != "float32" or _fits(policy, values, "stage"):
        return policy
    lowered = replace(policy, dtype="bfloat16", text_dtype="bfloat16", vae_dtype="bfloat16")
    if policy.vae_dtype == "float16":
        lowered = replace(lowered, vae_dtype="float16")
    changes.append(Adjusted("dtype", "float32", "bfloat16", _too_little(policy, values)))
    return lowered


def _settle_quantization(
    policy: Policy, settings: Settings, values: Mapping[str, int], changes: list[Adjusted]
) -> Policy:
    """Quantised weights on the CPU alone; where there is no planner it makes no difference."""
    if "planner" not in values:
        return replace(policy, lm_quantization="none")
    asked = settings.lm_quantization
    if asked != policy.lm_quantization:
        reason = f"quantised weights serve the CPU and the planner runs on {policy.device.kind}"
        changes.append(Adjusted("lm_quantization", asked, policy.lm_quantization, reason))
    return policy


def _lower_residency(
    policy: Policy, settings: Settings, values: Mapping[str, int], changes: list[Adjusted]
) -> Policy:
    if policy.residency == "stage" or _fits(policy, values, "all"):
        return policy
    needed = needed_bytes(policy, values, "all")
    free = policy.device.memory.free
    reason = f"all weights need {in_gib(needed)} and {in_gib(free)} are free"
    changes.append(Adjusted("residency", "all", "stage", reason))
    return replace(policy, residency="stage")


def _lower_tiles(policy: Policy, values: Mapping[str, int], changes: list[Adjusted]) -> Policy:
    weights = weight_bytes(policy, values)
    taken = sum(weights.values()) if policy.residency == "all" else weights.get("vae", 0)
    row = _TABLE[policy.device.kind]
    free = policy.device.memory.free - taken - row.work
    tiles = (policy.tile_frames, *(count for count in row.tiles if count < policy.tile_frames))
    frames = next((count for count in tiles if _tile_work(policy, count) <= free), tiles[-1])
    if frames == policy.tile_frames:
        return policy
    reason = f"{in_gib(free)} are free beside the weights"
    changes.append(Adjusted("tile_frames", policy.tile_frames, frames, reason))
    return replace(policy, tile_frames=frames)


def needed_bytes(policy: Policy, values: Mapping[str, int], residency: Residency) -> int:
    """The least memory of the device that a run with `values` takes at its peak."""
    weights = weight_bytes(policy, values).values()
    kept = sum(weights) if residency == "all" else max(weights, default=0)
    return kept + _least_work(policy)


def _fits(policy: Policy, values: Mapping[str, int], residency: Residency) -> bool:
    return needed_bytes(policy, values, residency) <= policy.device.memory.free


def weight_bytes(policy: Policy, values: Mapping[str, int]) -> dict[str, int]:
    """Bytes of each stage's weights in the run's dtypes, the planner's cache among its own."""
    sizes: dict[str, float] = {
        "vae": ITEM_BYTES[policy.vae_dtype],
        "text_encoder": ITEM_BYTES[policy.text_dtype],
        "planner": QUANTIZED_BYTES.get(policy.lm_quantization, ITEM_BYTES[policy.dtype]),
    }
    weights = {
        stage: ceil(count * sizes.get(stage, ITEM_BYTES[policy.dtype]))
        for stage, count in values.items()
    }
    cache = weights.pop("planner_cache", 0)
    return weights | {"planner": weights["planner"] + cache} if cache else weights


def _least_work(policy: Policy) -> int:
    row = _TABLE[policy.device.kind]
    return row.work + _tile_work(policy, row.tiles[-1])


def _tile_work(policy: Policy, frames: int) -> int:
    return frames * _FRAME_VALUES * ITEM_BYTES[policy.vae_dtype]


def _too_little(policy: Policy, values: Mapping[str, int]) -> str:
    weights = weight_bytes(policy, values)
    stage = max(weights, key=lambda name: weights[name], default="")
    needed = weights.get(stage, 0) + _least_work(policy)
    free = policy.device.memory.free
    form = planner_form(policy) if stage == "planner" else policy.dtype
    return f"{stage} in {form} needs {in_gib(needed)} and {in_gib(free)} are free"


def planner_form(policy: Policy) -> str:
    """What the planner's weights are kept as: bfloat16, int8, ..."""
    return policy.dtype if policy.lm_quantization == "none" else policy.lm_quantization
