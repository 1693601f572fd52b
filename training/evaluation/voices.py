"""The voice: whether it sings the vowels of its lyrics, one all along or one for each beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.band.compose import compose
from training.band.lyrics import lyrics_of
from training.band.recipes import draw_recipe
from training.band.score import VOWELS, Recipe, Score
from training.band.singing import VOICE, line_of, sing_line, sung_beats
from training.band.synth import render
from training.evaluation.hearing import read_sound
from training.evaluation.judges import with_hiss
from training.evaluation.making import Studio
from training.evaluation.requests import Asked, draw_with
from training.evaluation.rows import Row, judged
from training.evaluation.songs import generate
from training.measures.instruments import Ear, train_ear
from training.measures.sound import Floats, Sound
from training.measures.voice import sound_of_beat, vowel_features

# A bass leaves the formants alone.
_PARTS = ("bass", VOICE)
_KNOWN = 16  # songs of each vowel from which the ear learns
_SEED = 11


def voice_rows(studio: Studio, count: int, seconds: float) -> list[Row]:
    """The share of songs that sing their vowel, and of beats that have theirs; lyrics of all others
    are chance."""
    return [_refrains(studio, count, seconds), _lines(studio, count, seconds)]


def _refrains(studio: Studio, count: int, seconds: float) -> Row:
    asked, truth = _requests(count, seconds)
    studio.make([generate(own, studio) for own in asked])
    ear = _ear(seconds)
    wanted = {own.name: VOWELS[index % len(VOWELS)] for index, own in enumerate(asked)}

    def sings(vowel: str, own: Asked) -> bool:
        return vowel == wanted[own.name]

    made = _heard(ear, [read_sound(studio.path(own.name)) for own in asked])
    true = _heard(ear, [render(score) for score in truth])
    return judged("voice: its vowel sung", sings, made, true, asked)


def _lines(studio: Studio, count: int, seconds: float) -> Row:
    asked, truth = _line_requests(count, seconds)
    studio.make([generate(own, studio) for own in asked])
    ear = ear_of_beats(seconds)
    made, true, beats = list[str](), list[str](), list[Asked]()
    wanted: dict[str, str] = {}
    for own, score in zip(asked, truth, strict=True):
        sung = sung_beats(score)
        made += sung_on(sung, read_sound(studio.path(own.name)), own.recipe, ear)
        true += sung_on(sung, render(score), own.recipe, ear)
        named = [f"{own.name}, beat {beat}" for beat in sung]
        beats += [replace(own, name=name) for name in named]
        line = line_of(score)
        wanted |= {name: VOWELS[line[beat]] for name, beat in zip(named, sung, strict=True)}

    def sings(vowel: str, own: Asked) -> bool:
        return vowel == wanted[own.name]

    row = judged("voice: the vowel of each beat", sings, made, true, beats)
    return replace(row, count=count)


def _requests(count: int, seconds: float) -> tuple[list[Asked], list[Score]]:
    """Songs of bass and voice, one vowel after the other, and what the band sings."""
    drawn = draw_with("voice", _PARTS, count, seconds)
    truth = [own.truth().on_vowel(index % len(VOWELS)) for index, own in enumerate(drawn)]
    told = zip(drawn, truth, strict=True)
    return [replace(own, lyrics=lyrics_of(score)) for own, score in told], truth


def _line_requests(count: int, seconds: float) -> tuple[list[Asked], list[Score]]:
    """Songs of bass and voice with a line of syllables each, and what the band sings."""
    drawn = draw_with("lines", _PARTS, count, seconds)
    truth = [_with_line(own.truth(), np.random.default_rng(own.seed)) for own in drawn]
    told = zip(drawn, truth, strict=True)
    return [replace(own, lyrics=lyrics_of(score)) for own, score in told], truth


def _with_line(score: Score, random: np.random.Generator) -> Score:
    """The song with vowels that are not all the same."""
    return sing_line(score, random.permutation(len(VOWELS))[: score.recipe.beats].tolist())


def _beats_of(sound: Sound, recipe: Recipe, beats: Sequence[int]) -> list[Sound]:
    """What is heard on each of `beats` of all bars."""
    return [sound_of_beat(sound, recipe.beat_seconds, recipe.beats, beat) for beat in beats]


def sung_on(beats: Sequence[int], sound: Sound, recipe: Recipe, ear: Ear) -> list[str]:
    """The vowel that `ear`, one of `ear_of_beats`, hears on each of `beats` of all bars."""
    return _heard(ear, _beats_of(sound, recipe, beats))


def _heard(ear: Ear, sounds: Sequence[Sound]) -> list[str]:
    return [ear.named(vowel_features(sound)) for sound in sounds]


def _ear(seconds: float) -> Ear:
    """Learns from the band; the same every time."""
    known: list[tuple[str, Floats]] = []
    for number in range(_KNOWN * len(VOWELS)):
        random = np.random.default_rng((_SEED, number))
        vowel = number % len(VOWELS)
        sound = render(_known(seconds, random).on_vowel(vowel))
        known.append((VOWELS[vowel], vowel_features(with_hiss(sound, random))))
    return train_ear(known)


def ear_of_beats(seconds: float) -> Ear:
    """Learns from single beats of the band's songs, which are shorter than these."""
    known: list[tuple[str, Floats]] = []
    for number in range(_KNOWN * len(VOWELS)):
        random = np.random.default_rng((_SEED, 1, number))
        score = _with_line(_known(seconds, random), random)
        line, beats = line_of(score), sung_beats(score)
        sounds = _beats_of(with_hiss(render(score), random), score.recipe, beats)
        for beat, sound in zip(beats, sounds, strict=True):
            known.append((VOWELS[line[beat]], vowel_features(sound)))
    return train_ear(known)


def _known(seconds: float, random: np.random.Generator) -> Score:
    return compose(replace(draw_recipe(random), parts=_PARTS), seconds, random)
