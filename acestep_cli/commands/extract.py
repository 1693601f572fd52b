"""`acestep extract`: single tracks out of a source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from acestep_cli.commands.completing import field_completer
from acestep_cli.commands.editing import edit_verb, make_edit, source_option
from acestep_cli.commands.making import RunChoices
from acestep_cli.commands.verb import GroupedOption
from acestep_cli.errors import UsageError
from acestep_cli.request import BY_NAME
from acestep_cli.request.table_sound import EDIT, TRACKS
from acestep_cli.term.output import Output, Result

HELP = f"""Take single tracks out of a song, each into a file of its own.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin. TRACK is one
or several of {", ".join(TRACKS)}. This takes a base checkpoint.

\b
Examples:
  acestep extract song.mp3 vocals drums
  acestep extract song.wav --all --audio-format flac
"""


def extract(
    output: Output,
    choices: RunChoices,
    source: str | None,
    tracks: tuple[str, ...] | None,
    all_tracks: bool | None,
    values: dict[str, Any],
) -> Result:
    """Extract the named tracks."""
    named = [*(tracks or ())]
    if source is not None and source_option(values):
        named, source = [source, *named], None
    named += values.get("track_name") or ()
    if all_tracks and named:
        raise UsageError(
            f"--all means every track and {', '.join(named)} are named", "leave one of them out"
        )
    names = TRACKS if all_tracks else tuple(named) or None
    return make_edit(
        output, choices, {**values, "track_name": names}, (source,), task_type="extract"
    )


command = edit_verb(
    "extract",
    extract,
    (
        replace(BY_NAME["track_name"], hidden=True),
        GroupedOption(["all_tracks", "--all"], EDIT, is_flag=True, help="extract every track"),
    ),
    positional=(
        click.Argument(
            ["tracks"],
            nargs=-1,
            metavar="TRACK...",
            shell_complete=field_completer(BY_NAME["track_name"]),
        ),
    ),
    help=HELP,
    short_help="Take single tracks out of a song",
)
