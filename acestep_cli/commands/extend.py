"""`acestep extend`: more of a source, before it and behind it."""

from __future__ import annotations

from acestep_cli.commands.editing import KEEPS_LEVEL, edit_verb, in_one_step, respelled

HELP = """Make a song longer, and keep what is there as it is.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin. CAPTION says
what the new part sounds like; where none is given it is that of the source. The result has at most
600 s.

\b
Examples:
  acestep extend song.wav --after 30
  acestep extend song.flac "quiet piano intro" --before 8
"""


command = edit_verb(
    "extend",
    in_one_step(task_type="continuation"),
    (
        respelled("extend_before", "--before", help_="seconds or m:ss added before the source"),
        respelled("extend_after", "--after", help_="seconds or m:ss added behind the source"),
        respelled("repaint_mode", "--mode"),
        respelled("repaint_strength", "--strength"),
        respelled("chunk_mask_mode", "--mask-mode"),
    ),
    without=KEEPS_LEVEL,
    help=HELP,
    short_help="Make a song longer",
)
