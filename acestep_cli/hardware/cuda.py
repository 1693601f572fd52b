"""NVIDIA devices, asked of the driver's own libraries, so that nobody has to import torch first."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_NAME_BYTES = 256
_UUID_BYTES = 16
_CUDA_LIBRARIES = {"win32": ("nvcuda.dll",)}
_NVML_LIBRARIES = {"win32": ("nvml.dll",)}


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """One visible device. `index` counts as `CUDA_VISIBLE_DEVICES` does; `free` is None where the
    management library does not say."""

    index: int
    name: str
    capability: tuple[int, int]
    total: int
    free: int | None


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA, read from its version file."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return False
    try:
        text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


@cache
def cuda_devices() -> tuple[CudaDevice, ...]:
    """All visible devices; none without a driver."""
    driver = _open(_CUDA_LIBRARIES.get(sys.platform, ("libcuda.so.1",)))
    if driver is None or driver.cuInit(0) != 0:
        return ()
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    return tuple(_device(driver, index) for index in range(count.value))


def _device(driver: Any, index: int) -> CudaDevice:
    handle = ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(handle), index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    driver.cuDeviceGetName(name, _NAME_BYTES, handle)
    total = ctypes.c_size_t()
    driver.cuDeviceTotalMem_v2(ctypes.byref(total), handle)
    uuid = (ctypes.c_ubyte * _UUID_BYTES)()
    has_uuid = driver.cuDeviceGetUuid(ctypes.byref(uuid), handle) == 0
    return CudaDevice(
        index=index,
        name=name.value.decode(errors="replace"),
        capability=(
            _attribute(driver, _CAPABILITY_MAJOR, handle),
            _attribute(driver, _CAPABILITY_MINOR, handle),
        ),
        total=total.value,
        free=_free_memory(bytes(uuid)) if has_uuid else None,
    )


def _attribute(driver: Any, number: int, handle: ctypes.c_int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), number, handle)
    return value.value


def _free_memory(uuid: bytes) -> int | None:
    """Free bytes of the device with `uuid`; the driver alone tells them only to whoever computes
    on the device."""
    library = _open(_NVML_LIBRARIES.get(sys.platform, ("libnvidia-ml.so.1",)))
    if library is None or library.nvmlInit_v2() != 0:
        return None
    try:
        handle, memory = ctypes.c_void_p(), _Memory()
        text = uuid.hex()
        name = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        if library.nvmlDeviceGetHandleByUUID(f"GPU-{name}".encode(), ctypes.byref(handle)) != 0:
            return None
        if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != 0:
            return None
        return int(memory.free)
    finally:
        library.nvmlShutdown()


def _open(names: tuple[str, ...]) -> Any:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
