"""What the 64 channels of the demonstration's latents mean, and how a score becomes latents.

The channels are assigned, not learnt: a clock from which the phase of every tone follows, how loud
each pitch of bass, chords and melody is, the strokes of the drums, which instruments sound, and
where in beat and bar the song is. Such an autoencoder knows this band and nothing else.

| channels | meaning |
|---|---|
| 0-14 | clock: cosines and sines of 1 to 7 turns in 16 frames, then the cosine of 8 |
| 15-26, 27-38, 39-50 | loudness of each pitch class from C: bass, chords, melody |
| 51-55 | strokes: kick, snare, hat, cymbal, clap |
| 56 | what sings the melody: 0 the lead, else the vowel |
| 57-59 | loudness of keys, guitar and pad |
| 60-61 | cosine and sine of the place in the beat |
| 62, 63 | cosine of the place in the bar; the tempo, on a logarithmic scale |
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.band.envelopes import breath_of, part_envelopes
from training.band.score import DRUMS, VOWELS, Score
from training.band.tuning import (
    CLOCK_FRAMES,
    CONTROLS_PER_FRAME,
    FRAME_SAMPLES,
    SAMPLE_RATE,
)

Latents = NDArray[np.float32]

CHANNELS = 64
CLOCK = slice(0, 15)
BASS, CHORDS, MELODY = slice(15, 27), slice(27, 39), slice(39, 51)
STROKES = slice(51, 56)
VOWEL = 56
LEVELS = slice(57, 60)
BEAT, BAR, TEMPO = slice(60, 62), 62, 63
PULSE = slice(60, 64)
CHORD_PARTS = ("keys", "guitar", "pad")

_CLOCK_SCALE = np.float32(np.sqrt(2))
_LOUDNESS_SCALE = np.float32(3.0)
_LEVEL_SCALE = np.float32(2.0)
VOWEL_SCALE = np.float32(2.0)
MIDDLE_BPM, TEMPO_SCALE = 114.0, 2.2


def frames_of(seconds: float) -> int:
    """Whole latent frames in `seconds`."""
    return int(seconds * SAMPLE_RATE / FRAME_SAMPLES + 1e-6)


def latents_of(score: Score) -> Latents:
    """Latents [frames, 64] of a song, float32; each channel's mean square is of the order of 1."""
    frames = frames_of(score.seconds)
    out = np.zeros((frames, CHANNELS), np.float32)
    _write_clock(out)
    _write_loudness(out, score)
    _write_strokes(out, score)
    _write_pulse(out, score)
    return out


def _write_clock(out: Latents) -> None:
    turns = np.arange(len(out), dtype=np.float64)[:, None] / CLOCK_FRAMES
    angle = 2 * np.pi * turns * np.arange(1, 8)
    out[:, 0:7], out[:, 7:14] = np.cos(angle), np.sin(angle)
    out[:, 14] = np.cos(2 * np.pi * turns[:, 0] * 8) / np.sqrt(2)
    out[:, CLOCK] *= _CLOCK_SCALE


def _write_loudness(out: Latents, score: Score) -> None:
    for part, channels in (("bass", BASS), ("lead", MELODY), ("vocals", MELODY)):
        for (pitch_class, vowel), envelope in part_envelopes(score, part).items():
            line = _at_frames(envelope, len(out))
            out[:, channels.start + pitch_class] += _LOUDNESS_SCALE * line
            if part == "vocals":
                sounding = breath_of(line)
                spoken = VOWEL_SCALE * (vowel + 1) / len(VOWELS)
                out[:, VOWEL] = np.maximum(out[:, VOWEL], spoken * sounding)
    for index, part in enumerate(CHORD_PARTS):
        level = np.zeros(len(out), np.float32)
        for (pitch_class, _), envelope in part_envelopes(score, part).items():
            line = _at_frames(envelope, len(out))
            out[:, CHORDS.start + pitch_class] += _LOUDNESS_SCALE * line
            level = np.maximum(level, line)
        out[:, LEVELS.start + index] = _LEVEL_SCALE * level


def _at_frames(envelope: Latents, frames: int) -> Latents:
    """Mean of an envelope around the middle of each frame, under a triangle two frames wide."""
    width = CONTROLS_PER_FRAME
    triangle = 1 - np.abs(np.arange(-width + 1, width)) / width
    padded = np.pad(envelope, (width // 2, 2 * width), mode="edge")
    smooth = np.convolve(padded, triangle / triangle.sum(), mode="same")
    return smooth[width::width][:frames].astype(np.float32)


def _write_strokes(out: Latents, score: Score) -> None:
    """A stroke between the middles of two frames is shared between them by its distance."""
    for hit in score.hits:
        place = hit.onset * SAMPLE_RATE / FRAME_SAMPLES - 0.5
        first = int(np.floor(place))
        channel = STROKES.start + DRUMS.index(hit.drum)
        for frame, share in ((first, 1 - (place - first)), (first + 1, place - first)):
            if 0 <= frame < len(out):
                out[frame, channel] += _LOUDNESS_SCALE * hit.velocity * share


def _write_pulse(out: Latents, score: Score) -> None:
    seconds = (np.arange(len(out)) + 0.5) * FRAME_SAMPLES / SAMPLE_RATE
    beat = 2 * np.pi * seconds / score.recipe.beat_seconds
    out[:, BEAT] = np.sqrt(2) * np.stack([np.cos(beat), np.sin(beat)], axis=1)
    out[:, BAR] = np.sqrt(2) * np.cos(beat / score.recipe.beats)
    # The same in every frame: what a rotation of the beat by one frame depends on.
    out[:, TEMPO] = tempo_of(60 / score.recipe.beat_seconds)


def tempo_of(bpm: float) -> float:
    """A tempo as the TEMPO channel has it."""
    return float(TEMPO_SCALE * np.log2(bpm / MIDDLE_BPM))


def scaled(latents: Latents, gain: np.float32) -> Latents:
    """The latents [T, 64] of the same sound, `gain` times as loud."""
    out = latents.copy()
    for channels in (BASS, CHORDS, MELODY, STROKES, LEVELS):
        out[:, channels] *= gain
    return out
