"""The number of CPU threads, handed to torch."""

from __future__ import annotations


def set_threads(count: int) -> None:
    """Let torch compute with `count` threads. Imports torch."""
    import torch

    torch.set_num_threads(count)
