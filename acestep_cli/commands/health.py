"""`acestep health`: what works on this machine, and what is missing for a song."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from acestep_cli import __version__
from acestep_cli.commands.making import settings_options
from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.config import SETTINGS
from acestep_cli.config.paths import current_folder
from acestep_cli.term.output import Output, Result
from acestep_cli.term.streams import wants_colour
from acestep_cli.term.table import columns_of
from acestep_cli.term.words import RED, YELLOW, on_one_line, paint

if TYPE_CHECKING:
    from acestep_cli.run.check import Check

HELP = """Check what works on this machine.

Looks at Python and its libraries, settings, checkpoints, devices, memory and the output folder,
and runs each stage once on a tiny checkpoint for each device and dtype. It reaches into no network.
The exit code is that of the first thing that failed: 2 settings, 3 checkpoints, 4 device or memory,
6 output folder. `acestep doctor` is the same.

\b
Examples:
  acestep health
  acestep health --brief --json
"""

_COLOURS = {"warn": YELLOW, "fail": RED}
# A status with the blanks behind it, and those behind a name.
_MARGIN = 8
_LEAST_COLUMNS = 30


def health(
    output: Output,
    brief: bool | None,
    config_file: str | None,
    preset: str | None,
    **values: Any,
) -> Result:
    """Run all checks and show them."""
    output.say(f"acestep {__version__} · health")
    from acestep_cli.run.check import Findings
    from acestep_cli.run.health import examine

    findings = Findings(
        environ=os.environ,
        cwd=current_folder(),
        flags={name: value for name, value in values.items() if value is not None},
        config_file=config_file,
        preset=preset,
    )
    checks = list(examine(findings, None if brief else _build_tiny, output.say))
    failed = [check for check in checks if check.status == "fail"]
    return Result(
        data={
            "status": "failed" if failed else "ok",
            "checks": [check.as_dict() for check in checks],
        },
        lines=(*_lines(checks, output.answer), f"Status: {'FAILED' if failed else 'OK'}"),
        error=failed[0].error if failed else None,
    )


def _lines(checks: Sequence[Check], stream: TextIO) -> list[str]:
    """A line for each check and each hint, `warn  planner  none is installed`; on a terminal as
    many as it takes."""
    colour, columns = wants_colour(stream, os.environ), columns_of(stream, os.environ)
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        status = f"{check.status:<4}"
        if check.status in _COLOURS:
            status = paint(status, _COLOURS[check.status], colour)
        hint = [f"hint: {check.hint}"] if check.hint else []
        told = [line for text in (check.detail, *hint) for line in _wrapped(text, width, columns)]
        lines.append(f"{status}  {check.name:<{width}}  {told[0]}".rstrip())
        lines += [f"{'':<{width + _MARGIN}}{line}" for line in told[1:]]
    return lines


def _wrapped(text: str, width: int, columns: int | None) -> list[str]:
    """`text` on the lines that it takes beside names of `width`; one where nobody looks."""
    import textwrap

    line = on_one_line(text)
    if columns is None:
        return [line]
    room = max(_LEAST_COLUMNS, columns - width - _MARGIN)
    return textwrap.wrap(line, room, break_on_hyphens=False) or [""]


def _build_tiny(folder: Path) -> Path:
    """The smallest checkpoint set that runs every stage."""
    from dataclasses import replace

    from acestep_cli.demo.sizes import TINY
    from acestep_cli.demo.tiny import build_set

    assert TINY.planner is not None
    (name, dit), *_ = TINY.dits.items()
    small = replace(
        dit, layers=2, lyric_layers=1, timbre_layers=1, pooler_layers=1, silence_frames=128
    )
    sizes = replace(
        TINY,
        dits={name: small},
        text_encoder=replace(TINY.text_encoder, layers=1),
        planner=replace(TINY.planner, layers=1, audio_codes=64),
    )
    return build_set(folder, sizes)


command = Verb(
    "health",
    [
        GroupedOption(["--brief"], RUN, is_flag=True, help="do not try devices out; takes no time"),
        *field_options(row for row in SETTINGS if row.name == "output_dir"),
        *settings_options(),
    ],
    callback=health,
    help=HELP,
    short_help="Check what works on this machine",
)
