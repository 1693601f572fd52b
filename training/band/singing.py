"""What a voice sings: one line of syllables, one on each beat of a bar, the same in every bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from training.band.score import Recipe, Score, Tone
from training.band.tuning import on_grid

VOICE = "vocals"
_GRID = 0.01  # seconds: onsets may lie half of it before their beat
_HELD = 0.85  # how much of the time to the next syllable one is held
_LEAST = 0.1  # seconds: what is left of a note behind a beat, if it is to be sung again


def sing_line(score: Score, line: Sequence[int]) -> Score:
    """The same song, whose voice sings line[k] of VOWELS on beat k of every bar. A note that goes
    on over a beat is sung again there, with the vowel of that beat: which syllable it is depends on
    the place in the bar alone, and nobody has to count notes."""
    tones: list[Tone] = []
    for tone in score.tones:
        tones += _pieces(tone, score.recipe, line) if tone.part == VOICE else (tone,)
    return replace(score, tones=tuple(sorted(tones, key=lambda tone: tone.onset)))


def line_of(score: Score) -> tuple[int, ...]:
    """The vowel of each beat of a bar, that of the first note for beats on which nothing is sung;
    empty for a song without a voice."""
    first = _first_vowels(score)
    if not first:
        return ()
    return tuple(first.get(beat, next(iter(first.values()))) for beat in range(score.recipe.beats))


def sung_beats(score: Score) -> list[int]:
    """On which beats of a bar the voice has a note in any bar."""
    return sorted(_first_vowels(score))


def _first_vowels(score: Score) -> dict[int, int]:
    """The vowel of the first note of each beat of a bar, in the order of these notes."""
    first: dict[int, int] = {}
    for tone in score.tones:
        if tone.part == VOICE:
            beat = _beat_of(tone.onset, score.recipe) % score.recipe.beats
            first.setdefault(beat, tone.vowel)
    return first


def _pieces(tone: Tone, recipe: Recipe, line: Sequence[int]) -> Iterator[Tone]:
    onset, end = tone.onset, tone.onset + tone.length
    while True:
        beat = _beat_of(onset, recipe)
        following = on_grid((beat + 1) * recipe.beat_seconds)
        vowel = line[beat % len(line)]
        if end - following < _LEAST:
            yield replace(tone, onset=onset, length=end - onset, vowel=vowel)
            return
        yield replace(tone, onset=onset, length=_HELD * (following - onset), vowel=vowel)
        onset = following


def _beat_of(onset: float, recipe: Recipe) -> int:
    """The beat, from 0, in which a note at `onset` seconds begins."""
    return int((onset + _GRID) / recipe.beat_seconds)
