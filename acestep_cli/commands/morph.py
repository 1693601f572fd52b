"""`acestep morph`: a source carried from its own words towards others."""

from __future__ import annotations

from acestep_cli.commands.editing import edit_verb, in_one_step, respelled

HELP = """Carry a song from its own words towards others.

SOURCE is an audio file, a job (its id, the beginning of it, or last), or - for stdin.
--from-caption says what the source sounds like; where it is missing it is the source's own caption.
CAPTION says where it goes; what both have in common stays. The length is the source's.

\b
Examples:
  acestep morph song.wav --from-caption "solo piano" "solo church organ"
  acestep morph song.wav --from-caption "calm folk" "fast metal" --n-max 0.7
"""

# Flow edit runs an Euler step of its own, from a source that is sound (pipeline facts 7.10).
_WITHOUT = (
    "sampler_mode", "infer_method", "use_adg", "dcw_enabled", "dcw_mode", "dcw_scaler",
    "dcw_high_scaler", "dcw_wavelet", "retake_variance", "audio_codes",
)  # fmt: skip


command = edit_verb(
    "morph",
    in_one_step(task_type="text2music", flow_edit_morph=True),
    (
        respelled("flow_edit_source_caption", "--from-caption"),
        respelled("flow_edit_source_lyrics", "--from-lyrics"),
        respelled("flow_edit_n_min", "--n-min"),
        respelled("flow_edit_n_max", "--n-max"),
        respelled("flow_edit_n_avg", "--n-avg"),
    ),
    without=_WITHOUT,
    help=HELP,
    short_help="Carry a song from its own words towards others",
)
