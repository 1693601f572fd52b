"""Scores to sound: oscillators and noises that never stop, opened and closed by envelopes.

A tone's phase depends on the time since the song began and on nothing else, as in a tonewheel
organ; the noise of each drum repeats with every latent frame. So the latents can say exactly what
sounds, and a decoder need not remember minutes of noise.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from training.band.envelopes import breath_of, part_envelopes
from training.band.score import DRUMS, TONAL_PARTS, VOWELS, Score
from training.band.tuning import (
    BASS_MULTIPLES,
    CHORD_OCTAVE,
    CONTROL_SAMPLES,
    FRAME_SAMPLES,
    LEAD_OCTAVE,
    PERIOD_SAMPLES,
    SAMPLE_RATE,
)

Wave = NDArray[np.float32]

# Strength of the harmonics 1, 2, ...: what always sounds, and what fades first. The voice has the
# tone of the lead; its breath makes it a voice.
_MELODY = (1.0, 0.0, 0.45, 0.0, 0.25, 0.0, 0.1)
_BODY = {
    "bass": (1.0, 0.5, 0.22, 0.08),
    "keys": (1.0, 0.35, 0.08, 0.12),
    "guitar": (0.8, 0.6, 0.35, 0.25, 0.12),
    "pad": (1.0, 0.45, 0.3, 0.18, 0.1),
    "lead": _MELODY,
    "vocals": _MELODY,
}
_EDGE = {
    "bass": (0.0, 0.2, 0.3, 0.25, 0.15),
    "keys": (0.0, 0.15, 0.3, 0.25, 0.1),
    "guitar": (0.0, 0.2, 0.4, 0.4, 0.4, 0.3, 0.2),
    "pad": (),
    "lead": (),
    "vocals": (),
}
_GAIN = {"bass": 0.2, "keys": 0.1, "guitar": 0.1, "pad": 0.07, "lead": 0.1, "vocals": 0.1}
# Left and right.
_PAN = {
    "bass": (1.0, 1.0),
    "keys": (1.15, 0.8),
    "guitar": (0.75, 1.2),
    "pad": (1.0, 1.0),
    "lead": (0.9, 1.1),
    "vocals": (0.9, 1.1),
}
# Two formants of each vowel in hertz, textbook values of a low female voice.
_FORMANTS = {"a": (800, 1250), "e": (480, 1900), "i": (330, 2300), "o": (480, 880), "u": (340, 720)}
_BREATH = 0.6  # how loud the breath that tells the vowel is, beside a tone of velocity 1
_DRUM_GAIN = {"kick": 0.5, "snare": 0.28, "hat": 0.13, "cymbal": 0.12, "clap": 0.22}
_NOISE_BANDS = {
    "kick": (200, 12000),
    "snare": (700, 9000),
    "hat": (6000, 15000),
    "cymbal": (6000, 15000),
    "clap": (900, 4500),
}
_DRUM_PAN = {"hat": (0.85, 1.15), "cymbal": (1.15, 0.85)}


def render(score: Score) -> Wave:
    """The mix, float32 [2, samples] at 48 kHz, `seconds` long, within about +-1."""
    return sum(stems(score).values(), silence(score))


def stems(score: Score) -> dict[str, Wave]:
    """Each part that plays, float32 [2, samples]; they add up to the mix."""
    found = {}
    for part in TONAL_PARTS:
        tones = [tone for tone in score.tones if tone.part == part]
        if tones:
            found[part] = _tonal(score, part)
    if "vocals" in found:
        found["vocals"] = found["vocals"] + breaths(score)
    if score.hits:
        found["drums"] = _drums(score)
    return found


def silence(score: Score) -> Wave:
    """Zeros as long as the song."""
    return np.zeros((2, round(score.seconds * SAMPLE_RATE)), np.float32)


def _tonal(score: Score, part: str) -> Wave:
    samples = round(score.seconds * SAMPLE_RATE)
    mono = np.zeros(samples, np.float32)
    for (pitch_class, _), envelope in part_envelopes(score, part).items():
        smooth = _upsample(envelope, samples)
        mono += smooth * _tiled(part, pitch_class, False, samples)
        if _EDGE[part]:
            mono += smooth * smooth * smooth * _tiled(part, pitch_class, True, samples)
    return _panned(mono, part)


def breaths(score: Score) -> Wave:
    """What tells the vowels, float32 [2, samples]: under every sung tone the breath of its vowel,
    under soft tones as loud as under others."""
    samples = round(score.seconds * SAMPLE_RATE)
    open_by: dict[int, Wave] = {}
    for (_, vowel), envelope in part_envelopes(score, "vocals").items():
        opened = breath_of(envelope)
        open_by[vowel] = np.maximum(open_by.get(vowel, opened), opened)
    mono = np.zeros(samples, np.float32)
    for vowel, opened in open_by.items():
        mono += _upsample(opened, samples) * np.resize(_breath(vowel), samples)
    return _panned(mono * np.float32(_BREATH), "vocals")


def _panned(mono: Wave, part: str) -> Wave:
    left, right = _PAN[part]
    return np.stack([mono * left, mono * right]) * np.float32(_GAIN[part])


def _upsample(envelope: Wave, samples: int) -> Wave:
    at = np.arange(samples, dtype=np.float32) / CONTROL_SAMPLES
    return np.interp(at, np.arange(len(envelope)), envelope).astype(np.float32)


def _tiled(part: str, pitch_class: int, edge: bool, samples: int) -> Wave:
    return np.resize(_wavetable(part, pitch_class, edge), samples)


@cache
def _wavetable(part: str, pitch_class: int, edge: bool) -> Wave:
    """16 frames of a tone: a whole number of its periods."""
    octave = {"bass": 1, "lead": LEAD_OCTAVE, "vocals": LEAD_OCTAVE}.get(part, CHORD_OCTAVE)
    multiple = BASS_MULTIPLES[pitch_class] * octave
    angle = 2 * np.pi * multiple * np.arange(PERIOD_SAMPLES) / PERIOD_SAMPLES
    table = np.zeros(PERIOD_SAMPLES)
    for number, strength in enumerate((_EDGE if edge else _BODY)[part], start=1):
        table += strength * np.sin(number * angle)
    return table.astype(np.float32)


@cache
def _breath(vowel: int) -> Wave:
    """One latent frame of noise up to 4 kHz under the two resonances of a vowel, 120 and 180 Hz of
    half width; mean square 1. It always runs, as the noise of the drums does, and tones open it.

    A voice whose harmonics have these strengths, different ones for every pitch and vowel, came out
    of a decoder of this size as one vowel for all five.
    """
    first, second = _FORMANTS[VOWELS[vowel]]
    hertz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
    strength = 1 / (1 + ((hertz - first) / 120) ** 2) + 0.6 / (1 + ((hertz - second) / 180) ** 2)
    strength[(hertz == 0) | (hertz > 4000)] = 0
    turns = np.random.default_rng((len(VOWELS), vowel)).random(len(hertz))
    wave = np.fft.irfft(strength * np.exp(2j * np.pi * turns), FRAME_SAMPLES)
    return (wave / wave.std()).astype(np.float32)


def _drums(score: Score) -> Wave:
    out = silence(score)
    for hit in score.hits:
        start = round(hit.onset * SAMPLE_RATE)
        tone, envelope = _drum(hit.drum)
        length = min(len(tone), out.shape[1] - start)
        noise = _noise(hit.drum)[(start + np.arange(length)) % FRAME_SAMPLES]
        wave = tone[:length] + envelope[:length] * noise
        left, right = _DRUM_PAN.get(hit.drum, (1.0, 1.0))
        gain = hit.velocity * _DRUM_GAIN[hit.drum]
        out[0, start : start + length] += gain * left * wave
        out[1, start : start + length] += gain * right * wave
    return out


@cache
def _drum(drum: str) -> tuple[Wave, Wave]:
    """One stroke: its tone, and the envelope of its noise; together the peak is near 1."""
    seconds = {"kick": 0.28, "snare": 0.2, "hat": 0.06, "cymbal": 0.4, "clap": 0.16}[drum]
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.zeros(len(time))
    if drum == "kick":
        tone = np.sin(2 * np.pi * (50 * time + 4.5 * (1 - np.exp(-time * 30)))) * np.exp(-time * 13)
        envelope = 0.15 * np.exp(-time * 300)
    elif drum == "snare":
        tone = 0.5 * np.sin(2 * np.pi * 185 * time) * np.exp(-time * 22)
        envelope = 0.45 * np.exp(-time * 24)
    elif drum == "clap":
        bursts = np.zeros(len(time))
        for at in (0, 0.012, 0.024):
            bursts += np.exp(-np.maximum(time - at, 0) * 90) * (time >= at)
        envelope = 0.5 * (0.6 * bursts + 0.5 * np.exp(-time * 28))
    else:
        envelope = 0.5 * np.exp(-time * (70 if drum == "hat" else 11))
    fade = np.minimum(1, (seconds - time) * 100)
    return (tone * fade).astype(np.float32), (envelope * fade).astype(np.float32)


@cache
def _noise(drum: str) -> Wave:
    """One latent frame of the noise behind a drum, mean square 1, in its band: it always runs, as
    the tones do, and strokes open it."""
    noise = np.random.default_rng(DRUMS.index(drum)).standard_normal(FRAME_SAMPLES)
    low, high = _NOISE_BANDS[drum]
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
    spectrum *= 1 / (1 + (low / np.maximum(hertz, 1)) ** 6) / (1 + (hertz / high) ** 6)
    wave = np.fft.irfft(spectrum, FRAME_SAMPLES)
    return (wave / wave.std()).astype(np.float32)
