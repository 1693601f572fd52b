"""What one run of the grammar is to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run writes.

    phase: `cot` the metadata; `understand` the metadata, `</think>` and free lyrics until the end
        of the turn; `codes` audio codes alone, behind a prompt that holds the metadata.
    given: values by field, text or numbers; absent where None or blank. They are written as they
        are, but for blanks around them: a caption with line breaks must come as the YAML that
        continues it on indented lines (ValueError otherwise, as for line breaks in other fields).
        A given field is written even where it would be skipped. Special tokens that a value spells
        out are written as plain text; better take them out beforehand, as a reader of the text
        cannot tell them apart.
    stop_at_reasoning: `cot` ends with the end of the turn where `</think>` would stand; else
        `</think>`, a blank line and codes follow.
    target: seconds of audio codes, 5 a second, at least one code; without it the model ends them,
        after at least one code and at most `max_duration` seconds.
    thought: (upstream, `codes`) the prompt holds `</think>`, as it should.
    """

    phase: Literal["cot", "codes", "understand"] = "cot"
    given: Mapping[str, object] = field(default_factory=dict)
    stop_at_reasoning: bool = False
    skip_genres: bool = False
    skip_caption: bool = False
    skip_language: bool = False
    target: float | None = None
    thought: bool = True

    def skips(self, name: str) -> bool:
        """Whether a field is flagged to be left out."""
        flags = {
            "genres": self.skip_genres,
            "caption": self.skip_caption,
            "language": self.skip_language,
        }
        return flags.get(name, False)
