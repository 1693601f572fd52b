"""What each task puts before the DiT: frames, instruction, source latents and mask.

Facts: pipeline 8. Latents are [1, T, 64] at 25 Hz; in a mask 1 means "make this frame".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.prompts import instruction_for

SAMPLE_RATE = 48_000
HOP = 1920
SHORTEST_FRAMES = 128


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the DiT starts from beside noise and words.

    source: [1, T, 64] latents of what is already there (silence for a new song); mask: [1, T], 1
    where sound is to be made; samples: length of the result at 48 kHz.
    """

    instruction: str
    source: Tensor
    mask: Tensor
    samples: int

    @property
    def context(self) -> Tensor:
        """Source and mask as the DiT takes them: [1, T, 128]."""
        mask = self.mask[..., None].to(self.source.dtype)
        return torch.cat([self.source, mask.expand_as(self.source)], dim=-1)


def text2music(
    duration: float, silence: Tensor, instruction: str = "", parity: Parity | None = None
) -> Canvas:
    """A canvas of silence, `duration` seconds long, all of which is to be made.

    The network never sees fewer than 128 frames (5.12 s), as upstream; what is over is cut off
    after decoding. `silence` is the checkpoint's silence latent [1, n, 64].
    """
    parity = parity or Parity()
    if parity.untrimmed:
        frames = max(SHORTEST_FRAMES, int(max(0.1, round(duration, 1)) * SAMPLE_RATE) // HOP)
        samples = frames * HOP
    else:
        samples = round(duration * SAMPLE_RATE)
        frames = max(SHORTEST_FRAMES, math.ceil(samples / HOP))
    return Canvas(
        instruction=instruction or instruction_for("text2music"),
        source=silence_frames(silence, frames),
        mask=torch.ones(1, frames, device=silence.device),
        samples=samples,
    )


def silence_frames(silence: Tensor, frames: int) -> Tensor:
    """The first `frames` frames of silence [1, frames, 64], tiled from its start when too short."""
    copies = math.ceil(frames / silence.shape[1])
    return silence.repeat(1, copies, 1)[:, :frames] if copies > 1 else silence[:, :frames]
