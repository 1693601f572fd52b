"""The check of whole lyrics: all that would be lost, misread or sung though nobody meant it to be.

Rules of thumb from the users' documents; nothing here is an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from acestep_cli.lyrics.findings import Finding, quoted
from acestep_cli.lyrics.length import density_warning
from acestep_cli.lyrics.lines import check_lines
from acestep_cli.lyrics.scripts import count_scripts, language_of, main_script, scripts_of
from acestep_cli.lyrics.sections import Section, is_instrumental, parse_sections, sung_text

_UNKNOWN = "unknown"
# More lines than this have a form, which the model should not have to guess.
_FORMLESS_LINES = 8
# Sections that make no sense without words, and those where words get in the way.
_SUNG = frozenset(("verse", "pre-chorus", "chorus", "post-chorus", "bridge", "hook", "refrain"))
_PLAYED = frozenset(("instrumental", "inst", "solo"))
_TELLING_LETTERS = 20


def check_lyrics(
    text: str, duration: float | None = None, language: str | None = None
) -> list[Finding]:
    """All findings in `text`, by line.

    `duration` in seconds (above 0): with it, too many and too few words are found. `language`: the
    code of the singing; None and `unknown`: what the script suggests. An empty text and
    `[Instrumental]` alone have no findings.
    """
    if not text.strip() or is_instrumental(text):
        return []
    sung = sung_text(text)
    given = None if language in (None, _UNKNOWN) else language
    found = [
        *check_lines(text, given or language_of(sung)),
        *_check_sections(parse_sections(text)),
        *_check_language(sung, given),
    ]
    crowded = density_warning(text, duration, given) if duration is not None else None
    if crowded:
        found.append(Finding(0, *crowded))
    return sorted(set(found))


def _check_sections(sections: list[Section]) -> Iterator[Finding]:
    for section in sections:
        shown = quoted(f"[{section.tag}]")
        if section.name in _SUNG and not section.text:
            yield Finding(
                section.line,
                "empty_section",
                f"{shown} has no words: write them out, also where they are those of before",
            )
        elif section.name in _PLAYED and any(map(str.isalpha, sung_text(section.text))):
            yield Finding(
                section.line,
                "words_in_solo",
                f"{shown} has words under it, which are sung or lost; give them a tag of their own",
            )
    if any(section.tag for section in sections):
        return
    lines = [line for section in sections for line in section.text.splitlines() if line]
    if not any(map(str.isalpha, "".join(lines))):
        yield Finding(0, "no_words", "there is nothing to sing; write words, or [Instrumental]")
    elif len(lines) > _FORMLESS_LINES:
        yield Finding(
            0,
            "no_tags",
            f"{len(lines)} lines have no tag, so the form is left to chance; "
            "write [Verse] and [Chorus] above the parts",
        )


def _check_language(sung: str, language: str | None) -> Iterator[Finding]:
    """Letters that do not belong to the language that was asked for."""
    script = main_script(sung)
    if not language or not script or script in scripts_of(language):
        return
    if sum(count_scripts(sung).values()) >= _TELLING_LETTERS:
        usual = " or ".join(name.title() for name in scripts_of(language))
        yield Finding(
            0,
            "other_script",
            f"the words are written in {script.title()} letters, and the language {language} in "
            f"{usual}; name the language of the words",
        )
