"""What was typed and changes nothing of the song, because of what else is asked for."""

from __future__ import annotations

from collections.abc import Callable

from acestep_cli.config import Resolved
from acestep_cli.request import SongRequest

Coded = tuple[str, str]
# A parameter, whether it has an effect on a request whose files have a format, and why not.
_Rule = tuple[tuple[str, ...], Callable[[SongRequest, str], bool], str]


def vain_warnings(resolved: Resolved, request: SongRequest, audio_format: str) -> list[Coded]:
    """(code, sentence) pairs on parameters typed in vain; settings in files and variables are meant
    for other songs as well. audio_format: of the files that are written."""
    return [
        ("unused_parameter", f"{name} has no effect, {reason.format(format=audio_format)}")
        for names, acts, reason in _RULES
        for name in names
        if resolved.origins[name] == "flag" and not acts(request, audio_format)
    ]


_RULES: tuple[_Rule, ...] = (
    (("bit_depth",), lambda _, kind: kind in ("wav", "flac"), "as {format} has no bit depth"),
    (("mp3_bitrate", "mp3_sample_rate"), lambda _, kind: kind == "mp3", "as {format} is written"),
    (
        ("dcw_mode", "dcw_scaler", "dcw_high_scaler", "dcw_wavelet"),
        lambda request, _: request.dcw_enabled,
        "as dcw_enabled is off",
    ),
    (
        (
            "flow_edit_source_caption",
            "flow_edit_source_lyrics",
            "flow_edit_n_min",
            "flow_edit_n_max",
            "flow_edit_n_avg",
        ),
        lambda request, _: request.flow_edit_morph,
        "as nothing is morphed",
    ),
    (("retake_seed",), lambda request, _: request.retake_variance > 0, "as retake_variance is 0"),
    (
        ("repaint_strength",),
        lambda request, _: request.repaint_mode == "balanced",
        "as the repaint mode decides it",
    ),
    (
        ("enable_normalization",),
        lambda request, _: request.loudness is None,
        "as loudness says how loud the song is",
    ),
)
