"""Lyrics whose syllables are what the voice of a score sings."""

from __future__ import annotations

from training.band.score import VOWELS, Score, Tone

_CONSONANTS = "lnmdrstv"
_LINE = 6


def lyrics_of(score: Score) -> str:
    """`[Instrumental]`, or a verse with one syllable for each note of the voice, in order."""
    sung = [tone for tone in score.tones if tone.part == "vocals"]
    if not sung:
        return "[Instrumental]"
    if _is_refrain(sung):
        syllables = [_syllable(sung[0], 0)] * len(sung)
    else:
        syllables = [_syllable(tone, index) for index, tone in enumerate(sung)]
    lines = [syllables[start : start + _LINE] for start in range(0, len(syllables), _LINE)]
    return "[verse]\n" + "\n".join(" ".join(line) for line in lines)


def _syllable(tone: Tone, index: int) -> str:
    return _CONSONANTS[(tone.pitch_class + index) % len(_CONSONANTS)] + VOWELS[tone.vowel]


def _is_refrain(sung: list[Tone]) -> bool:
    """Whether one syllable is sung again and again: half of what has one vowel alone."""
    return len({tone.vowel for tone in sung}) == 1 and sung[0].pitch_class % 2 == 0
