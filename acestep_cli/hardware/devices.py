"""The devices of this machine and the one that a run was asked to use."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from acestep_cli.errors import DeviceError
from acestep_cli.hardware.cpu import cpu_name, multiplies_bfloat16
from acestep_cli.hardware.cuda import CudaDevice, cuda_devices, torch_has_cuda
from acestep_cli.hardware.memory import (
    CUDA_VARIABLE,
    Memory,
    main_memory,
    metal_memory,
    simulated_limit,
)

Kind = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class Device:
    """One device. `index` counts the CUDA devices and is 0 elsewhere; `bfloat16` says whether it
    multiplies bfloat16 natively."""

    kind: Kind
    index: int
    name: str
    memory: Memory
    bfloat16: bool

    @property
    def torch_name(self) -> str:
        """How torch calls it: `cpu`, `cuda:0`, `mps`."""
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind

    def as_dict(self) -> dict[str, Any]:
        """What a record keeps: nothing that changes from one moment to the next."""
        return {"kind": self.kind, "index": self.index, "name": self.name}


def available_devices(
    environ: Mapping[str, str] | None = None, *, gpus: bool = True
) -> list[Device]:
    """All devices that torch can use here, the best first; the CPU is always the last.

    Without `gpus` no driver is woken up, which takes some tenths of a second, and the CPU is all.
    """
    environ = os.environ if environ is None else environ
    found: list[Device] = []
    if gpus and torch_has_cuda():
        limit = simulated_limit(environ, CUDA_VARIABLE)
        found += [_from_cuda(device, limit) for device in cuda_devices()]
    if gpus and platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append(Device("mps", 0, cpu_name(), metal_memory(environ), bfloat16=False))
    found.append(Device("cpu", 0, cpu_name(), main_memory(), multiplies_bfloat16()))
    return found


def choose_device(name: str, devices: list[Device] | None = None) -> Device:
    """The device that `name` means: auto, cpu, cuda, cuda:N or mps.

    `auto` is the best there is, `cuda` the first of its kind. DeviceError names what is there.
    """
    devices = available_devices() if devices is None else devices
    match = re.fullmatch(r"(auto|cpu|mps|cuda)(?::(\d{1,3}))?", name)
    if match is None or (match[2] is not None and match[1] != "cuda"):
        raise DeviceError(
            f"there is no kind of device {name!r}; there are auto, cpu, cuda, cuda:N and mps",
            f"choose one of: auto, {_listed(devices)}",
        )
    if match[1] == "auto":
        return devices[0]
    for device in devices:
        if device.kind == match[1] and device.index == int(match[2] or 0):
            return device
    raise DeviceError(
        f"the device {name} is not here; this machine has {_listed(devices)}{_why_not(match[1])}",
        f"choose one of: auto, {_listed(devices)}",
    )


def _from_cuda(device: CudaDevice, limit: int | None) -> Device:
    free = device.total if device.free is None else device.free
    memory = Memory(device.total, free)
    return Device(
        "cuda",
        device.index,
        device.name,
        memory if limit is None else memory.capped(limit),
        bfloat16=device.capability >= (8, 0),
    )


def _listed(devices: list[Device]) -> str:
    return ", ".join(device.torch_name for device in devices)


def _why_not(kind: str) -> str:
    if kind == "cuda" and not torch_has_cuda():
        return " (the installed torch is built without CUDA)"
    if kind == "cuda" and not cuda_devices():
        return " (no NVIDIA driver answers)"
    return ""
