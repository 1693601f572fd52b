"""How much memory there is and how much of it a run may take, limits of containers included."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.errors import SettingsError
from acestep_cli.hardware.cgroups import limiting_groups, read_text

GIB = 1 << 30
CUDA_VARIABLE = "MAX_CUDA_VRAM"
MPS_VARIABLE = "MAX_MPS_VRAM"
# What the system lets Metal have of the shared memory, unless told otherwise.
_METAL_SHARE = 0.75
_UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: `total` of the device, and `free` that a run may take now."""

    total: int
    free: int

    def capped(self, limit: int) -> Memory:
        """The same with at most `limit` bytes in all, what is in use counting first."""
        used = self.total - self.free
        total = min(self.total, limit)
        return Memory(total, max(0, min(self.free, total - used)))


def main_memory(root: Path = Path("/")) -> Memory:
    """The machine's memory, or this process's share of it where a container limits it.

    `root` is where `/proc` and `/sys` are looked for.
    """
    system = platform.system()
    if system == "Darwin":
        return _mac_memory()
    if system == "Windows":
        return _windows_memory()
    memory = _linux_memory(root)
    for limit, used in _cgroup_limits(root):
        memory = Memory(min(memory.total, limit), min(memory.free, max(0, limit - used)))
    return memory


def metal_memory(environ: Mapping[str, str]) -> Memory:
    """What Metal may use of the shared memory; `MAX_MPS_VRAM` (GiB) plays a smaller device."""
    shared = main_memory()
    limit = int(shared.total * _METAL_SHARE)
    memory = Memory(limit, min(shared.free, limit))
    simulated = simulated_limit(environ, MPS_VARIABLE)
    return memory if simulated is None else memory.capped(simulated)


def simulated_limit(environ: Mapping[str, str], variable: str) -> int | None:
    """The bytes that `variable` sets in GiB, None when unset; SettingsError when it is no size."""
    text = environ.get(variable, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"\d{1,6}(\.\d{1,9})?", text, re.ASCII) or float(text) <= 0:
        raise SettingsError(
            f"{variable} is {text!r} and must be a number of GiB above 0",
            f"set {variable}=8, say, or unset it",
        )
    return int(float(text) * GIB)


def in_gib(size: int) -> str:
    """A size for people: `4.52 GiB`."""
    return f"{size / GIB:.2f} GiB"


def is_shortage(error: BaseException) -> bool:
    """Whether `error` means that memory ran out: torch has its own class for accelerators, and on
    the CPU a RuntimeError whose words tell."""
    words = str(error).lower()
    short = "out of memory" in words or "can't allocate memory" in words
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and short)


def _linux_memory(root: Path) -> Memory:
    text = read_text(root / "proc" / "meminfo")
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
    total = int(found.get("MemTotal", "0")) * 1024
    free = int(found.get("MemAvailable") or found.get("MemFree", "0")) * 1024
    return Memory(total, free) if total else _pages()


def _pages() -> Memory:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Memory(total, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _cgroup_limits(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, bytes in use that cannot be dropped) of every group that limits this process."""
    for version, group in limiting_groups(root, "memory"):
        if version == 2:
            yield from _limit_of(group, "memory.max", "memory.current", "inactive_file")
        else:
            yield from _limit_of(
                group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            )


def _limit_of(group: Path, limit: str, usage: str, droppable: str) -> Iterator[tuple[int, int]]:
    most = read_text(group / limit).strip()
    if not most.isdigit() or int(most) >= _UNLIMITED:
        return
    used = read_text(group / usage).strip()
    cached = re.search(rf"^{droppable} (\d+)$", read_text(group / "memory.stat"), re.MULTILINE)
    kept = int(used if used.isdigit() else 0) - (int(cached[1]) if cached else 0)
    yield int(most), max(0, kept)


def _mac_memory() -> Memory:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        text = subprocess.run(
            ["/usr/bin/vm_stat"], capture_output=True, text=True, check=True, timeout=5
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return Memory(total, total // 2)
    page = re.search(r"page size of (\d+) bytes", text)
    counts = dict(re.findall(r"^Pages (\w+):\s+(\d+)\.", text, re.MULTILINE))
    free = sum(int(counts.get(kind, 0)) for kind in ("free", "inactive", "speculative"))
    return Memory(total, min(total, free * (int(page[1]) if page else 16_384)))


def _windows_memory() -> Memory:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((f"value{index}", ctypes.c_ulonglong) for index in range(7)),
        )

    status = Status(length=ctypes.sizeof(Status))
    getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # noqa: B009
    return Memory(int(status.value0), int(status.value1))
