"""The one check of a whole request: ranges, then what must fit together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from acestep_cli.request.edits import (
    CodedMessage,
    edit_misfits,
    edit_needs,
    edit_warnings,
)
from acestep_cli.request.field import Field
from acestep_cli.request.fields import FIELDS
from acestep_cli.request.problems import Problem, error_of, shown
from acestep_cli.request.regions import check_regions
from acestep_cli.request.request import SongRequest
from acestep_cli.request.values import INSTRUMENTAL

MAX_TEXT = 20_000

_DOCUMENTED_LENGTH = {"caption": 512, "lyrics": 4096}
_SHORT_SONG = 10.0
_MAX_INTEGER = 2**63
# The longest schedule: 200 steps and the final 0.
_MAX_TIMESTEPS = 201
_WAVELET = re.compile(
    r"haar|dmey|db([1-9]|[12][0-9]|3[0-8])|sym([2-9]|1[0-9]|20)|coif([1-9]|1[0-7])"
    r"|(bior|rbio)(1\.[135]|2\.[2468]|3\.[13579]|4\.4|5\.5|6\.8)"
)
_CONTENT = ("lyrics", "flow_edit_source_lyrics", "audio_codes")
_MODE_COMMANDS = {
    "analysis_only": "acestep generate --plan-only",
    "full_analysis_only": "acestep understand FILE",
    "extract_codes_only": "acestep understand --codes FILE",
}


def validate(request: SongRequest) -> list[CodedMessage]:
    """Check each value of `request` by itself and with the others; return (code, message) pairs.

    Raises one UsageError (InputError when only lyrics or codes are at fault) that lists every
    problem. What needs the checkpoint (steps of turbo, tasks) is checked where that is known.
    """
    problems = [
        problem for field in FIELDS for problem in check(field, getattr(request, field.name))
    ]
    if not problems:
        problems = list(_misfits(request))
    if problems:
        raise error_of(problems)
    return list(_warnings(request))


def check_makeable(request: SongRequest) -> None:
    """UsageError unless the request says enough to make a song: words, or its task's source."""
    problems = list(_missing(request))
    if problems:
        raise error_of(problems)


