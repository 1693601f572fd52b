"""What the DiT is shown: songs of the band as latents, with their words, sources and masks."""

from __future__ import annotations

import numpy as np
import torch

from training.band.styles import STYLES
from training.latents import CHANNELS, CLOCK, PULSE, STROKES
from training.renderer.network import Batch
from training.renderer.sizes import SILENCE_FRAMES
from training.renderer.tasks import Hints, draw_example, silence
from training.renderer.text import LYRIC_ROOM, TEXT_ROOM, padded, told_tempos

# Frames and songs of a batch, and how often it is drawn.
SHAPES = ((250, 8, 0.8), (500, 4, 0.12), (750, 3, 0.08))
DROPPED = 0.1
TOLD = 24
TIMBRE_FRAMES = 750
_WEIGHTS = ((PULSE, 3.0), (STROKES, 2.0), (CLOCK, 0.5))


def channel_weights() -> torch.Tensor:
    """Weight of each channel's error [64]: what carries the time counts more."""
    weights = torch.ones(CHANNELS)
    for channels, weight in _WEIGHTS:
        weights[channels] = weight
    return weights


def make_batch(
    step: int,
    styles: tuple[str, ...] = tuple(STYLES),
    shapes: tuple[tuple[int, int, float], ...] = SHAPES,
    hints: Hints | None = None,
) -> Batch:
    """The batch of a step: most examples are new songs, the others edits."""
    random = np.random.default_rng((2, step))
    frames, count, _ = shapes[random.choice(len(shapes), p=[shape[2] for shape in shapes])]
    songs = [draw_example(random, frames, styles, hints) for _ in range(count)]
    text, text_mask = padded([song[0].text for song in songs], TEXT_ROOM)
    lyrics, lyric_mask = padded([song[0].lyrics for song in songs], LYRIC_ROOM)
    latents = torch.from_numpy(np.stack([song[1] for song in songs]))
    context = torch.from_numpy(np.stack([song[2] for song in songs]))
    generator = torch.Generator().manual_seed(step)
    weight = channel_weights().expand_as(latents)
    told, told_mask, tempos = told_tempos(random, TOLD)
    return Batch(
        text=text,
        text_mask=text_mask,
        lyrics=lyrics,
        lyric_mask=lyric_mask,
        timbre=torch.from_numpy(silence(TIMBRE_FRAMES))[None],
        context=context,
        latents=latents,
        noise=torch.randn(latents.shape, generator=generator),
        times=draw_times(count, generator),
        dropped=torch.rand(count, generator=generator) < DROPPED,
        weight=weight,
        told=told,
        told_mask=told_mask,
        tempos=tempos,
    )


def draw_times(count: int, generator: torch.Generator) -> torch.Tensor:
    """Times in (0, 1]: half of them even, half near 1, where the words alone decide: later the
    noisy latents tell tempo and key themselves."""
    even = torch.rand(count, generator=generator)
    early = 1 - 0.3 * torch.rand(count, generator=generator) ** 1.5
    return torch.where(torch.rand(count, generator=generator) < 0.5, even, early)


assert max(shape[0] for shape in SHAPES) <= SILENCE_FRAMES
