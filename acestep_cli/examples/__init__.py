"""The package's own ideas for songs: sentences to start from, and whole songs in words and numbers.

All of it was written for this program. What is drawn depends on the seed and the filter alone, on
every machine and with every version of Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from acestep_cli.errors import UsageError

# What stands for the language where nobody sings, or where nobody chose one.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Description:
    """What a song should be, in a sentence, for a planner to think through.

    `language` is the code of the language to sing in, `unknown` where nobody sings; the sentence
    itself is mostly English.
    """

    description: str
    instrumental: bool
    language: str


@dataclass(frozen=True, slots=True)
class Example:
    """A complete song before it is rendered: what a planner would write.

    lyrics: with section tags, `[Instrumental]` alone where nobody sings; bpm 30..300; duration in
    whole seconds, 60..240; keyscale such as `F# minor`; timesignature 2, 3, 4 or 6; language: a
    code, `unknown` where nobody sings.
    """

    caption: str
    lyrics: str
    bpm: int
    duration: int
    keyscale: str
    timesignature: str
    language: str

    @property
    def instrumental(self) -> bool:
        """Whether nobody sings."""
        return self.language == UNKNOWN


_Entry = TypeVar("_Entry", Description, Example)


@cache
def descriptions() -> tuple[Description, ...]:
    """All descriptions, in the order of their file."""
    return tuple(Description(**entry) for entry in _load("descriptions.json"))


@cache
def examples() -> tuple[Example, ...]:
    """All complete examples, in the order of their file."""
    entries = _load("songs.json")
    return tuple(Example(**{**entry, "lyrics": "\n".join(entry["lyrics"])}) for entry in entries)


def draw_description(
    seed: int, *, language: str | None = None, instrumental: bool | None = None
) -> Description:
    """The description that `seed` draws among those that fit.

    `language` (None and `unknown`: any) is that of the singing, so it leaves out instrumentals,
    unless `instrumental` is True: then it is not looked at. `instrumental` None: either.
    UsageError naming the languages there are when none fits.
    """
    found = _fitting(descriptions(), "description", language, instrumental)
    return found[_position("description", seed, len(found))]


def draw_example(
    seed: int, *, language: str | None = None, instrumental: bool | None = None
) -> Example:
    """The complete example that `seed` draws among those that fit, as `draw_description` does."""
    found = _fitting(examples(), "complete example", language, instrumental)
    return found[_position("example", seed, len(found))]


def _fitting(
    entries: Sequence[_Entry], noun: str, language: str | None, instrumental: bool | None
) -> list[_Entry]:
    if instrumental is not None:
        entries = [entry for entry in entries if entry.instrumental is instrumental]
    if language in (None, UNKNOWN) or instrumental:
        return list(entries)
    found = [entry for entry in entries if entry.language == language]
    if not found:
        raise UsageError(
            f"there is no {noun} to sing in {language!r}",
            f"choose a language among {_languages(entries)}, or none",
        )
    return found


def _languages(entries: Iterable[_Entry]) -> str:
    return " ".join(sorted({entry.language for entry in entries} - {UNKNOWN}))


def _position(purpose: str, seed: int, count: int) -> int:
    digest = hashlib.sha256(f"acestep:{purpose}:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def _load(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(files(__name__).joinpath(name).read_bytes())
    return entries
