"""`acestep complete`: a whole song around a source."""

from __future__ import annotations

from acestep_cli.commands.editing import edit_verb, in_one_step, respelled
from acestep_cli.request.table_sound import TRACKS

HELP = f"""Make a whole song around a track.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin, with one or a
few tracks. CAPTION says what the song sounds like. Tracks to add are {", ".join(TRACKS)}. This
takes a base checkpoint.

\b
Examples:
  acestep complete voice.wav "rock style" --track drums --track bass,guitar
  acestep complete guitar.flac "folk, warm" --track vocals --lyrics @words.txt
"""


command = edit_verb(
    "complete",
    in_one_step(task_type="complete"),
    (respelled("track_classes", "--track", help_="tracks to add; may be repeated"),),
    help=HELP,
    short_help="Make a whole song around a track",
)
