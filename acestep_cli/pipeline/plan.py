"""What is given for a song, and the plan: everything about it that is decided before sound is made.

A `Wish` holds what was typed or handed over; the planner fills its gaps, and `plan_of` whatever is
open at the end and the sound cannot do without (length and language). Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

from acestep_cli import lyrics as words
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import CODES_PER_SECOND

DEFAULT_SECONDS = 30.0
_SHORTEST_SECONDS = 1.0
INSTRUMENTAL = words.INSTRUMENTAL
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wish:
    """One song as far as it is given; empty and None are open.

    query: what a song is to be invented from (`""`: anything), None where caption and lyrics stand
    for themselves; final_caption: the caption is not to be refined. The rest as in `Plan`.
    """

    caption: str = ""
    lyrics: str = ""
    query: str | None = None
    instrumental: bool = False
    language: str | None = None
    bpm: int | None = None
    keyscale: str | None = None
    timesignature: str | None = None
    duration: float | None = None
    genres: str | None = None
    audio_codes: tuple[int, ...] = ()
    final_caption: bool = False

    def filled(self, **values: Any) -> Self:
        """The same with `values` in the places that are open."""
        return replace(
            self, **{name: value for name, value in values.items() if not getattr(self, name)}
        )

    def as_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Plan:
    """One song in words and numbers.

    bpm 30..300, keyscale such as `F# minor`, timesignature 2, 3, 4 or 6: None where nobody chose;
    duration in seconds; language one of the 51 codes; audio_codes: 5 Hz codes, empty for none.
    """

    caption: str
    lyrics: str
    duration: float
    language: str
    bpm: int | None = None
    keyscale: str | None = None
    timesignature: str | None = None
    genres: str | None = None
    audio_codes: tuple[int, ...] = ()

    @property
    def metas(self) -> dict[str, object]:
        """The `metas` object of a record's item."""
        return {
            "bpm": self.bpm,
            "duration": self.duration,
            "keyscale": self.keyscale,
            "timesignature": self.timesignature,
            "genres": self.genres,
            "language": self.language,
            "caption": self.caption,
            "lyrics": self.lyrics,
        }


def wish_of(request: SongRequest, index: int = 0) -> Wish:
    """What `request` gives for item `index`.

    One list of codes serves all items, several one item each; codes decide the length (5 a second,
    but no song is shorter than one) unless one is given.
    """
    given = request.audio_codes
    codes = given[0] if len(given) == 1 else given[index] if index < len(given) else ()
    invented = request.sample_mode or bool(request.description.strip())
    lyrics = INSTRUMENTAL if request.instrumental and not request.lyrics else request.lyrics
    return Wish(
        caption=request.caption,
        lyrics=lyrics,
        query=request.description.strip() if invented else None,
        instrumental=request.instrumental,
        language=None if request.vocal_language == UNKNOWN else request.vocal_language,
        bpm=request.bpm,
        keyscale=request.keyscale or None,
        timesignature=str(request.timesignature) if request.timesignature else None,
        duration=request.duration or _length_of(codes),
        audio_codes=codes,
    )


def _length_of(codes: tuple[int, ...]) -> float | None:
    return max(_SHORTEST_SECONDS, len(codes) / CODES_PER_SECOND) if codes else None


def plan_of(wish: Wish) -> Plan:
    """The plan of `wish`: where nobody decided, a length from the lyrics or 30 s, and a language
    from the script of the lyrics."""
    language = None if wish.language == UNKNOWN else wish.language
    return Plan(
        caption=wish.caption,
        lyrics=wish.lyrics,
        duration=wish.duration or words.estimate_duration(wish.lyrics) or DEFAULT_SECONDS,
        language=language or words.guess_language(wish.lyrics),
        bpm=wish.bpm,
        keyscale=wish.keyscale,
        timesignature=wish.timesignature,
        genres=wish.genres,
        audio_codes=wish.audio_codes,
    )


def lyric_warnings(
    lyrics: str, duration: float | None, language: str | None
) -> list[tuple[str, str]]:
    """(code, sentence) pairs on what the model will sing, skip or rush though nobody meant it; what
    depends on a length or language that is open is left out."""
    return [
        (
            finding.code,
            f"lyrics, line {finding.line}: {finding.message}" if finding.line else finding.message,
        )
        for finding in words.check_lyrics(lyrics, duration, language)
    ]
