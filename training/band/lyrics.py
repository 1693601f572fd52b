"""Lyrics whose syllables are what the voice of a score sings."""

from __future__ import annotations

import math

from training.band.score import VOWELS, Score, Tone
from training.band.singing import VOICE, line_of

_CONSONANTS = "lnmdrstv"
_SYLLABLES, _LINES = 6, 8  # of a line of a refrain; of lines that are all alike, at most


def lyrics_of(score: Score) -> str:
    """`[Instrumental]`; or a verse with a line for each bar, a syllable for each of its beats; or,
    for half of the songs on one vowel, that syllable for each note of the voice."""
    sung = [tone for tone in score.tones if tone.part == VOICE]
    if not sung:
        return "[Instrumental]"
    lines = _refrain(sung) if _is_refrain(sung) else _verse(score, sung[0].pitch_class)
    return "[verse]\n" + "\n".join(" ".join(line) for line in lines)


def _refrain(sung: list[Tone]) -> list[list[str]]:
    syllables = [_syllable(sung[0].vowel, sung[0].pitch_class)] * len(sung)
    return [syllables[at : at + _SYLLABLES] for at in range(0, len(syllables), _SYLLABLES)]


def _verse(score: Score, consonant: int) -> list[list[str]]:
    line = [_syllable(vowel, consonant + beat) for beat, vowel in enumerate(line_of(score))]
    bars = math.ceil(score.seconds / score.recipe.beat_seconds / score.recipe.beats)
    return [line] * min(bars, _LINES)


def _syllable(vowel: int, consonant: int) -> str:
    return _CONSONANTS[consonant % len(_CONSONANTS)] + VOWELS[vowel]


def _is_refrain(sung: list[Tone]) -> bool:
    """Whether one syllable is sung again and again: half of what has one vowel alone."""
    return len({tone.vowel for tone in sung}) == 1 and sung[0].pitch_class % 2 == 0
