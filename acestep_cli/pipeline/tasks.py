"""What each task puts before the DiT: frames, instruction, source latents and mask.

Facts: pipeline 8. Latents are [1, T, 64] at 25 Hz; in a mask 1 means "make this frame".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from acestep_cli.pipeline.edit import HOP as HOP
from acestep_cli.pipeline.edit import SAMPLE_RATE as SAMPLE_RATE
from acestep_cli.pipeline.edit import Edit, Extent
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.prompts import TEXT2MUSIC, instruction_for
from acestep_cli.pipeline.repaint import Repaint

SHORTEST_FRAMES = 128


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the DiT starts from beside noise and words.

    source: [1, T, 64] latents of what is already there (silence for a new song, the decoded codes
    of a planned one or of a cover); mask: [1, T], 1 where sound is to be made; samples: length of
    the result at 48 kHz; seconds: the length that the prompt tells; steered: the source is there to
    be followed, so `audio_cover_strength` acts; hinted: the source is what audio codes stand for;
    start: latents for `cover_noise_strength` and flow edit where they are not the source; repaint:
    what is kept while sampling.
    """

    instruction: str
    source: Tensor
    mask: Tensor
    samples: int
    seconds: float
    steered: bool = False
    hinted: bool = False
    start: Tensor | None = None
    repaint: Repaint | None = None

    @property
    def context(self) -> Tensor:
        """Source and mask as the DiT takes them: [1, T, 128]."""
        mask = self.mask[..., None].to(self.source.dtype)
        return torch.cat([self.source, mask.expand_as(self.source)], dim=-1)

    @property
    def origin(self) -> Tensor:
        """The latents [1, T, 64] that a start from the source begins with."""
        return self.source if self.start is None else self.start


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
        seconds=duration,
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
        seconds=duration,
        steered=True,
        hinted=True,
    )


def edited(
    edit: Edit,
    extent: Extent,
    latents: Tensor,
    hints: Tensor | None,
    silence: Tensor,
    instruction: str = "",
    parity: Parity | None = None,
) -> Canvas:
    """The canvas of an edit, on the device of `silence`.

    latents: [1, n, 64], the source with the silence around it, cut or filled up to the canvas'
    length; hints: the same as audio codes tell it, where there are any: they are what a cover
    follows (and whatever is asked for where codes stand for the source, but in regions).
    instruction: what the DiT is told; that of text2music counts as none.
    """
    parity = parity or Parity()
    frames = edit_frames(extent, parity)
    whole = fitted(latents.to(silence), silence, frames)
    own = instruction if instruction != TEXT2MUSIC else ""
    canvas = Canvas(
        instruction=own or instruction_for(edit.base_task, edit.tracks),
        source=whole,
        mask=torch.ones(1, frames, device=silence.device),
        samples=frames * HOP if parity.untrimmed else extent.samples,
        seconds=extent.source if parity.unplanned_duration else extent.total,
        steered=True,
    )
    if edit.task == "repaint":
        return _repaint(canvas, edit, extent, silence, parity)
    if edit.task == "lego":
        return _lego(canvas, edit, extent, parity)
    if edit.base_task == "text2music":
        return _morph(canvas, silence)
    return canvas if hints is None else _cover(canvas, fitted(hints.to(silence), silence, frames))


def edit_frames(extent: Extent, parity: Parity) -> int:
    """The frames of an edit: every one that the result reaches into (upstream: whole ones)."""
    whole = extent.samples // HOP if parity.untrimmed else math.ceil(extent.samples / HOP)
    return max(SHORTEST_FRAMES, whole)


def _cover(canvas: Canvas, hints: Tensor) -> Canvas:
    """What the codes tell is followed; what they leave out may still be started from."""
    return replace(canvas, source=hints, start=canvas.source, hinted=True)


def _repaint(canvas: Canvas, edit: Edit, extent: Extent, silence: Tensor, parity: Parity) -> Canvas:
    """Silence where sound is to be made; what is kept is put back while sampling."""
    region = region_mask(extent, canvas.mask.shape[1], silence.device, parity)
    hole = silence_frames(silence, canvas.mask.shape[1])
    return replace(
        _kept(canvas, edit, region),
        source=torch.where(region[..., None], hole, canvas.source),
        mask=_chunk_mask(edit, region),
    )


def _lego(canvas: Canvas, edit: Edit, extent: Extent, parity: Parity) -> Canvas:
    """The source stays as context under the new track, in the region too (facts 8.5)."""
    region = region_mask(extent, canvas.mask.shape[1], canvas.mask.device, parity)
    kept = _kept(canvas, edit, region) if parity.regions_in_lego else canvas
    return replace(kept, mask=_chunk_mask(edit, region))


def _morph(canvas: Canvas, silence: Tensor) -> Canvas:
    """Nothing to follow: the source is what is carried (facts 7.10)."""
    blank = silence_frames(silence, canvas.source.shape[1])
    return replace(canvas, source=blank, start=canvas.source, steered=False)


def _kept(canvas: Canvas, edit: Edit, region: Tensor) -> Canvas:
    repaint = Repaint(region, canvas.source, edit.injection_ratio, edit.crossfade_frames)
    return replace(canvas, repaint=repaint)


def _chunk_mask(edit: Edit, region: Tensor) -> Tensor:
    """0 and 1; `auto` leaves it to the model: all ones, as upstream writes them (facts 8.4)."""
    return (
        torch.ones_like(region, dtype=torch.float32) if edit.mask_mode == "auto" else region.float()
    )


def region_mask(extent: Extent, frames: int, device: torch.device, parity: Parity) -> Tensor:
    """bool [1, frames], True in the regions."""
    region = torch.zeros(1, frames, dtype=torch.bool, device=device)
    for first, end in extent.spans(frames, upstream=parity.untrimmed):
        region[:, first:end] = True
    return region


def released(canvas: Canvas, silence: Tensor) -> Canvas:
    """The canvas of the steps after `audio_cover_strength` (facts 7.6): nothing to follow any more.

    The source is silence and the instruction text2music's own; mask and length stay.
    """
    source = silence_frames(silence, canvas.source.shape[1])
    return replace(canvas, instruction=TEXT2MUSIC, source=source, steered=False, hinted=False)


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
