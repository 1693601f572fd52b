"""`acestep understand`: what a song is like, from its sound or its audio codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acestep_cli.commands.completing import complete_file
from acestep_cli.commands.making import (
    RunChoices,
    for_one_answer,
    opening,
    resolved_with,
    settings_options,
    typed,
    verb_callback,
)
from acestep_cli.commands.options import field_options
from acestep_cli.commands.texts import read_file
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.config import Resolved
from acestep_cli.errors import InputError, UsageError
from acestep_cli.files import is_file
from acestep_cli.request import FIELDS, format_codes, parse_codes
from acestep_cli.request.problems import BadValue
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import song_lines

HELP = """Describe a song in words: caption, tempo, key, meter, language and lyrics.

SOURCE is an audio file, a job (its id, the beginning of it, or last), a file of audio codes, the
codes themselves, or - for stdin. The planner describes what it hears; with --codes the song's audio
codes are printed and nothing is described.

\b
Examples:
  acestep understand song.mp3
  acestep understand last
  acestep understand song.flac --codes > codes.txt
  acestep understand "<|audio_code_4711|><|audio_code_42|>" --json
"""

_ASKED = (
    "lm_temperature", "lm_top_k", "lm_top_p", "lm_repetition_penalty", "constrained_decoding",
    "lm_model_path", "model", "seed",
)  # fmt: skip
_MARK = "<|audio_code_"
# Enough of a file to tell codes from sound.
_HEAD_BYTES = 64
_NUMBERS = frozenset(b"0123456789,; \t\r\n[]")


def understand(
    output: Output,
    choices: RunChoices,
    source: str,
    codes_only: bool | None,
    values: dict[str, Any],
) -> Result:
    """Turn the source into codes and the codes into words."""
    if not source.strip():
        raise UsageError("the source is empty", "name a file, give audio codes, or - for stdin")
    resolved = for_one_answer(resolved_with(typed(values, choices), choices))
    found = _codes_or_audio(source, resolved)
    # How long a song may be is none of its business.
    output.say(opening(resolved.request.replace(duration=None), output.verbs))
    from acestep_cli.run.texts import Desk, describe, listen, require_planner

    with output.voice() as observer, output.stop.polled():
        desk = Desk(resolved, observer, output.stop.cancelled)
        if not codes_only:
            require_planner(desk)
        codes = found if isinstance(found, tuple) else listen(desk, found)
        if codes_only:
            text = format_codes(codes)
            return Result(data={"audio_codes": text}, lines=(text,))
        song = describe(desk, codes)
    return Result(data=song, lines=tuple(song_lines(song, 0)))


def _codes_or_audio(source: str, resolved: Resolved) -> tuple[int, ...] | Path | bytes:
    """The codes that `source` spells or a file of codes holds, else where the sound is."""
    if _MARK in source:
        return _read_codes(source)
    if source == "-":
        from acestep_cli.run.source import read_stdin

        data = read_stdin()
        return _read_codes(data.decode()) if _is_codes(data) else data
    path = Path(source.removeprefix("@"))
    if is_file(path):
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        return _read_codes(read_file(str(path), "audio codes")) if _is_codes(head) else path
    if _is_codes(source.encode("utf-8", "replace")):
        return _read_codes(source)
    return _of_job(source, resolved) or path


def _of_job(source: str, resolved: Resolved) -> Path | None:
    """The audio of the job that `source` names; errors as `run.source.open_source`."""
    from acestep_cli.run.source import open_source

    folder = Path(resolved.request.save_dir or resolved.settings.output_dir)
    return open_source(source, folder).path


def _is_codes(data: bytes) -> bool:
    head = data.lstrip()[:_HEAD_BYTES]
    return head.startswith(_MARK.encode()) or (bool(head) and set(head) <= _NUMBERS)


def _read_codes(text: str) -> tuple[int, ...]:
    """The codes of one song; InputError for anything else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        raise InputError(
            f"there are codes of {len(lines)} songs, one a line, and one song is described",
            "give the codes of one song",
        )
    try:
        codes = parse_codes(text)
    except BadValue as bad:
        raise InputError(bad.message, bad.remedy) from bad
    if not codes:
        raise InputError("there is no audio code in the source", "give at least one")
    return codes


command = Verb(
    "understand",
    [
        click.Argument(["source"], metavar="SOURCE", shell_complete=complete_file),
        GroupedOption(
            ["codes_only", "--codes"], RUN, is_flag=True, help="print the audio codes alone"
        ),
        *field_options(row for row in FIELDS if row.name in _ASKED),
        *settings_options(),
    ],
    callback=verb_callback(understand, "source", "codes_only"),
    help=HELP,
    short_help="Describe a song in words",
)
