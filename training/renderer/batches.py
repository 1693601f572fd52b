"""What the DiT is shown: songs of the band as latents, with their words, sources and masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from training.band.compose import compose
from training.band.recipes import draw_recipe
from training.band.score import Recipe, Score
from training.band.styles import STYLES
from training.latents import BAR, BEAT, CHANNELS, CLOCK, PULSE, STROKES, Latents, latents_of
from training.renderer.network import Batch
from training.renderer.sizes import SILENCE_FRAMES
from training.renderer.text import LYRIC_ROOM, TEXT_ROOM, Prompt, padded, prompt_of

# Frames and songs of a batch, and how often it is drawn.
SHAPES = ((250, 8, 0.8), (500, 4, 0.12), (750, 3, 0.08))
DROPPED = 0.1
TIMBRE_FRAMES = 50  # of the 750 that the package shows: silence either way
_WEIGHTS = ((PULSE, 3.0), (STROKES, 2.0), (CLOCK, 0.5))

Draw = Callable[[np.random.Generator], Recipe]


def silence(frames: int) -> Latents:
    """The silence latent [frames, 64]: zeros, but for the mark of a beginning in frame 0."""
    out = np.zeros((frames, CHANNELS), np.float32)
    out[0, [BEAT.start, BAR.start]] = np.sqrt(2)
    return out


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
) -> Batch:
    """The batch of a step: mostly new songs, some with a part to be made anew."""
    random = np.random.default_rng((2, step))
    frames, count, _ = shapes[random.choice(len(shapes), p=[shape[2] for shape in shapes])]
    songs = [_song(random, frames, styles) for _ in range(count)]
    text, text_mask = padded([song[0].text for song in songs], TEXT_ROOM)
    lyrics, lyric_mask = padded([song[0].lyrics for song in songs], LYRIC_ROOM)
    latents = torch.from_numpy(np.stack([song[1] for song in songs]))
    context = torch.from_numpy(np.stack([song[2] for song in songs]))
    generator = torch.Generator().manual_seed(step)
    weight = channel_weights().expand_as(latents)
    return Batch(
        text=text,
        text_mask=text_mask,
        lyrics=lyrics,
        lyric_mask=lyric_mask,
        timbre=torch.from_numpy(silence(TIMBRE_FRAMES)).expand(count, -1, -1),
        context=context,
        latents=latents,
        noise=torch.randn(latents.shape, generator=generator),
        times=draw_times(count, generator),
        dropped=torch.rand(count, generator=generator) < DROPPED,
        weight=weight,
    )


def draw_times(count: int, generator: torch.Generator) -> torch.Tensor:
    """Times in (0, 1]: half of them even, half near 1, where the words alone decide: later the
    noisy latents tell tempo and key themselves."""
    even = torch.rand(count, generator=generator)
    early = 1 - 0.3 * torch.rand(count, generator=generator) ** 1.5
    return torch.where(torch.rand(count, generator=generator) < 0.5, even, early)


def _song(
    random: np.random.Generator, frames: int, styles: tuple[str, ...]
) -> tuple[Prompt, Latents, Latents]:
    score = compose(draw_recipe(random, styles), frames / 25, random)
    latents = latents_of(score)
    if random.random() < 0.2:
        return _repainted(score, latents, random)
    context = np.ones((frames, 2 * CHANNELS), np.float32)
    context[:, :CHANNELS] = silence(frames)
    return prompt_of(score, random), latents, context


def _repainted(
    score: Score, latents: Latents, random: np.random.Generator
) -> tuple[Prompt, Latents, Latents]:
    """A song of which 15 to 70 per cent are to be made anew; the rest is as it would be heard."""
    frames = len(latents)
    length = int(frames * random.uniform(0.15, 0.7))
    first = int(random.integers(frames - length + 1))
    inside = slice(first, first + length)
    source = heard(latents, random)
    target = source.copy()
    target[inside] = latents[inside]
    source[inside] = silence(frames)[inside]
    mask = np.zeros((frames, CHANNELS), np.float32)
    mask[inside] = 1
    context = np.concatenate([source, mask], axis=1)
    return prompt_of(score, random, "repaint"), target, context


def heard(latents: Latents, random: np.random.Generator) -> Latents:
    """Latents as the autoencoder hears them in sound: a little off, and without a pulse."""
    out = latents + random.normal(0, 0.1, latents.shape).astype(np.float32)
    out[:, PULSE] = 0
    return out.astype(np.float32)


assert max(shape[0] for shape in SHAPES) <= SILENCE_FRAMES
