"""The number of CPU threads, handed to torch, and how they wait for each other."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

_LOAD = Path("/proc/loadavg")
_SPINS = "GOMP_SPINCOUNT"
_WAITING = "OMP_WAIT_POLICY"
# How often a thread looks whether the others are done before it sleeps, about 50 us; GNU's OpenMP
# looks 300,000 times.
_FEW = "2000"


def set_threads(count: int) -> None:
    """Let torch compute with `count` threads. Imports torch."""
    import torch

    torch.set_num_threads(count)


def share_cores(environ: MutableMapping[str, str], load: Path = _LOAD) -> None:
    """Where other processes are running, let threads that wait give up their core soon.

    To be called before torch is imported, which asks `environ` once; what that says already stays.
    A thread that keeps its core while it waits for one that has none holds both up: a song of 5 s
    took 17 s beside two busy processes on two cores and takes 12 s so; beside more of them one of
    20 s took 123 s, and 28 s so. Alone, short waits cost large models 6 % (two cores of a virtual
    machine), so there nothing is changed.
    """
    if _SPINS not in environ and _WAITING not in environ and _others_running(load):
        environ[_SPINS] = _FEW


def _others_running(load: Path) -> bool:
    """Whether more than this process is running now; no where the system does not say (Linux
    alone does: running/all is the fourth word)."""
    try:
        return int(load.read_text("ascii").split()[3].partition("/")[0]) > 1
    except (OSError, ValueError, IndexError):
        return False
