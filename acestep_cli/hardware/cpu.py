"""What the CPU can do for a run: how many cores it may use, and whether it multiplies bfloat16."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from acestep_cli.hardware.cgroups import limiting_groups, read_text

_NATIVE_BF16 = frozenset(("avx512_bf16", "amx_bf16", "bf16", "svebf16"))


def usable_cores(root: Path = Path("/")) -> int:
    """Physical cores that this process may run on, at least 1: siblings of one core count once, and
    a container's share of time is a limit. `root` is where `/proc` and `/sys` are looked for."""
    if platform.system() == "Linux":
        cores = _linux_cores(root, os.sched_getaffinity(0))
    elif platform.system() == "Darwin":
        cores = _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu") or _logical()
    else:
        cores = _logical()
    quota = _cgroup_cores(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def multiplies_bfloat16(root: Path = Path("/")) -> bool:
    """Whether the CPU has instructions that multiply bfloat16 matrices."""
    if platform.system() == "Darwin":
        return bool(_sysctl("hw.optional.arm.FEAT_BF16"))
    flags = re.search(
        r"^(?:flags|Features)\s*:\s*(.*)$", read_text(root / "proc" / "cpuinfo"), re.MULTILINE
    )
    return flags is not None and not _NATIVE_BF16.isdisjoint(flags[1].split())


def cpu_name(root: Path = Path("/")) -> str:
    """The CPU's name for people."""
    found = re.search(
        r"^model name\s*:\s*(.*)$", read_text(root / "proc" / "cpuinfo"), re.MULTILINE
    )
    return found[1].strip() if found else platform.processor() or platform.machine() or "CPU"


def _linux_cores(root: Path, allowed: set[int]) -> int:
    topology = root / "sys" / "devices" / "system" / "cpu"
    siblings = {
        read_text(topology / f"cpu{number}" / "topology" / "thread_siblings_list") or str(number)
        for number in allowed
    }
    return len(siblings)


def _cgroup_cores(root: Path) -> float | None:
    """The least number of CPUs' worth of time that a group of this process allows."""
    quotas = []
    for version, group in limiting_groups(root, "cpu"):
        if version == 2:
            text = read_text(group / "cpu.max")
        else:
            quota = read_text(group / "cpu.cfs_quota_us").strip()
            text = f"{quota} {read_text(group / 'cpu.cfs_period_us')}"
        found = re.fullmatch(r"(\d+)\s+(\d+)\s*", text)
        if found and int(found[2]):
            quotas.append(int(found[1]) / int(found[2]))
    return min(quotas, default=None)


def _logical() -> int:
    return os.cpu_count() or 1


def _sysctl(name: str) -> int:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    text = done.stdout.strip()
    return int(text) if text.isdigit() else 0
