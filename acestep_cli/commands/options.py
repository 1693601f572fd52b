"""Options of a song, one for each row of the table of parameters.

They convert nothing and have no defaults: what a value means is decided where all layers of
settings meet, so that a flag, a file and a variable are read by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from acestep_cli.commands.completing import field_completer
from acestep_cli.commands.verb import GroupedOption
from acestep_cli.request import FIELDS, Field

_METAVARS = {
    "bitrate": "KBPS",
    "bpm": "N",
    "choice": "WORD",
    "codes": "CODES",
    "float": "X",
    "int": "N",
    "keyscale": "KEY",
    "language": "CODE",
    "path": "PATH",
    "regions": "START-END",
    "seconds": "SECONDS",
    "seeds": "N,N,...",
    "text": "TEXT",
    "timesignature": "METER",
    "timesteps": "T,T,...",
    "tracks": "TRACK,...",
}
# Words that name something; unlike other texts they are never read from a file.
_NAMED = ("device", "dcw_wavelet", "lm_model_path", "model")
# These may be given several times, or as one text with commas.
_REPEATED = ("regions", "tracks")
# More words than this would not fit the column of the help; the sentence beside them names them.
_MOST_LISTED = 4


def field_options(fields: Iterable[Field] = FIELDS) -> list[click.Parameter]:
    """One option, under every spelling, for each of `fields` that can be asked for."""
    return [_field_option(field) for field in fields if field.flags]


def _field_option(field: Field) -> GroupedOption:
    kind: dict[str, Any] = {"is_flag": True}
    if field.kind != "bool":
        value_type = click.Path(readable=False) if field.kind == "path" else str
        kind = {"type": value_type, "metavar": _metavar(field)}
        kind["multiple"] = field.kind in _REPEATED
    if completer := field_completer(field):
        kind["shell_complete"] = completer
    return GroupedOption(
        [field.name, *field.flags],
        field.group,
        aliases=field.alias_flags,
        help=field.help,
        hidden=field.hidden,
        **kind,
    )


def _metavar(field: Field) -> str:
    if field.kind == "choice" and len(field.choices) <= _MOST_LISTED:
        return "|".join(map(str, field.choices))
    return "NAME" if field.name in _NAMED else _METAVARS[field.kind]
