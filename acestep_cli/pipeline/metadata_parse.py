"""What the planner wrote, taken apart: fields, lyrics, audio codes (planner facts 2.6).

Everything is text here; `metadata.read_metadata` makes values of it. No text raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from acestep_cli.pipeline.metadata_text import (
    clean,
    join_lines,
    one_line,
    unquoted,
    without_special,
)
from acestep_cli.request.codes import MAX_CODE

FIELD_NAMES = ("bpm", "caption", "duration", "genres", "keyscale", "language", "timesignature")

_CODE = re.compile(r"<\|audio_code_(\d{1,9})\|>")
_OPENING = re.compile(r"<(think|reasoning)>")
_HEADER = re.compile(r"^#+[ \t]*lyri(?:cs?)?[ \t]*:?[ \t]*$", re.IGNORECASE | re.MULTILINE)
# Small planners put another word there; lyrics begin with no heading of one word themselves, as
# their sections are in brackets.
_HEADING = re.compile(r"^#+[ \t]+\w+[ \t]*:?[ \t]*$", re.MULTILINE)
_TRAILING_SPECIAL = re.compile(r"(?:<\|[^\s<>|]{1,40}\|>\s*)+\Z")

_ORIGINAL_CODE = re.compile(r"<\|audio_code_\d+\|>")
_ORIGINAL_BLOCKS = tuple(
    re.compile(rf"<{name}>(.*?)</{name}>", re.DOTALL) for name in ("think", "reasoning")
)
_ORIGINAL_HEADER = re.compile(r"\A#\s*Lyri[c|s]?\s*\n", re.IGNORECASE)
_ORIGINAL_END = re.compile(r"<\|im_end\|>\s*\Z")


@dataclass(frozen=True, slots=True)
class Output:
    """fields: what stands behind each name of FIELD_NAMES that was found; lyrics: empty for none;
    audio_codes: all codes in their text form."""

    fields: dict[str, str | int]
    lyrics: str
    audio_codes: str


def parse_output(text: str, *, upstream: bool = False) -> Output:
    """The parts of `text`, in which special tokens are spelled out.

    Values come out of their quotes and folds and stand on one line; special tokens, codes above
    63999 and control characters are left out. What follows the reasoning is lyrics, without its
    `# Lyric` or `# Lyrics` line or another heading of one word, and holds no fields. `upstream`
    gives what the original's parser gives: quotes stay, tempo and duration are integers where they
    can be, and behind an empty reasoning fields are read from everywhere.
    """
    if upstream:
        codes = "".join(_ORIGINAL_CODE.findall(text))
        return Output(_original_fields(text), _original_lyrics(text), codes)
    reasoning, rest = _split(text.replace("\r\n", "\n"))
    values = {name: _value(raw) for name, raw in _raw_fields(reasoning.strip().split("\n")).items()}
    rest = rest.strip()
    header = _HEADER.match(rest) or _HEADING.match(rest)
    lyrics = clean(without_special(rest[header.end() :] if header else rest))
    codes = "".join(match[0] for match in _CODE.finditer(text) if int(match[1]) <= MAX_CODE)
    return Output({name: value for name, value in values.items() if value}, lyrics.strip(), codes)


def _split(text: str) -> tuple[str, str]:
    """Reasoning and what follows it; where it is not closed, the header of the lyrics ends it."""
    opening = _OPENING.search(text)
    name, start = (opening[1], opening.end()) if opening else ("think", 0)
    reasoning, closed, rest = text[start:].partition(f"</{name}>")
    if not closed and (header := _HEADER.search(reasoning)):
        return reasoning[: header.start()], reasoning[header.start() :]
    return reasoning, rest


def _raw_fields(lines: Iterable[str]) -> dict[str, str]:
    """Lines `name: value` and their indented continuations; the last of several wins."""
    found: dict[str, str] = {}
    name, values = "", []  # type: str, list[str]
    for line in [*lines, ":"]:
        if ":" in line and not line[0].isspace():
            if name in FIELD_NAMES and values:
                found[name] = "\n".join(values)
            name, _, value = line.partition(":")
            name, values = name.strip().lower(), [value] if value.strip() else []
        elif line.startswith((" ", "\t")):
            values.append(line)
    return found


def _value(raw: str) -> str:
    return one_line(without_special(unquoted(_TRAILING_SPECIAL.sub("", raw))))


def _original_fields(text: str) -> dict[str, str | int]:
    lines = [line for line in _original_reasoning(text).split("\n") if line.strip()[:1] != "<"]
    return {name: _original_value(name, raw) for name, raw in _raw_fields(lines).items()}


def _original_reasoning(text: str) -> str:
    blocks = (found[1].strip() for block in _ORIGINAL_BLOCKS if (found := block.search(text)))
    return next(blocks, "") or text.split("<|audio_code_", 1)[0].strip()


def _original_value(name: str, raw: str) -> str | int:
    if name == "caption":
        return join_lines(raw)
    if name in ("bpm", "duration"):
        try:
            return int(raw.strip())
        except ValueError:
            pass
    return raw.strip()


def _original_lyrics(text: str) -> str:
    rest = _ORIGINAL_HEADER.sub("", text.partition("</think>")[2].strip())
    return _ORIGINAL_END.sub("", rest).strip()
