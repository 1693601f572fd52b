"""`acestep repaint`: parts of a source made anew."""

from __future__ import annotations

from acestep_cli.commands.editing import KEEPS_LEVEL, edit_verb, in_one_step, respelled
from acestep_cli.request import BY_NAME

HELP = """Make parts of a song anew and keep the rest as it is.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin. CAPTION says
what the part sounds like. Times are seconds or m:ss. What lies outside the regions stays as it was,
sample for sample in lossless formats. A region that begins before the source or ends behind it
makes the song longer. `acestep replay JOB --plot song.png` draws where the sections of a song
probably lie.

\b
Examples:
  acestep repaint song.wav "smooth piano solo" --from 10 --to 20
  acestep repaint song.flac "choir" --region 0:45.5-1:02 --region 1:30-
"""


command = edit_verb(
    "repaint",
    in_one_step(task_type="repaint"),
    (
        respelled("repainting_start", "--from", help_="where the region starts; 0 by default"),
        respelled("repainting_end", "--to", help_="where it ends; the source's end by default"),
        BY_NAME["regions"],
        respelled("repaint_mode", "--mode"),
        respelled("repaint_strength", "--strength"),
        respelled("chunk_mask_mode", "--mask-mode"),
    ),
    without=KEEPS_LEVEL,
    help=HELP,
    short_help="Make parts of a song anew",
)
