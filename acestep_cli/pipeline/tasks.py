"""What each task puts before the DiT: frames, instruction, source latents and mask.

Facts: pipeline 8. Latents are [1, T, 64] at 25 Hz; in a mask 1 means "make this frame".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.prompts import TEXT2MUSIC, instruction_for

SAMPLE_RATE = 48_000
HOP = 1920
SHORTEST_FRAMES = 128


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the DiT starts from beside noise and words.

    source: [1, T, 64] latents of what is already there (silence for a new song, the decoded codes
    of a planned one); mask: [1, T], 1 where sound is to be made; samples: length of the result at
    48 kHz; steered: the source is there to be followed, so `audio_cover_strength` acts.
    """

    instruction: str
    source: Tensor
    mask: Tensor
    samples: int
    steered: bool = False

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
    frames, samples = _length(duration, parity)
    return Canvas(
        instruction=instruction or instruction_for("text2music"),
        source=silence_frames(silence, frames),
        mask=torch.ones(1, frames, device=silence.device),
        samples=samples,
    )


def from_codes(
    hints: Tensor,
    duration: float,
    silence: Tensor,
    instruction: str = "",
    parity: Parity | None = None,
) -> Canvas:
    """A canvas whose source is `hints` [1, 5n, 64], the latents that n audio codes stand for.

    What follows codes is told so as a cover is (facts 8.1): by its instruction, unless another than
    text2music's is given. `duration` decides the length: hints are cut, or filled up with silence;
    upstream the number of codes decides.
    """
    parity = parity or Parity()
    if parity.untrimmed:
        frames = max(SHORTEST_FRAMES, hints.shape[1])
        samples = frames * HOP
    else:
        frames, samples = _length(duration, parity)
    own = instruction if instruction != TEXT2MUSIC else ""
    return Canvas(
        instruction=own or instruction_for("cover"),
        source=fitted(hints.to(silence.device), silence, frames),
        mask=torch.ones(1, frames, device=silence.device),
        samples=samples,
        steered=True,
    )


def released(canvas: Canvas, silence: Tensor) -> Canvas:
    """The canvas of the steps after `audio_cover_strength` (facts 7.6): nothing to follow any more.

    The source is silence and the instruction text2music's own; mask and length stay.
    """
    source = silence_frames(silence, canvas.source.shape[1])
    return replace(canvas, instruction=TEXT2MUSIC, source=source, steered=False)


def fitted(latents: Tensor, silence: Tensor, frames: int) -> Tensor:
    """Latents [1, n, 64] cut to `frames`, or filled up behind with silence from its start."""
    missing = frames - latents.shape[1]
    if missing <= 0:
        return latents[:, :frames]
    return torch.cat([latents, silence_frames(silence, missing)], dim=1)


def silence_frames(silence: Tensor, frames: int) -> Tensor:
    """The first `frames` frames of silence [1, frames, 64], tiled from its start when too short."""
    copies = math.ceil(frames / silence.shape[1])
    return silence.repeat(1, copies, 1)[:, :frames] if copies > 1 else silence[:, :frames]


def _length(duration: float, parity: Parity) -> tuple[int, int]:
    """Frames and samples of a song of `duration` seconds."""
    if parity.untrimmed:
        frames = max(SHORTEST_FRAMES, int(max(0.1, round(duration, 1)) * SAMPLE_RATE) // HOP)
        return frames, frames * HOP
    samples = round(duration * SAMPLE_RATE)
    return max(SHORTEST_FRAMES, math.ceil(samples / HOP)), samples
