"""Lyrics in sections: the tags in brackets and the words between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from acestep_cli.lyrics.scripts import language_of

INSTRUMENTAL = "[Instrumental]"
SECTION_NAMES = (
    "intro", "verse", "pre-chorus", "chorus", "post-chorus", "bridge", "hook", "refrain",
    "instrumental", "inst", "solo", "interlude", "break", "breakdown", "build", "drop", "outro",
)  # fmt: skip
TAG = re.compile(r"\[([^\[\]\n]{1,80})\]")


@dataclass(frozen=True, slots=True)
class Section:
    """A tag and the text up to the next one. `tag` is empty for text before the first tag.

    `name` is the known section name in the tag, empty when there is none; `line` counts from 1.
    """

    tag: str
    name: str
    line: int
    text: str


def parse_sections(lyrics: str) -> list[Section]:
    """The sections in order: a tag opens one where it begins a line."""
    sections: list[Section] = []
    tag, start, body = "", 1, []  # type: str, int, list[str]
    for number, line in enumerate(lyrics.splitlines(), start=1):
        opening = TAG.match(line.strip())
        if opening:
            sections += _section(tag, start, body)
            tag, start, body = opening[1].strip(), number, [line.strip()[opening.end() :].strip()]
        else:
            body.append(line.strip())
    return sections + _section(tag, start, body)


def section_name(tag: str) -> str:
    """The known section name in the text of a tag, empty when there is none."""
    words = re.split(r"[^a-z-]+", tag.lower().replace("pre chorus", "pre-chorus"))
    return next((name for name in SECTION_NAMES if name in words), "")


def is_instrumental(lyrics: str) -> bool:
    """Whether the lyrics say that nobody sings: `[Instrumental]` or `[inst]` alone, any case."""
    return lyrics.strip().lower() in ("[instrumental]", "[inst]")


def sung_text(lyrics: str) -> str:
    """The lyrics without their tags."""
    return TAG.sub(" ", lyrics).strip()


def guess_language(lyrics: str) -> str:
    """The language code that the script of the sung text suggests; `en` for Latin and for none.

    Chinese characters with kana among them are Japanese; the script with the most singing decides.
    """
    return language_of(sung_text(lyrics))


def _section(tag: str, line: int, body: list[str]) -> list[Section]:
    text = "\n".join(body).strip()
    return [Section(tag, section_name(tag), line, text)] if tag or text else []
