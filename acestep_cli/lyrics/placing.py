"""Where in a song its sections probably begin: lyrics tell their order and not their time."""

from __future__ import annotations

from acestep_cli.lyrics.length import count_sung
from acestep_cli.lyrics.sections import Section, parse_sections

# How fast people sing on average, by unit.
_A_SECOND = {"words": 2.2, "syllables": 3.5}
# Seconds of a section without words, and of one with very few.
_WORDLESS = 8.0
_SHORTEST = 3.0
# What stands behind these in a tag says how a section sounds.
_ASIDES = (" - ", " – ", " — ", ": ", ":", "|", ",", "(")


def estimated_sections(lyrics: str, seconds: float) -> list[tuple[str, float]]:
    """Name and start (seconds) of each tagged section in a song of `seconds`: estimates.

    The song is shared out by the words that are sung in each section; words before the first tag
    take their time too. Empty where there are no tags or no time.
    """
    sections = parse_sections(lyrics)
    lengths = [_length(section) for section in sections]
    total = sum(lengths)
    if not total or seconds <= 0:
        return []
    found, passed = [], 0.0
    for section, length in zip(sections, lengths, strict=True):
        if section.tag:
            found.append((_name(section.tag), passed / total * seconds))
        passed += length
    return found


def _length(section: Section) -> float:
    """The seconds that a section takes by itself."""
    unit, count = count_sung(section.text)
    return max(_SHORTEST, count / _A_SECOND[unit]) if count else _WORDLESS


def _name(tag: str) -> str:
    """The tag without its asides: `Verse 1` of `Verse 1 - soft piano`."""
    name = tag
    for aside in _ASIDES:
        name = name.split(aside, maxsplit=1)[0]
    return name.strip() or tag
