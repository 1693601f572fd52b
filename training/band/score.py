"""What the band plays, as data: tones and hits in seconds, and all that describes the song."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.band.bars import BEATS
from training.band.tuning import NOTE_NAMES, played_bpm

DRUMS = ("kick", "snare", "hat", "cymbal", "clap")
TONAL_PARTS = ("bass", "keys", "guitar", "pad", "lead", "vocals")
PARTS = ("drums", *TONAL_PARTS)
VOWELS = ("a", "e", "i", "o", "u")


@dataclass(frozen=True, slots=True)
class Tone:
    """One note: part, pitch class 0 to 11 from C, onset and length in seconds, velocity in (0, 1];
    `vowel` indexes VOWELS and matters to the voice alone."""

    part: str
    pitch_class: int
    onset: float
    length: float
    velocity: float
    vowel: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke of a drum at `onset` seconds, velocity in (0, 1]."""

    drum: str
    onset: float
    velocity: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a song is asked to be. `meter` is its time signature, 3 (3/4), 4 (4/4) or 6 (6/8), whose
    beat is three eighths; `parts` play."""

    style: str
    bpm: int
    root: int
    mode: str
    meter: int
    parts: tuple[str, ...]

    @property
    def keyscale(self) -> str:
        """As the prompts write it: `F# minor`."""
        return f"{NOTE_NAMES[self.root]} {self.mode}"

    @property
    def beats(self) -> int:
        """Beats of a bar."""
        return BEATS[self.meter]

    @property
    def beat_seconds(self) -> float:
        """Length of a beat as the band plays it."""
        return 60.0 / played_bpm(self.bpm)


@dataclass(frozen=True, slots=True)
class Score:
    """A song of `seconds`: its recipe, tones and hits. Bar 1 begins at second 0."""

    recipe: Recipe
    seconds: float
    tones: tuple[Tone, ...]
    hits: tuple[Hit, ...]

    def only(self, *parts: str) -> Score:
        """The same song with `parts` alone."""
        return Score(
            self.recipe,
            self.seconds,
            tuple(tone for tone in self.tones if tone.part in parts),
            self.hits if "drums" in parts else (),
        )

    def on_vowel(self, vowel: int) -> Score:
        """The same song, whose voice sings one of VOWELS on every note: la la la."""
        sung = (
            replace(tone, vowel=vowel) if tone.part == "vocals" else tone for tone in self.tones
        )
        return replace(self, tones=tuple(sung))
