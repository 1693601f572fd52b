"""The measures on the band itself, whose tempo, key and parts are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from training.band.compose import compose
from training.band.recipes import BANDS, draw_recipe
from training.band.score import VOWELS, Recipe
from training.band.singing import line_of, sung_beats
from training.band.synth import render, stems
from training.band.tuning import SAMPLE_RATE
from training.evaluation import voices
from training.measures.cleanliness import measure_cleanliness, usual_of
from training.measures.instruments import band_features, train_ear
from training.measures.key import estimate_key, judge_key
from training.measures.likeness import chroma_correlation, si_sdr
from training.measures.sound import Sound
from training.measures.tempo import judge_tempo, pulses_of, train_meter
from training.measures.voice import sound_of_beat, vowel_features

SECONDS = 6.0
DRUMS_AND_CHORDS = ("drums", "bass", "keys")


def songs(
    count: int, seed: int, parts: tuple[str, ...], *, withheld: bool = False
) -> Iterator[tuple[Recipe, Sound]]:
    for number in range(count):
        random = np.random.default_rng((seed, number))
        recipe = replace(draw_recipe(random, withheld=withheld), parts=parts)
        yield recipe, render(compose(recipe, SECONDS, random))


def test_tempo_and_key_of_unseen_songs() -> None:
    known = [(song.bpm, pulses_of(sound)) for song, sound in songs(80, 1, DRUMS_AND_CHORDS)]
    meter = train_meter(known, trees=60)
    unseen = list(songs(20, 2, DRUMS_AND_CHORDS, withheld=True))
    tempos = [judge_tempo(meter.tempo(pulses_of(sound)), song.bpm) for song, sound in unseen]
    assert tempos.count("right") >= 15 and tempos.count("wrong") <= 2, tempos
    keys = [judge_key(estimate_key(sound), song.keyscale) for song, sound in unseen]
    assert keys.count("right") >= 15, keys


def test_named_bands_are_told_apart() -> None:
    def of_all(count: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
        for band, parts in BANDS.items():
            for _, sound in songs(count, seed, parts, withheld=seed == 2):
                yield band, band_features(sound)

    ear = train_ear([*of_all(8, 1)])
    told = [ear.named(features) == band for band, features in of_all(3, 2)]
    assert sum(told) >= 11


def test_the_band_is_clean() -> None:
    measured = [
        measure_cleanliness(sound) for parts in BANDS.values() for _, sound in songs(4, 3, parts)
    ]
    usual = usual_of(measured)
    assert sum(not usual.faults(one) for one in measured) >= 15
    _, sound = next(songs(1, 4, BANDS["full band"]))
    assert usual.faults(measure_cleanliness(sound)) == ()
    assert usual.faults(measure_cleanliness(np.clip(50 * sound, -1, 1) + 0.3))


def test_stems_are_like_themselves_alone() -> None:
    random = np.random.default_rng(5)
    score = compose(replace(draw_recipe(random), parts=DRUMS_AND_CHORDS), SECONDS, random)
    parts, mix = stems(score), render(score)
    for stem in parts.values():
        assert si_sdr(stem, stem) > 60 > 20 > si_sdr(mix, stem)
    chords = render(score.only("keys"))
    assert (
        chroma_correlation(mix, chords) > 0.4 > chroma_correlation(mix, render(score.only("drums")))
    )


def test_the_ear_tells_vowels_of_songs_it_does_not_know() -> None:
    asked, truth = voices._requests(10, 6.0)
    ear = voices._ear(6.0)
    heard = voices._heard(ear, [render(score) for score in truth])
    wanted = [VOWELS[index % 5] for index in range(10)]
    assert sum(map(str.__eq__, heard, wanted)) >= 9
    for own, vowel in zip(asked, wanted, strict=True):
        assert {syllable[-1] for syllable in own.lyrics.split()[1:]} == {vowel}


def test_the_ear_tells_the_vowel_of_each_beat() -> None:
    asked, truth = voices._line_requests(8, 8.0)
    ear = voices.ear_of_beats(8.0)
    heard, wanted = list[str](), list[str]()
    for own, score in zip(asked, truth, strict=True):
        line, beats = line_of(score), sung_beats(score)
        heard += voices.sung_on(beats, render(score), own.recipe, ear)
        wanted += [VOWELS[line[beat]] for beat in beats]
        # The lyrics are that line, in every bar.
        written = [row.split() for row in own.lyrics.splitlines()[1:]]
        assert {tuple(VOWELS.index(word[-1]) for word in row) for row in written} == {line}
        assert len(set(line)) > 1
    right = [one == other for one, other in zip(heard, wanted, strict=True)]
    assert sum(right) >= len(right) - 1
    assert set(wanted) == set(VOWELS)


def test_the_sound_of_a_beat_is_that_of_all_bars() -> None:
    beat = SAMPLE_RATE // 4
    # Ten beats, each of them a constant: its number.
    sound = np.repeat(np.arange(10, dtype=np.float32), beat)[None].repeat(2, axis=0)
    heard = sound_of_beat(sound, 0.25, 4, 1)
    assert heard.shape == (2, 3 * beat)
    assert np.unique(heard).tolist() == [1, 5, 9]


def test_vowels_are_told_at_any_level() -> None:
    _, (score,) = voices._requests(1, 6.0)
    sound = render(score)
    assert np.allclose(vowel_features(sound), vowel_features(sound / 8), atol=0.1)