def check(field: Field, value: object) -> Iterator[Problem]:
    """What is wrong with the typed `value` of `field` taken by itself."""
    if isinstance(value, str):
        yield from _check_text(field, value)
        if field.name == "dcw_wavelet" and not _WAVELET.fullmatch(value):
            yield Problem(
                field.name,
                f"dcw_wavelet {shown(value)} is no discrete wavelet",
                "choose haar, db1 to db38, sym2 to sym20, coif1 to coif17, bior or rbio",
            )
    elif isinstance(value, tuple):
        yield from _check_entries(field, value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _check_number(field, value)


def _check_text(field: Field, text: str) -> Iterator[Problem]:
    content = field.name in _CONTENT
    if "\0" in text:
        yield Problem(
            field.name,
            f"{field.name} holds a NUL character",
            f"remove the character with code 0 from {field.name}",
            content,
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        yield Problem(
            field.name, f"{field.name} is not valid text", f"give {field.name} as UTF-8", content
        )
    if len(text) > MAX_TEXT:
        yield Problem(
            field.name,
            f"{field.name} has {len(text)} characters, more than {MAX_TEXT}",
            f"shorten {field.name} to {_DOCUMENTED_LENGTH.get(field.name, MAX_TEXT)} characters",
            content,
        )


def _check_number(field: Field, number: float) -> Iterator[Problem]:
    low, high = field.minimum, field.maximum
    below = low is not None and (number <= low if field.above_minimum else number < low)
    above = high is not None and number > high
    unlisted = bool(field.choices) and number not in field.choices
    # What has no range of its own must still fit a record.
    endless = abs(number) > _MAX_INTEGER if isinstance(number, int) else not math.isfinite(number)
    if endless or below or above or unlisted:
        yield Problem(
            field.name,
            f"{field.name} {shown(number)} is not {_limits(field)}",
            f"choose {field.name} {_choice_of(field)}",
        )


def _choice_of(field: Field) -> str:
    if field.choices or field.above_minimum or not field.range:
        return field.range or "as a finite number"
    return f"from {field.range}{', or -1 to draw it' if field.kind == 'seeds' else ''}"


def _limits(field: Field) -> str:
    if field.choices:
        return f"one of {field.range}"
    return field.range if field.above_minimum else f"within {field.range}"


def _check_entries(field: Field, entries: tuple[Any, ...]) -> Iterator[Problem]:
    if field.kind == "regions":
        yield from check_regions(field.name, entries)
        return
    numbers = [entry for entry in entries if isinstance(entry, (int, float))]
    for number in numbers:
        if field.kind != "seeds" or number != -1:
            yield from _check_number(field, number)
    if field.kind == "timesteps":
        yield from _check_schedule(numbers)


def _check_schedule(times: list[int | float]) -> Iterator[Problem]:
    if any(early <= late for early, late in pairwise(times)):
        yield Problem(
            "timesteps", "timesteps do not fall from each one to the next", "sort them from 1 to 0"
        )
    elif times == [0]:
        yield Problem("timesteps", "timesteps hold no time above 0", "begin at 1 or a little below")
    if len(times) > _MAX_TIMESTEPS:
        yield Problem(
            "timesteps",
            f"timesteps has {len(times)} entries, more than {_MAX_TIMESTEPS}",
            f"give at most {_MAX_TIMESTEPS} times",
        )


def _misfits(request: SongRequest) -> Iterator[Problem]:
    for low, high in (
        ("cfg_interval_start", "cfg_interval_end"),
        ("flow_edit_n_min", "flow_edit_n_max"),
    ):
        start, end = getattr(request, low), getattr(request, high)
        if start > end:
            yield Problem(
                low, f"{low} {start:g} is above {high} {end:g}", f"give {low} below {high}"
            )
    yield from edit_misfits(request)
    if request.instrumental and request.lyrics.strip() not in ("", INSTRUMENTAL):
        yield Problem(
            "instrumental",
            "instrumental means no voice and there are lyrics",
            "leave out the lyrics or pass --no-instrumental",
        )
    if (request.sample_mode or request.description) and request.task_type != "text2music":
        name = "sample_mode" if request.sample_mode else "description"
        yield Problem(
            name, f"{name} makes a new song and the task is {request.task_type}",
            "give a caption instead, or use the task text2music",
        )  # fmt: skip
    if request.audio_format == "flac" and request.bit_depth == 32:
        yield Problem(
            "bit_depth", "flac holds 16 or 24 bits and bit_depth is 32",
            "use --bit-depth 24 or --audio-format wav",
        )  # fmt: skip
    for name, command in _MODE_COMMANDS.items():
        if getattr(request, name):
            yield Problem(name, f"{name} makes no song", f"use `{command}`")


def _missing(request: SongRequest) -> Iterator[Problem]:
    yield from edit_needs(request)
    words = f"{request.caption}{request.lyrics}{request.description}".strip()
    source = request.src_audio or request.audio_codes
    if request.task_type == "text2music" and not (words or request.sample_mode or source):
        yield Problem(
            "caption", "there is nothing to make a song from",
            "give a caption, lyrics or --description",
        )  # fmt: skip


def _warnings(request: SongRequest) -> Iterator[CodedMessage]:
    yield from edit_warnings(request)
    for name, limit in _DOCUMENTED_LENGTH.items():
        length = len(getattr(request, name))
        if length > limit:
            yield (
                f"long_{name}",
                f"{name} has {length} characters and the model was made for {limit}",
            )
    if request.duration is not None and request.duration < _SHORT_SONG:
        yield (
            "short_duration",
            f"duration {request.duration:g} s is below {_SHORT_SONG:g} s; the model may do badly",
        )
    for code, what, given in (
        ("unused_seeds", "seeds", request.seed),
        ("unused_codes", "lists of audio codes", request.audio_codes),
    ):
        if len(given) > request.batch_size:
            yield code, f"{len(given)} {what} are given and batch_size is {request.batch_size}"
    if request.timesteps and (request.inference_steps is not None or request.shift is not None):
        yield "steps_replaced", "timesteps are given, so inference_steps and shift have no effect"
    if request.shift is not None and not 1 <= request.shift <= 5:
        yield "unusual_shift", f"shift {request.shift:g} is outside the documented 1 to 5"
    stem = request.lyrics.strip().lower()
    if stem.endswith((".txt", ".lrc", ".md")) and not set(stem) & set(" \n"):
        yield (
            "lyrics_name_a_file",
            f"the lyrics are the text {shown(request.lyrics)}; write an @ before it to read a file",
        )
