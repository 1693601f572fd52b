"""Lyrics as text: their sections, what is sung, in which language, and how long that takes.

Knows nothing about models; every figure here is a rule of thumb from the users' documents.
"""

from acestep_cli.lyrics.check import check_lyrics
from acestep_cli.lyrics.findings import Finding, quoted
from acestep_cli.lyrics.length import (
    MAX_DURATION,
    MIN_DURATION,
    Density,
    density,
    density_warning,
    estimate_duration,
    fitting_durations,
)
from acestep_cli.lyrics.limits import Fit, fit_text
from acestep_cli.lyrics.sections import (
    INSTRUMENTAL,
    SECTION_NAMES,
    Section,
    guess_language,
    is_instrumental,
    parse_sections,
    sung_text,
)
from acestep_cli.lyrics.tags import plain_section_names

__all__ = [
    "INSTRUMENTAL",
    "MAX_DURATION",
    "MIN_DURATION",
    "SECTION_NAMES",
    "Density",
    "Finding",
    "Fit",
    "Section",
    "check_lyrics",
    "density",
    "density_warning",
    "estimate_duration",
    "fit_text",
    "fitting_durations",
    "guess_language",
    "is_instrumental",
    "parse_sections",
    "plain_section_names",
    "quoted",
    "sung_text",
]
