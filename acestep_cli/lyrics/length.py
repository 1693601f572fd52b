"""How long lyrics take to sing, and how densely they fill a song."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from acestep_cli.lyrics.scripts import SYLLABIC, count_scripts, language_of
from acestep_cli.lyrics.sections import sung_text

MIN_DURATION = 45
MAX_DURATION = 180

_WORDS_PER_SECOND = 2.2
_CHARACTERS_PER_SECOND = 12.0
_ENOUGH_WORDS = 8
# Faster than this is rushed or cut, slower than this leaves gaps; words are English ones.
_RUSHED = {"words": 3.5, "syllables": 6.0}
_SPARSE = {"words": 0.4, "syllables": 0.7}
_LONG_SONG = 60.0
_LONGEST_SONG = 600

# Sung syllables in an average word: the longer the words, the fewer of them fit a second.
_SYLLABLES = {
    "ar": 2.2, "az": 2.4, "bg": 2.1, "bn": 1.9, "ca": 1.8, "cs": 2.0, "da": 1.5, "de": 1.7,
    "el": 2.2, "en": 1.4, "es": 1.9, "fa": 2.0, "fi": 2.6, "fr": 1.5, "he": 2.1, "hi": 1.7,
    "hr": 2.0, "ht": 1.5, "hu": 2.2, "id": 2.3, "is": 1.7, "it": 2.0, "la": 2.4, "lt": 2.2,
    "ms": 2.3, "ne": 2.1, "nl": 1.6, "no": 1.5, "pa": 1.7, "pl": 2.0, "pt": 1.9, "ro": 2.0,
    "ru": 2.2, "sa": 2.8, "sk": 2.0, "sr": 2.0, "sv": 1.6, "sw": 2.5, "ta": 2.8, "te": 2.8,
    "tl": 2.1, "tr": 2.5, "uk": 2.2, "ur": 1.7, "vi": 1.0,
}  # fmt: skip

_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+)*")


@dataclass(frozen=True, slots=True)
class Density:
    """How much is sung in how long: `per_second` counts `unit`s, which are words or syllables."""

    unit: str
    count: int
    per_second: float


def estimate_duration(lyrics: str) -> int | None:
    """Whole seconds that the lyrics take, 45 to 180, or None when nothing is sung.

    From 8 Latin words on 2.2 words a second, otherwise 12 characters a second (blanks not counted).
    """
    sung = sung_text(lyrics)
    characters = len("".join(sung.split()))
    if not characters:
        return None
    words = len(_LATIN_WORD.findall(sung))
    enough = words >= _ENOUGH_WORDS
    seconds = words / _WORDS_PER_SECOND if enough else characters / _CHARACTERS_PER_SECOND
    return round(min(max(seconds, MIN_DURATION), MAX_DURATION))


def density(lyrics: str, duration: float) -> Density:
    """How densely `lyrics` fill `duration` seconds (above 0): words, or characters of scripts that
    write a syllable each."""
    unit, count = count_sung(sung_text(lyrics))
    return Density(unit, count, count / duration)


def count_sung(text: str) -> tuple[str, int]:
    """The unit in which `text` without tags is counted, words or syllables, and how many."""
    counts = count_scripts(text)
    syllables = sum(count for script, count in counts.items() if script in SYLLABIC)
    if syllables > sum(counts.values()) / 2:
        return "syllables", syllables
    return "words", len([word for word in text.split() if any(map(str.isalpha, word))])


def pace(unit: str, language: str) -> tuple[float, float]:
    """The fewest and the most `unit`s a second that sing well in `language` (rules of thumb)."""
    share = _SYLLABLES["en"] / _SYLLABLES.get(language, _SYLLABLES["en"])
    scale = share if unit == "words" else 1.0
    return _SPARSE[unit] * scale, _RUSHED[unit] * scale


def density_warning(
    lyrics: str, duration: float, language: str | None = None
) -> tuple[str, str] | None:
    """The (code, message) of a warning when `lyrics` are too many or too few for the song.

    Without a `language` the script of the lyrics decides how long words are taken to be.
    """
    found = density(lyrics, duration)
    fewest, most = pace(found.unit, language or language_of(sung_text(lyrics)))
    amount = f"{found.count} {found.unit} in {duration:g} s ({found.per_second:.1f} a second)"
    if found.per_second > most:
        return (
            "dense_lyrics",
            f"{amount} will be rushed or cut, as {most:.1f} a second are many; "
            f"shorten the lyrics or lengthen the song",
        )
    if found.count and duration > _LONG_SONG and found.per_second < fewest:
        return (
            "sparse_lyrics",
            f"{amount} will leave gaps, as {fewest:.1f} a second are few; "
            f"add lyrics or shorten the song",
        )
    return None


def fitting_durations(lyrics: str, language: str | None = None) -> tuple[int, int] | None:
    """The shortest and the longest song, in whole seconds up to 600, that `lyrics` fill without a
    warning; None when nothing is sung or even 600 s are too few."""
    unit, count = count_sung(sung_text(lyrics))
    fewest, most = pace(unit, language or language_of(sung_text(lyrics)))
    shortest = math.ceil(count / most)
    if not count or shortest > _LONGEST_SONG:
        return None
    longest = max(math.floor(count / fewest), int(_LONG_SONG))
    return shortest, min(longest, _LONGEST_SONG)
