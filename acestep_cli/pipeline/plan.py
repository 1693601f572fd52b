"""A plan: everything about one song that is decided before sound is made.

The planner writes plans; without one, `plan_from_request` takes what the user typed and fills in
only what the sound cannot do without (length and language).
"""

from __future__ import annotations

from dataclasses import dataclass

from acestep_cli import lyrics as words
from acestep_cli.request import SongRequest

DEFAULT_SECONDS = 30.0


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


def plan_from_request(request: SongRequest) -> Plan:
    """The plan without a planner: what was typed, a length from the lyrics or 30 s, a language from
    the script of the lyrics."""
    lyrics = "[Instrumental]" if request.instrumental and not request.lyrics else request.lyrics
    return Plan(
        caption=request.caption,
        lyrics=lyrics,
        duration=request.duration or words.estimate_duration(lyrics) or DEFAULT_SECONDS,
        language=_language(request.vocal_language, lyrics),
        bpm=request.bpm,
        keyscale=request.keyscale or None,
        timesignature=str(request.timesignature) if request.timesignature else None,
    )


def _language(asked: str, lyrics: str) -> str:
    return words.guess_language(lyrics) if asked == "unknown" else asked
