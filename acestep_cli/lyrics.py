"""Lyrics as text: their sections, what is sung, in which language, and how long that takes.

Knows nothing about models; every figure here is a rule of thumb from the users' documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

INSTRUMENTAL = "[Instrumental]"
SECTION_NAMES = (
    "intro", "verse", "pre-chorus", "chorus", "post-chorus", "bridge", "hook", "refrain",
    "instrumental", "inst", "solo", "interlude", "break", "breakdown", "build", "drop", "outro",
)  # fmt: skip

MIN_DURATION = 45
MAX_DURATION = 180

_WORDS_PER_SECOND = 2.2
_CHARACTERS_PER_SECOND = 12.0
_ENOUGH_WORDS = 8
# Faster than this is rushed or cut, slower than this leaves gaps.
_RUSHED = {"words": 3.5, "syllables": 6.0}
_SPARSE = {"words": 0.4, "syllables": 0.7}
_LONG_SONG = 60.0

_TAG = re.compile(r"\[([^\[\]\n]{1,80})\]")
_PLAIN_NAME = re.compile(
    r"\(?\s*((?:pre-?|post-?)?(?:intro|verse|chorus|bridge|hook|refrain|outro|interlude|solo))"
    r"\s*(\d{0,2})\s*\)?\s*:?",
    re.IGNORECASE,
)
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+)*")

# First code point, last code point, script.
_SCRIPTS = (
    (0x0041, 0x024F, "latin"), (0x1E00, 0x1EFF, "latin"), (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "hebrew"), (0x0600, 0x077F, "arabic"),
    (0x0900, 0x097F, "devanagari"), (0x0980, 0x09FF, "bengali"), (0x0A00, 0x0A7F, "gurmukhi"),
    (0x0B80, 0x0BFF, "tamil"), (0x0C00, 0x0C7F, "telugu"), (0x0E00, 0x0E7F, "thai"),
    (0x1100, 0x11FF, "hangul"), (0xAC00, 0xD7AF, "hangul"), (0x3040, 0x30FF, "kana"),
    (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"), (0xF900, 0xFAFF, "han"),
    (0x20000, 0x2FA1F, "han"), (0xFF66, 0xFF9F, "kana"),
)  # fmt: skip
_LANGUAGE = {
    "greek": "el", "cyrillic": "ru", "hebrew": "he", "arabic": "ar", "devanagari": "hi",
    "bengali": "bn", "gurmukhi": "pa", "tamil": "ta", "telugu": "te", "thai": "th",
    "hangul": "ko", "kana": "ja", "han": "zh", "latin": "en",
}  # fmt: skip
# Letters that only one of the languages of a script uses.
_TELLING = {
    "cyrillic": (("ђјљњћџ", "sr"), ("іїєґ", "uk")),
    "arabic": (("ٹڈڑںے", "ur"), ("پچژگ", "fa")),
}
_SYLLABIC = frozenset(("han", "kana", "hangul", "thai"))
# One such character is about as much singing as this many Latin letters.
_SYLLABIC_WEIGHT = 3


@dataclass(frozen=True, slots=True)
class Section:
    """A tag and the text up to the next one. `tag` is empty for text before the first tag.

    `name` is the known section name in the tag, empty when there is none; `line` counts from 1.
    """

    tag: str
    name: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Density:
    """How much is sung in how long: `per_second` counts `unit`s, which are words or syllables."""

    unit: str
    count: int
    per_second: float


def parse_sections(lyrics: str) -> list[Section]:
    """The sections in order: a tag opens one where it begins a line."""
    sections: list[Section] = []
    tag, start, body = "", 1, []  # type: str, int, list[str]
    for number, line in enumerate(lyrics.splitlines(), start=1):
        opening = _TAG.match(line.strip())
        if opening:
            sections += _section(tag, start, body)
            tag, start, body = opening[1].strip(), number, [line.strip()[opening.end() :].strip()]
        else:
            body.append(line.strip())
    return sections + _section(tag, start, body)


def is_instrumental(lyrics: str) -> bool:
    """Whether the lyrics say that nobody sings: `[Instrumental]` or `[inst]` alone, any case."""
    return lyrics.strip().lower() in ("[instrumental]", "[inst]")


def sung_text(lyrics: str) -> str:
    """The lyrics without their tags."""
    return _TAG.sub(" ", lyrics).strip()


def plain_section_names(lyrics: str) -> list[tuple[int, str, str]]:
    """Lines such as `Verse 1:` that would be sung: number from 1, the line, the tag to write."""
    found = []
    for number, line in enumerate(lyrics.splitlines(), start=1):
        match = _PLAIN_NAME.fullmatch(line.strip())
        if match:
            name = f"{match[1].capitalize()} {match[2]}".strip()
            found.append((number, line.strip(), f"[{name}]"))
    return found


def guess_language(text: str) -> str:
    """The language code that the script of `text` suggests; `en` for Latin and for no letters.

    Chinese characters with kana among them are Japanese; the script with the most singing decides.
    """
    sung = sung_text(text).lower()
    counts = _count_scripts(sung)
    if counts.get("kana", 0) * 10 >= counts.get("han", 0) and "kana" in counts:
        counts["kana"] += counts.pop("han", 0)
    if not counts:
        return "en"
    script = max(counts, key=lambda name: _weight(name) * counts[name])
    for letters, language in _TELLING.get(script, ()):
        if any(letter in sung for letter in letters):
            return language
    return _LANGUAGE[script]


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
    sung = sung_text(lyrics)
    counts = _count_scripts(sung)
    syllables = sum(count for script, count in counts.items() if script in _SYLLABIC)
    words = len([word for word in sung.split() if any(map(str.isalpha, word))])
    if syllables > sum(counts.values()) / 2:
        return Density("syllables", syllables, syllables / duration)
    return Density("words", words, words / duration)


def density_warning(lyrics: str, duration: float) -> tuple[str, str] | None:
    """The (code, message) of a warning when `lyrics` are too many or too few for the song."""
    found = density(lyrics, duration)
    amount = f"{found.count} {found.unit} in {duration:g} s ({found.per_second:.1f} a second)"
    if found.per_second > _RUSHED[found.unit]:
        return (
            "dense_lyrics",
            f"{amount} will be rushed or cut; shorten the lyrics or lengthen the song",
        )
    if found.count and duration > _LONG_SONG and found.per_second < _SPARSE[found.unit]:
        return "sparse_lyrics", f"{amount} will leave gaps; add lyrics or shorten the song"
    return None


def _section(tag: str, line: int, body: list[str]) -> list[Section]:
    text = "\n".join(body).strip()
    return [Section(tag, _known_name(tag), line, text)] if tag or text else []


def _known_name(tag: str) -> str:
    words = re.split(r"[^a-z-]+", tag.lower().replace("pre chorus", "pre-chorus"))
    return next((name for name in SECTION_NAMES if name in words), "")


def _count_scripts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for char in text:
        code = ord(char)
        if char.isalpha():
            for first, last, script in _SCRIPTS:
                if first <= code <= last:
                    counts[script] = counts.get(script, 0) + 1
                    break
    return counts


def _weight(script: str) -> int:
    return _SYLLABIC_WEIGHT if script in _SYLLABIC else 1
