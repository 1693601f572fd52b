"""Lyrics whose syllables are what the voice of a score sings."""

from __future__ import annotations

from training.band.score import VOWELS, Score

_CONSONANTS = "lnmdrstv"
_LINE = 6


def lyrics_of(score: Score) -> str:
    """`[Instrumental]`, or a verse with one syllable for each note of the voice, in order."""
    sung = [tone for tone in score.tones if tone.part == "vocals"]
    if not sung:
        return "[Instrumental]"
    syllables = [
        _CONSONANTS[(tone.pitch_class + index) % len(_CONSONANTS)] + VOWELS[tone.vowel]
        for index, tone in enumerate(sung)
    ]
    lines = [syllables[start : start + _LINE] for start in range(0, len(syllables), _LINE)]
    return "[verse]\n" + "\n".join(" ".join(line) for line in lines)
