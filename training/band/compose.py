"""A recipe and a random generator to a score: harmony, bars, melody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.band.bars import Bar
from training.band.score import VOWELS, Hit, Recipe, Score, Tone
from training.band.singing import VOICE, sing_line
from training.band.styles import STYLES
from training.band.tuning import on_grid

# Steps of the scale (0 the tonic) of each chord; every round begins at home.
_ROUNDS = {
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (0, 3, 0, 4), (0, 2, 3, 4)),
    "minor": ((0, 5, 3, 4), (0, 3, 4, 0), (0, 6, 5, 4), (0, 3, 0, 4), (0, 5, 6, 4)),
}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
# How long notes of the melody are, in beats, by meter.
_LENGTHS = {4: (0.5, 1.0, 1.0, 2.0), 3: (0.5, 1.0, 1.0, 2.0), 6: (1 / 3, 2 / 3, 1.0, 1.0)}
# How often a voice sings one vowel all along, not a line of syllables.
_ONE_VOWEL = 0.4
_SAME = 1e-6  # beats: what thirds leave over
_SLOW_BPM = 95  # below, chords change twice a bar, so that a few seconds still tell the key


@dataclass(frozen=True, slots=True)
class Chord:
    """A triad from `beat` for `beats`: pitch classes of root, third and fifth."""

    beat: float
    beats: float
    tones: tuple[int, int, int]


def compose(recipe: Recipe, seconds: float, random: np.random.Generator) -> Score:
    """A song of `seconds` that plays what `recipe` says; bars run on to the end and are cut there.

    The same recipe, length and generator state give the same song.
    """
    bar = STYLES[recipe.style].bars[recipe.meter]
    count = int(np.ceil(seconds / recipe.beat_seconds / recipe.beats))
    chords = list(_harmony(recipe, count, random))
    tones: list[Tone] = []
    hits: list[Hit] = []
    melody = list(_melody(recipe, chords, count * recipe.beats, random))
    for index in range(count):
        first = index * recipe.beats
        if "drums" in recipe.parts:
            hits += _bar_hits(recipe, bar, first, random)
        if "bass" in recipe.parts:
            tones += _bar_bass(recipe, bar, first, chords)
        for part in ("keys", "guitar", "pad"):
            if part in recipe.parts:
                tones += _bar_chords(recipe, bar, part, first, chords)
    tones += melody
    score = Score(
        recipe,
        seconds,
        tuple(sorted((t for t in tones if t.onset < seconds - 0.02), key=lambda t: t.onset)),
        tuple(sorted((h for h in hits if h.onset < seconds - 0.02), key=lambda h: h.onset)),
    )
    return _sung(score, random) if VOICE in recipe.parts else score


def _sung(score: Score, random: np.random.Generator) -> Score:
    """The song with its syllables: a vowel all along or one for each beat of a bar."""
    if random.random() < _ONE_VOWEL:
        return score.on_vowel(int(random.integers(len(VOWELS))))
    return sing_line(score, random.integers(len(VOWELS), size=score.recipe.beats).tolist())


def _harmony(recipe: Recipe, bars: int, random: np.random.Generator) -> Iterator[Chord]:
    rounds = _ROUNDS[recipe.mode]
    steps = rounds[random.integers(len(rounds))]
    beats = recipe.beats / 2 if recipe.bpm < _SLOW_BPM and recipe.meter == 4 else recipe.beats
    for index in range(int(np.ceil(bars * recipe.beats / beats))):
        yield Chord(index * beats, beats, _triad(recipe, steps[index % len(steps)]))


def _triad(recipe: Recipe, step: int) -> tuple[int, int, int]:
    scale = _SCALES[recipe.mode]
    root, third, fifth = (scale[(step + skip) % 7] for skip in (0, 2, 4))
    if recipe.mode == "minor" and step == 4:
        third = 11  # the leading tone
    return tuple((recipe.root + tone) % 12 for tone in (root, third, fifth))  # type: ignore[return-value]


def _chord_at(chords: list[Chord], beat: float) -> Chord:
    return chords[min(int(beat / chords[0].beats + 1e-6), len(chords) - 1)]


def _bar_hits(recipe: Recipe, bar: Bar, first: float, random: np.random.Generator) -> Iterator[Hit]:
    for drum, pattern in bar.drums.items():
        for place, velocity in pattern:
            loud = velocity * (0.9 + 0.1 * random.random())
            yield Hit(drum, on_grid((first + place) * recipe.beat_seconds), loud)


def _bar_bass(recipe: Recipe, bar: Bar, first: float, chords: list[Chord]) -> Iterator[Tone]:
    for place, length, which in bar.bass:
        tone = _chord_at(chords, first + place).tones[which]
        yield _tone(recipe, "bass", tone, first + place, length, 0.9)


def _bar_chords(
    recipe: Recipe, bar: Bar, part: str, first: float, chords: list[Chord]
) -> Iterator[Tone]:
    for number, (place, length) in enumerate(bar.chords[part]):
        if part == "pad":
            for chord in chords:  # held as long as the chord
                if first + place <= chord.beat < first + place + length:
                    for tone in chord.tones:
                        yield _tone(recipe, part, tone, chord.beat, chord.beats, 0.8)
            continue
        tones = _chord_at(chords, first + place).tones
        loud = 0.9 if place == int(place) else 0.7
        if part in bar.picked:
            tones = (tones[(0, 2, 1, 2)[number % 4]],)  # type: ignore[assignment]
        for tone in tones:
            yield _tone(recipe, part, tone, first + place, length, loud)


def _melody(
    recipe: Recipe, chords: list[Chord], beats: int, random: np.random.Generator
) -> Iterator[Tone]:
    """Chord tones on the beats, tones of the scale between them."""
    singers = [part for part in ("lead", VOICE) if part in recipe.parts]
    scale = [(recipe.root + step) % 12 for step in _SCALES[recipe.mode]]
    chance = STYLES[recipe.style].melody
    place = 0.0
    while place < beats and singers:
        length = float(random.choice(_LENGTHS[recipe.meter]))
        on_beat = abs(place - round(place)) < _SAME
        if random.random() < (max(chance, 0.5) if on_beat else chance):
            chord = _chord_at(chords, place).tones
            tone = int(random.choice(chord if on_beat else scale))
            yield _tone(recipe, singers[-1], tone, place, 0.85 * length, 0.9)
        place += length


def _tone(
    recipe: Recipe,
    part: str,
    pitch_class: int,
    beat: float,
    beats: float,
    velocity: float,
) -> Tone:
    return Tone(
        part,
        pitch_class,
        on_grid(beat * recipe.beat_seconds),
        beats * recipe.beat_seconds,
        velocity,
    )
