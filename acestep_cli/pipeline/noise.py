"""Random numbers of a song: the same for a seed on every device, whatever else ran.

Every draw comes from a CPU generator of its own. Item i of a batch draws from its own seed, so that
it is the same song as when it is made alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

CHANNELS = 64


def song_noise(seed: int, frames: int, channels: int = CHANNELS) -> Tensor:
    """The noise a song starts from: [1, frames, channels] float32, the first draw of its seed."""
    return torch.randn(1, frames, channels, generator=_generator(seed))


def batch_noise(seeds: Sequence[int], frames: int, channels: int = CHANNELS) -> Tensor:
    """`song_noise` of every item, [B, frames, channels]."""
    return torch.cat([song_noise(seed, frames, channels) for seed in seeds])


def derive_seed(seed: int, purpose: str) -> int:
    """A seed in [0, 2^32) for one purpose of a song (`sde`, `retake`, `reference`, `planner`, ...).

    A hash, so that streams are independent of each other and of the song's own noise, and the same
    on every machine and in every version.
    """
    digest = hashlib.sha256(f"acestep:{purpose}:{seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def mix_retake(noise: Tensor, other: Tensor, variance: float) -> Tensor:
    """A variation of `noise`: turned towards `other` by variance (0 to 1) of a right angle.

    Both [B, T, C]; the result has unit variance again (pipeline facts 7.5).
    """
    angle = variance * math.pi / 2
    return math.cos(angle) * noise + math.sin(angle) * other


class NoiseSource(Protocol):
    """Fresh noise, one draw after the other."""

    def draw(self) -> Tensor:
        """The next [B, T, C] float32."""
        ...


class SeededNoise:
    """One generator an item: what an item draws does not depend on the rest of the batch."""

    def __init__(self, seeds: Sequence[int], frames: int, channels: int = CHANNELS) -> None:
        self._generators = [_generator(seed) for seed in seeds]
        self._shape = (1, frames, channels)

    @classmethod
    def derived(
        cls, seeds: Sequence[int], purpose: str, frames: int, channels: int = CHANNELS
    ) -> SeededNoise:
        """The stream of one purpose for songs with these seeds."""
        return cls([derive_seed(seed, purpose) for seed in seeds], frames, channels)

    def draw(self) -> Tensor:
        """The next [B, T, C]."""
        return torch.cat(
            [torch.randn(self._shape, generator=generator) for generator in self._generators]
        )


class GivenNoise:
    """Draws that were recorded elsewhere, handed out in order."""

    def __init__(self, draws: Sequence[Tensor]) -> None:
        self._left = list(draws)
        self._given = len(self._left)

    def draw(self) -> Tensor:
        """The next recorded draw; ValueError when there is none left."""
        if not self._left:
            raise ValueError(f"more than the {self._given} given draws of noise are needed")
        return self._left.pop(0)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)
