"""`acestep complete`: a whole song around a source."""

from __future__ import annotations

from typing import Any

from acestep_cli.commands.editing import edit_verb, make_edit, respelled
from acestep_cli.commands.making import RunChoices
from acestep_cli.request.table_sound import TRACKS
from acestep_cli.term.output import Output, Result

HELP = f"""Make a whole song around a track.

SOURCE is an audio file, a job id, or - for stdin, with one or a few tracks. CAPTION says what the
song sounds like. Tracks to add are {", ".join(TRACKS)}. This takes a base checkpoint.

\b
Examples:
  acestep complete voice.wav "rock style" --track drums --track bass,guitar
  acestep complete guitar.flac "folk, warm" --track vocals --lyrics @words.txt
"""


def complete(
    output: Output,
    choices: RunChoices,
    source: str | None,
    words: str | None,
    values: dict[str, Any],
) -> Result:
    """Complete the source with the tracks."""
    return make_edit(output, choices, values, (source, words), task_type="complete")


command = edit_verb(
    "complete",
    complete,
    (respelled("track_classes", "--track", help_="tracks to add; may be repeated"),),
    help=HELP,
    short_help="Make a whole song around a track",
)
