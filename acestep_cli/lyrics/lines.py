"""What can be wrong with single lines of lyrics: what would be sung though nobody meant it to be,
and what would not be sung though somebody did."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from acestep_cli.lyrics.findings import Finding, quoted
from acestep_cli.lyrics.length import count_sung, pace
from acestep_cli.lyrics.sections import TAG, section_name, sung_text
from acestep_cli.lyrics.tags import is_known, plain_heading, suggest

# Nobody sings a line for longer than this without a breath.
_BREATH_SECONDS = 6.0
# Marks of repetition stand at the end of a line; nothing before is worth the search.
_MARK_LENGTH = 60

_TIME = re.compile(r"\d{1,3}:\d{2}(?:[.:,]\d{1,3})?|(?:ar|ti|al|by|au|re|ve|length|offset):.*")
_SUBTITLE = re.compile(r"\d{1,2}:\d{2}:\d{2}[.,]\d{1,3}\s*-->.*")
_CHORD = re.compile(
    r"[A-H][#b♯♭]?(?:m|M|maj|min|dim|aug|sus|add|°|ø|\+|-)?\d{0,2}(?:sus[24]|add\d|[#b]\d)?"
    r"(?:/[A-H][#b♯♭]?)?"
)
_REPEAT = re.compile(
    r"(?:^|[\s(\[])(?:[x×]\s?\d{1,2}|\d{1,2}\s?[x×])\s*[)\]]?$"
    r"|[(\[]\s*(?:repeat|bis|da capo|2 times|twice)\b[^)\]]*[)\]]$",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"(?:title|artist|album|genre|style|bpm|tempo|key|language|duration|copyright|composer"
    r"|(?:written|lyrics|music|words|produced|composed) by)\s*[:：].*|©.*",
    re.IGNORECASE,
)
_GARBLED = re.compile("\ufffd|[ÃÂ][\u0080-\u00bf]|â€|Ð[\u0080-\u00bf°-¿]")
# They join and direct letters of Persian, Hindi, Hebrew, emoji.
_USEFUL_FORMAT = frozenset("\t\u200c\u200d\u200e\u200f\ufe0f")


def check_lines(lyrics: str, language: str) -> Iterator[Finding]:
    """The findings of each line of `lyrics` by itself; time stamps and chords are told once."""
    told: set[str] = set()
    for number, line in enumerate(lyrics.splitlines(), start=1):
        for code, message in _check_line(line.strip(), language):
            if code not in told:
                yield Finding(number, code, message)
            if code in ("time_stamps", "chords"):
                told.add(code)


def _check_line(line: str, language: str) -> Iterator[tuple[str, str]]:
    yield from _signs(line)
    heading = plain_heading(line)
    if heading:
        yield "plain_section", f"{quoted(line)} is sung as words; write {heading}"
    elif _SUBTITLE.fullmatch(line):
        yield "time_stamps", f"{quoted(line)} is a time of subtitles; take times out of lyrics"
    elif _CREDIT.fullmatch(line):
        yield (
            "credits",
            f"{quoted(line)} is sung as words; leave it out, or say it with an option",
        )
    elif _is_chord_line(line):
        yield "chords", f"{quoted(line)} is sung as words; leave chords out, and name the key"
    yield from _brackets(line)
    if not heading and _REPEAT.search(line[-_MARK_LENGTH:]):
        yield "repeat_mark", f"{quoted(line)} is not repeated; write the words out again"
    yield from _length(line, language)


def _signs(line: str) -> Iterator[tuple[str, str]]:
    if _GARBLED.search(line):
        yield (
            "garbled",
            f"{quoted(line)} looks like text read in a wrong encoding; save it as UTF-8",
        )
    for char in sorted(set(line)):
        if unicodedata.category(char) in ("Cc", "Cf", "Co") and (char not in _USEFUL_FORMAT):
            yield "hidden_sign", f"the invisible character U+{ord(char):04X} is read too; remove it"


def _brackets(line: str) -> Iterator[tuple[str, str]]:
    for match in TAG.finditer(line):
        yield from _tag(match[1].strip(), opens=match.start() == 0)
    if {"[", "]"} & set(TAG.sub("", line)):
        yield (
            "open_bracket",
            f"a bracket of {quoted(line)} encloses no tag of 1 to 80 characters and is sung",
        )


def _tag(tag: str, *, opens: bool) -> Iterator[tuple[str, str]]:
    shown = quoted(f"[{tag}]")
    if _TIME.fullmatch(tag):
        yield "time_stamps", f"{shown} is a time stamp; take times out of lyrics"
    elif _CHORD.fullmatch(tag):
        yield "chords", f"{shown} is a chord, which no model follows; leave chords out"
    elif _REPEAT.fullmatch(f"[{tag}]"):
        return
    elif not is_known(tag):
        meant = suggest(tag)
        remedy = f"did you mean {meant}?" if meant else "try [Verse], [Chorus] or [Bridge]"
        yield "unknown_tag", f"{shown} is no tag that the model knows; {remedy}"
    elif not opens and section_name(tag):
        yield "tag_within_line", f"{shown} opens no section within a line; give it its own line"


def _length(line: str, language: str) -> Iterator[tuple[str, str]]:
    unit, count = count_sung(sung_text(line))
    most = round(pace(unit, language)[1] * _BREATH_SECONDS)
    if count > most:
        yield (
            "long_line",
            f"{count} {unit} in one line are more than {most}; break it where a singer breathes",
        )


def _is_chord_line(line: str) -> bool:
    words = line.replace("|", " ").split()
    # Single letters alone may be an alphabet that is sung.
    told = any(len(word) > 1 for word in words) or "|" in line or "  " in line
    return told and len(words) > 1 and all(map(_CHORD.fullmatch, words))
