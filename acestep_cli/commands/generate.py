"""`acestep generate`: a song from words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acestep_cli import __version__
from acestep_cli.commands.options import field_options
from acestep_cli.commands.texts import read_texts
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.config import SETTINGS, resolve
from acestep_cli.errors import UsageError
from acestep_cli.request import check_makeable
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from acestep_cli.request import SongRequest

HELP = """Make a song from words.

CAPTION says how the song sounds. CAPTION, --lyrics and other texts are given as they are, as @FILE,
or as - for stdin. Audio paths are written to stdout, one a line.

\b
Examples:
  acestep generate "upbeat indie rock, bright guitars" --duration 30 --seed 7
  acestep generate "slow piano ballad" --lyrics @words.txt --batch 2 --audio-format flac
"""

# Texts long enough to come from a file.
_TEXTS = (
    "caption",
    "lyrics",
    "description",
    "instruction",
    "global_caption",
    "flow_edit_source_caption",
    "flow_edit_source_lyrics",
    "lm_negative_prompt",
    "audio_codes",
)


def generate(
    output: Output,
    words: str | None,
    output_file: str | None,
    config_file: str | None,
    preset: str | None,
    force: bool | None,
    strict: bool | None,
    **values: Any,
) -> Result:
    """Build the request from all layers, run it as one job and show what came of it."""
    flags = {name: value for name, value in values.items() if value is not None}
    flags = read_texts(_with_words(flags, words), _TEXTS)
    target = _target(output_file)
    if target is not None and target.suffix and not _is_format_typed(flags):
        flags["audio_format"] = target.suffix[1:]
    resolved = resolve(flags, config_file=config_file, environ=os.environ, preset=preset)
    check_makeable(resolved.request)
    # The person reads this line while torch is being imported.
    output.say(opening(resolved.request))
    from acestep_cli.run import RunSpec, run_job

    spec = RunSpec(
        resolved=resolved,
        command=("acestep", *output.arguments),
        output_file=target,
        force=bool(force),
        strict=bool(strict),
    )
    items = resolved.request.batch_size
    with output.voice(items=items) as observer, output.stop.polled():
        outcome = run_job(spec, (observer,), output.stop.cancelled)
    return Result(
        data=outcome.record,
        lines=tuple(str(path) for path in outcome.paths),
        warnings=outcome.warnings,
        error=outcome.error,
        exit_code=outcome.exit_code,
    )


def opening(request: SongRequest) -> str:
    """The first line of a run: program, seeds and length as far as they are known."""
    seeds = [seed for seed in request.seed if seed >= 0]
    parts = [f"acestep {__version__}", "generate"]
    parts.append(f"seed {', '.join(map(str, seeds))}" if seeds else "random seed")
    if request.batch_size > 1:
        parts.append(f"{request.batch_size} songs")
    if request.duration is not None:
        parts.append(f"{request.duration:g} s")
    return " · ".join(parts)


def _with_words(flags: dict[str, Any], words: str | None) -> dict[str, Any]:
    if words is None:
        return flags
    if "caption" in flags:
        raise UsageError(
            "the caption is given twice, as CAPTION and with --caption", "leave one of them out"
        )
    return {"caption": words, **flags}


def _target(output_file: str | None) -> Path | None:
    if output_file is None:
        return None
    if output_file in ("", "-"):
        raise UsageError(
            f"-o {output_file!r} names no file; audio is not written to stdout", "give -o FILE"
        )
    return Path(output_file)


def _is_format_typed(flags: dict[str, Any]) -> bool:
    return "audio_format" in flags or isinstance(flags.get("format"), str)


def _run_options() -> list[click.Parameter]:
    file = click.Path(readable=False)
    # The output folder is among the parameters of a song.
    settings = [row for row in SETTINGS if row.group == RUN and row.name != "output_dir"]
    return [
        GroupedOption(
            ["output_file", "-o", "--output"], RUN, type=file, metavar="FILE",
            help="write the audio here; its ending sets the format",
        ),
        GroupedOption(["--force"], RUN, is_flag=True, help="overwrite FILE"),
        *field_options(settings),
        GroupedOption(
            ["config_file", "--config"], RUN, type=file, metavar="FILE",
            help="settings file above the others",
        ),
        GroupedOption(["--preset"], RUN, metavar="NAME", help="preset of a settings file"),
        GroupedOption(["--strict"], RUN, is_flag=True, help="take warnings as errors"),
        # Other programs give two switches this one name; the value tells which is meant.
        GroupedOption(["--format"], RUN, hidden=True),
    ]  # fmt: skip


command = Verb(
    "generate",
    [
        click.Argument(["words"], required=False, metavar="[CAPTION]"),
        *field_options(),
        *_run_options(),
    ],
    callback=generate,
    help=HELP,
    short_help="Make a song from words",
)
