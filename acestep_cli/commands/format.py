"""`acestep format`: better words for a song."""

from __future__ import annotations

from typing import Any

import click

from acestep_cli.commands.completing import complete_text
from acestep_cli.commands.making import (
    RunChoices,
    for_one_answer,
    opening,
    resolved_with,
    settings_options,
    typed,
    verb_callback,
)
from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import UsageError
from acestep_cli.request import FIELDS
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import song_lines

HELP = """Improve a caption and lyrics with the planner, and print them.

It writes the tempo, key, meter, length and language that go with them; what you give of these
stays. Texts are given as they are, as @FILE, or as - for stdin.

\b
Examples:
  acestep format "sad piano" --lyrics @words.txt
  acestep format "techno" --bpm 128 --json
"""

# What has a part in it.
_ASKED = (
    "caption", "lyrics", "instrumental", "vocal_language", "bpm", "keyscale", "timesignature",
    "duration", "lm_temperature", "lm_top_k", "lm_top_p", "lm_repetition_penalty",
    "constrained_decoding", "lm_model_path", "seed",
)  # fmt: skip


def format_words(
    output: Output, choices: RunChoices, words: str | None, values: dict[str, Any]
) -> Result:
    """Rewrite the words of the request and show the song."""
    if words is not None and values.get("caption") is not None:
        raise UsageError(
            "the caption is given twice, as CAPTION and with --caption", "leave one of them out"
        )
    flags = typed({"caption": words, **_given(values)}, choices)
    resolved = for_one_answer(resolved_with(flags, choices))
    if not (resolved.request.caption.strip() or resolved.request.lyrics.strip()):
        raise UsageError("there are no words to improve", "give a caption or --lyrics")
    output.say(opening(resolved.request, output.verbs))
    from acestep_cli.run.texts import Desk, improve

    with output.voice() as observer, output.stop.polled():
        song = improve(Desk(resolved, observer, output.stop.cancelled))
    return Result(data=song, lines=tuple(song_lines(song, 0)))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


command = Verb(
    "format",
    [
        click.Argument(
            ["words"], required=False, metavar="[CAPTION]", shell_complete=complete_text
        ),
        *field_options(row for row in FIELDS if row.name in _ASKED),
        *settings_options(),
    ],
    callback=verb_callback(format_words, "words"),
    help=HELP,
    short_help="Improve a caption and lyrics",
)
