"""`acestep lego`: a new track for a source."""

from __future__ import annotations

from acestep_cli.commands.editing import edit_verb, in_one_step, respelled
from acestep_cli.request import BY_NAME
from acestep_cli.request.table_sound import TRACKS

HELP = f"""Make a new track that goes with a song.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin. CAPTION says
what the track sounds like. The new track comes alone, or with the source under it (--mix). Tracks
are {", ".join(TRACKS)}. This takes a base checkpoint.

\b
Examples:
  acestep lego song.wav "lead melody, bluesy" --track guitar
  acestep lego song.wav "brushes" --track drums --from 0:30 --to 1:00 --mix
"""


command = edit_verb(
    "lego",
    in_one_step(task_type="lego"),
    (
        respelled("track_name", "--track", help_="the track to make"),
        respelled("repainting_start", "--from", help_="where the track starts; 0 by default"),
        respelled("repainting_end", "--to", help_="where it ends; the source's end by default"),
        BY_NAME["regions"],
        respelled("chunk_mask_mode", "--mask-mode"),
        BY_NAME["mix"],
        BY_NAME["global_caption"],
    ),
    help=HELP,
    short_help="Make a new track that goes with a song",
)
