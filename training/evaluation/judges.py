"""Measures that first have to learn what the band is like, and verdicts on what was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from training.band.compose import compose
from training.band.recipes import BANDS, draw_recipe
from training.band.synth import render
from training.band.tuning import SAMPLE_RATE
from training.evaluation.hearing import Heard
from training.evaluation.making import Studio
from training.evaluation.requests import Asked
from training.measures.cleanliness import Usual, measure_cleanliness, usual_of
from training.measures.instruments import Ear, band_features, train_ear
from training.measures.key import judge_key
from training.measures.sound import Floats, Sound
from training.measures.tempo import Meter, Pulses, judge_tempo, pulses_of, train_meter

# Songs of the band from which the measures learn: of all kinds, and of each named band. None of
# them is withheld from training, as all are that are asked for.
_SONGS, _EACH_BAND, _SECONDS = 480, 16, 10.0
_SEED = 7


@dataclass(frozen=True, slots=True)
class Judges:
    """Who tell from a sound what they have learnt of the band."""

    meter: Meter
    ear: Ear
    usual: Usual

    def tempos(self, sounds: Sequence[Heard]) -> list[float]:
        """Beats per minute of each sound."""
        return [self.meter.tempo(heard.pulses) for heard in sounds]

    def bands(self, sounds: Sequence[Heard]) -> list[str]:
        """The named band that each sound is likeliest to be."""
        return [self.ear.named(heard.features) for heard in sounds]


def in_time(bpm: float, own: Asked) -> bool:
    """The tempo is right."""
    return judge_tempo(bpm, own.recipe.bpm) == "right"


def octave_apart(bpm: float, own: Asked) -> bool:
    """The tempo is a half, double, third or triple of the right one."""
    return judge_tempo(bpm, own.recipe.bpm) == "octave"


def in_key(key: str, own: Asked) -> bool:
    """The key is right."""
    return judge_key(key, own.recipe.keyscale) == "right"


def in_relative_key(key: str, own: Asked) -> bool:
    """The key has the right tones and the other mode."""
    return judge_key(key, own.recipe.keyscale) == "relative"


def is_exact(samples: int, own: Asked) -> bool:
    """As long as asked, to the sample."""
    return samples == round(own.seconds * SAMPLE_RATE)


@cache
def judges_of(studio: Studio) -> Judges:
    """Learn from the band; the same every time."""
    songs = studio.spread(_measured, range(_SONGS))
    named = studio.spread(_named, [(band, n) for band in BANDS for n in range(_EACH_BAND)])
    return Judges(
        train_meter([(bpm, pulses) for bpm, pulses, _ in songs]),
        train_ear(named),
        usual_of([cleanliness for *_, cleanliness in songs]),
    )


def _measured(number: int) -> tuple[float, Pulses, dict[str, float]]:
    random = np.random.default_rng((_SEED, number))
    recipe = draw_recipe(random)
    sound = render(compose(recipe, _SECONDS, random))
    return recipe.bpm, pulses_of(with_hiss(sound, random)), measure_cleanliness(sound)


def _named(task: tuple[str, int]) -> tuple[str, Floats]:
    band, number = task
    random = np.random.default_rng((_SEED, 1, number))
    recipe = replace(draw_recipe(random), parts=BANDS[band])
    return band, band_features(with_hiss(render(compose(recipe, _SECONDS, random)), random))


def with_hiss(sound: Sound, random: np.random.Generator) -> Sound:
    """The sound [2, samples] with hiss 30 to 60 dB below it, that nobody learns to listen to a
    silence no decoder keeps."""
    hiss = random.normal(0, sound.std() * 10 ** random.uniform(-3, -1.5), sound.shape)
    return (sound + hiss).astype(np.float32)
