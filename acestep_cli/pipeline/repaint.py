"""Keeping the frames of a source that are not to be made anew, during and after sampling.

Facts: pipeline 8.6, points 1 and 2. The waveform is spliced later, by the decoder's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Repaint:
    """What is kept and how firmly.

    mask: bool [B, T], True where sound is made anew; source: [B, T, C] latents of what is kept;
    injection_ratio: share of the steps (0 to 1, first ones) after which kept frames are put back;
    crossfade_frames: length of the ramp outside each edge of the region (0: no blend at the end).
    """

    mask: Tensor
    source: Tensor
    injection_ratio: float = 0.5
    crossfade_frames: int = 12

    def injected_steps(self, steps: int) -> int:
        """How many of `steps` are followed by an injection (halves go to the even number)."""
        return round(self.injection_ratio * steps)


def inject(latents: Tensor, repaint: Repaint, time: float, noise: Tensor) -> Tensor:
    """Kept frames become the source at noise level `time`: time * noise + (1 - time) * source."""
    kept = time * noise + (1 - time) * repaint.source
    return torch.where(repaint.mask[..., None], latents, kept)


def blend(latents: Tensor, repaint: Repaint) -> Tensor:
    """Source frames outside the region, with linear ramps of `crossfade_frames` on either side.

    A row that is made anew as a whole comes back as it is, and so does everything when there is no
    crossfade.
    """
    if repaint.crossfade_frames <= 0:
        return latents
    weight = soft_mask(repaint.mask, repaint.crossfade_frames)[..., None]
    return weight * latents + (1 - weight) * repaint.source


def soft_mask(mask: Tensor, frames: int) -> Tensor:
    """bool [B, T] to float32 [B, T]: 1 in the regions of a row, ramps of at most `frames` beside
    each, 0 elsewhere. The ramps are as long as there is room (of the frames between two regions
    each takes half) and never reach 0 or 1 themselves."""
    soft = mask.float()
    for row, marked in zip(soft, mask, strict=True):
        regions = regions_of(marked)
        ends = [0, *(end for _, end in regions)]
        starts = [*(start for start, _ in regions), len(row)]
        for number, (start, end) in enumerate(regions):
            before, after = start - ends[number], starts[number + 1] - end
            before = min(frames, before // 2 if number else before)
            after = min(frames, after // 2 if number + 1 < len(regions) else after)
            rise = torch.linspace(0, 1, before + 2, device=row.device)[1:-1]
            fall = torch.linspace(1, 0, after + 2, device=row.device)[1:-1]
            row[start - before : start] = rise
            row[end : end + after] = fall
    return soft


def regions_of(marked: Tensor) -> list[tuple[int, int]]:
    """First frame and end of every run of True in bool [T]."""
    edge = torch.zeros(1, dtype=torch.int8, device=marked.device)
    steps = torch.cat([edge, marked.to(torch.int8), edge]).diff()
    return list(
        zip(
            (steps == 1).nonzero()[:, 0].tolist(),
            (steps == -1).nonzero()[:, 0].tolist(),
            strict=True,
        )
    )
