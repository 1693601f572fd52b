"""`acestep cover`: a source in another style."""

from __future__ import annotations

from typing import Any

from acestep_cli.commands.editing import edit_verb, make_edit, respelled
from acestep_cli.commands.making import RunChoices
from acestep_cli.commands.verb import GroupedOption
from acestep_cli.request.table_sound import EDIT
from acestep_cli.term.output import Output, Result

HELP = """Make a song anew in another style.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin. Melody,
chords and form are kept as far as --strength says; voice, instruments and style come from the
caption, or from that of the source where none is given. The length is the source's.

\b
Examples:
  acestep cover song.mp3 "orchestral arrangement" --strength 0.7
  acestep cover 20261121-093012-k3fq "bossa nova" --lyrics @words.txt
"""


def cover(
    output: Output,
    choices: RunChoices,
    source: str | None,
    words: str | None,
    faithful: bool | None,
    values: dict[str, Any],
) -> Result:
    """Cover the source, by way of its audio codes unless `faithful`."""
    task = "cover-nofsq" if faithful else "cover"
    return make_edit(output, choices, values, (source, words), task_type=task)


command = edit_verb(
    "cover",
    cover,
    (
        respelled("audio_cover_strength", "--strength", "--cover-strength"),
        respelled("cover_noise_strength", "--noise-strength"),
        GroupedOption(
            ["--faithful"], EDIT, is_flag=True,
            help="follow the sound itself instead of its audio codes",
        ),
    ),
    help=HELP,
    short_help="Make a song anew in another style",
)  # fmt: skip
