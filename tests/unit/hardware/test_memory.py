"""Memory and cores as machines and containers report them."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from acestep_cli.errors import SettingsError
from acestep_cli.hardware.cpu import cpu_name, multiplies_bfloat16, usable_cores
from acestep_cli.hardware.memory import (
    GIB,
    Memory,
    in_gib,
    main_memory,
    metal_memory,
    simulated_limit,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /sys")


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal:       16777216 kB\nMemFree:  1048576 kB\nMemAvailable:    8388608 kB\n"


def test_this_machine_has_memory_and_cores() -> None:
    memory = main_memory()
    assert 0 < memory.free <= memory.total
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert cpu_name()


@linux
def test_available_memory_and_not_the_unused(tmp_path: Path) -> None:
    assert main_memory(_write(tmp_path, {"proc/meminfo": MEMINFO})) == Memory(16 * GIB, 8 * GIB)


@linux
def test_without_proc_the_system_s_pages_count(tmp_path: Path) -> None:
    assert main_memory(tmp_path).total == main_memory().total


@linux
@pytest.mark.parametrize("group", ["/", "/a/b"])
def test_version_2_groups_limit(tmp_path: Path, group: str) -> None:
    folder = f"sys/fs/cgroup{group}".rstrip("/")
    _write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": f"0::{group}\n",
            f"{folder}/memory.max": f"{4 * GIB}\n",
            f"{folder}/memory.current": f"{3 * GIB}\n",
            f"{folder}/memory.stat": f"anon 1\ninactive_file {2 * GIB}\n",
        },
    )
    assert main_memory(tmp_path) == Memory(4 * GIB, 3 * GIB)


@linux
def test_a_group_above_limits_too_and_a_hidden_path_is_skipped(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/host/path/unseen/here\n",
            "sys/fs/cgroup/memory.max": f"{GIB}\n",
        },
    )
    assert main_memory(tmp_path) == Memory(GIB, GIB)


@linux
def test_version_1_groups_limit(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "4:memory:/x\n1:cpu,cpuacct:/x\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/x/memory.usage_in_bytes": f"{GIB}\n",
        },
    )
    assert main_memory(tmp_path) == Memory(2 * GIB, GIB)


@linux
@pytest.mark.parametrize("text", ["max", "", "x", "-1"])
def test_no_limit_is_no_limit(tmp_path: Path, text: str) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": text}
    assert main_memory(_write(tmp_path, {"proc/meminfo": MEMINFO, **files})).total == 16 * GIB


def test_a_simulated_smaller_device() -> None:
    assert simulated_limit({}, "MAX_CUDA_VRAM") is None
    assert simulated_limit({"MAX_CUDA_VRAM": " 7.5 "}, "MAX_CUDA_VRAM") == int(7.5 * GIB)
    for text in ("0", "-1", "nan", "8GB", "1e9", "٣"):
        with pytest.raises(SettingsError, match="MAX_CUDA_VRAM"):
            simulated_limit({"MAX_CUDA_VRAM": text}, "MAX_CUDA_VRAM")
    assert Memory(16 * GIB, 12 * GIB).capped(8 * GIB) == Memory(8 * GIB, 4 * GIB)
    assert Memory(16 * GIB, 2 * GIB).capped(8 * GIB) == Memory(8 * GIB, 0)
    assert metal_memory({"MAX_MPS_VRAM": "0.5"}).total == GIB // 2
    assert in_gib(int(4.5 * GIB)) == "4.50 GiB"


def _cores(root: Path, siblings: dict[int, str]) -> Path:
    base = "sys/devices/system/cpu"
    return _write(
        root,
        {
            f"{base}/cpu{number}/topology/thread_siblings_list": text
            for number, text in siblings.items()
        },
    )


@linux
def test_siblings_of_a_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3, 5})
    _cores(tmp_path, {0: "0,4\n", 1: "1,5\n", 2: "2,6\n", 3: "3,7\n", 5: "1,5\n"})
    assert usable_cores(tmp_path) == 4


@linux
@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
    ],
)
def test_a_share_of_time_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))
    assert usable_cores(_write(tmp_path, files)) == cores


@pytest.mark.skipif(platform.system() == "Darwin", reason="asks sysctl there")
@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16", True),
        ("flags : amx_bf16", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("flags\t\t: fpu avx512f avx2 not_avx512_bf16", False),
        ("", False),
    ],
)
def test_bfloat16_is_read_from_the_flags(tmp_path: Path, line: str, has: bool) -> None:
    text = f"processor : 0\nmodel name\t: A CPU\n{line}\nbugs :\n"
    assert multiplies_bfloat16(_write(tmp_path, {"proc/cpuinfo": text})) is has
    assert cpu_name(tmp_path) == "A CPU"
