"""What the DiT is shown: songs of the band as latents, with their words, sources and masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from training.band.styles import STYLES
from training.latents import CHANNELS, CLOCK, PULSE, STROKES
from training.renderer.network import Batch
from training.renderer.reading import draw_told
from training.renderer.sizes import SILENCE_FRAMES
from training.renderer.tasks import SHARES, TIMBRE_FRAMES, Example, Hints, draw_example
from training.renderer.text import LYRIC_ROOM, TEXT_ROOM, padded
from training.silence import silence

# Frames and songs of a batch, and how often it is drawn.
SHAPES = ((250, 8, 0.8), (500, 4, 0.12), (750, 3, 0.08))
DROPPED = 0.1
TOLD = 12  # prompts that the text encoder reads beside each batch, and is told what they say
# Styles as often as they are shown: strokes of the slow one and of the swung one were learnt last.
SHOWN = (*STYLES, "ballad", "jazz")
# Near time 1 the words alone tell the beat, and how much more its errors count there. What is only
# half known there is left out by the sampler, rare strokes first.
_EARLY = 0.85
_EARLY_WEIGHTS = ((PULSE, 3.0), (STROKES, 4.0))
_WEIGHTS = ((PULSE, 3.0), (STROKES, 3.0), (CLOCK, 0.5))


def weights_of(times: torch.Tensor) -> torch.Tensor:
    """Weight of each channel's error at times [B]: [B, 64]. What carries the beat counts more, the
    most where the words alone tell it."""
    weights = torch.ones(len(times), CHANNELS)
    for channels, weight in _WEIGHTS:
        weights[:, channels] = weight
    for channels, weight in _EARLY_WEIGHTS:
        weights[times > _EARLY, channels] *= weight
    return weights


def make_batch(
    step: int,
    styles: tuple[str, ...] = SHOWN,
    shapes: tuple[tuple[int, int, float], ...] = SHAPES,
    hints: Hints | None = None,
    shares: Mapping[str, float] = SHARES,
) -> Batch:
    """The batch of a step: songs from words and edits, each task as often as `shares` has it, which
    sum to 1."""
    random = np.random.default_rng((2, step))
    frames, count, _ = shapes[random.choice(len(shapes), p=[shape[2] for shape in shapes])]
    songs = [draw_example(random, frames, styles, hints, shares) for _ in range(count)]
    text, text_mask = padded([song.prompt.text for song in songs], TEXT_ROOM)
    lyrics, lyric_mask = padded([song.prompt.lyrics for song in songs], LYRIC_ROOM)
    vowels, _ = padded([song.prompt.vowels for song in songs], LYRIC_ROOM, -1)
    places, _ = padded([song.prompt.places for song in songs], LYRIC_ROOM, -1)
    latents = torch.from_numpy(np.stack([song.truth for song in songs]))
    context = torch.from_numpy(np.stack([song.context for song in songs]))
    generator = torch.Generator().manual_seed(step)
    at_once = torch.tensor([song.at_once for song in songs])
    times = draw_times(count, generator).where(~at_once, torch.tensor(1.0))
    timbre, timbre_of = _timbres(songs)
    counts = torch.from_numpy(np.stack([song.counts for song in songs]))
    return Batch(
        text=text,
        text_mask=text_mask,
        lyrics=lyrics,
        lyric_mask=lyric_mask,
        vowels=vowels,
        places=places,
        timbre=timbre,
        timbre_of=timbre_of,
        context=context,
        latents=latents,
        noise=torch.randn(latents.shape, generator=generator),
        times=times,
        dropped=torch.rand(count, generator=generator) < DROPPED,
        weight=(weights_of(times) * counts)[:, None].expand_as(latents),
        told=draw_told(random, TOLD),
        beats=torch.from_numpy(np.stack([_beats(song) for song in songs])),
    )


def _beats(song: Example) -> NDArray[np.int64]:
    if song.beats is None:
        return np.full(len(song.truth), -1, np.int64)
    return song.beats


def _timbres(songs: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Silence and all references [R, F, 64], and which of them each song has [B]."""
    timbres, places = [silence(TIMBRE_FRAMES)], []
    for song in songs:
        places.append(0 if song.reference is None else len(timbres))
        if song.reference is not None:
            timbres.append(song.reference)
    return torch.from_numpy(np.stack(timbres)), torch.tensor(places)


def draw_times(count: int, generator: torch.Generator) -> torch.Tensor:
    """Times in [0, 1]: half of them even, half near 1, where the words alone decide: later the
    noisy latents tell tempo and key themselves."""
    even = torch.rand(count, generator=generator)
    early = 1 - 0.3 * torch.rand(count, generator=generator) ** 1.5
    return torch.where(torch.rand(count, generator=generator) < 0.5, even, early)


assert max(shape[0] for shape in SHAPES) <= SILENCE_FRAMES
