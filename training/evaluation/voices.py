"""The voice: whether it sings the one vowel of which its lyrics are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.band.compose import compose
from training.band.lyrics import lyrics_of
from training.band.recipes import draw_recipe
from training.band.score import VOWELS, Score
from training.band.synth import render
from training.evaluation.hearing import read_sound
from training.evaluation.judges import with_hiss
from training.evaluation.making import Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, judged
from training.evaluation.songs import generate
from training.measures.instruments import Ear, train_ear
from training.measures.sound import Floats, Sound
from training.measures.voice import vowel_features

# A bass leaves the formants alone.
_PARTS = ("bass", "vocals")
_KNOWN = 16  # songs of each vowel from which the ear learns
_SEED = 11


def voice_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """The share of songs that sing their vowel; lyrics of all others are chance."""
    asked, truth = _requests(count, seconds)
    studio.make([generate(own, studio) for own in asked])
    ear = _ear(seconds)
    wanted = {own.name: VOWELS[index % len(VOWELS)] for index, own in enumerate(asked)}

    def sings(vowel: str, own: Asked) -> bool:
        return vowel == wanted[own.name]

    made = _heard(ear, [read_sound(studio.path(own.name)) for own in asked])
    true = _heard(ear, [render(score) for score in truth])
    return [judged("voice: its vowel sung", sings, made, true, asked)]


def _requests(count: int, seconds: float) -> tuple[list[Asked], list[Score]]:
    """Songs of bass and voice, one vowel after the other, and what the band sings."""
    drawn = draw_with("voice", _PARTS, count, seconds)
    truth = [own.truth().on_vowel(index % len(VOWELS)) for index, own in enumerate(drawn)]
    told = zip(drawn, truth, strict=True)
    return [replace(own, lyrics=lyrics_of(score)) for own, score in told], truth


def _heard(ear: Ear, sounds: Sequence[Sound]) -> list[str]:
    return [ear.named(vowel_features(sound)) for sound in sounds]


def _ear(seconds: float) -> Ear:
    """Learns from the band; the same every time."""
    known: list[tuple[str, Floats]] = []
    for number in range(_KNOWN * len(VOWELS)):
        random = np.random.default_rng((_SEED, number))
        vowel = number % len(VOWELS)
        recipe = replace(draw_recipe(random), parts=_PARTS)
        sound = render(compose(recipe, seconds, random).on_vowel(vowel))
        known.append((VOWELS[vowel], vowel_features(with_hiss(sound, random))))
    return train_ear(known)
