"""`acestep lyrics`: help with lyrics before a song is made of them."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from acestep_cli import lyrics as words
from acestep_cli.commands.completing import complete_file
from acestep_cli.commands.options import field_options
from acestep_cli.commands.texts import read_file, read_texts
from acestep_cli.commands.verb import RUN, GroupedOption, Verb, VerbGroup
from acestep_cli.config import SETTINGS, Settings, resolve
from acestep_cli.errors import CheckpointError, InputError, UsageError
from acestep_cli.events import Warned
from acestep_cli.lyrics import Finding, Fit
from acestep_cli.request import BY_NAME, SongRequest
from acestep_cli.request.validate import check as check_field
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acestep_cli.weights.places import Place
    from acestep_cli.weights.tokenizer import Tokenizer

GROUP_HELP = """Find what a model would misread in lyrics.

\b
Examples:
  acestep lyrics check song.txt
  acestep lyrics check song.txt --duration 90 --language fr
"""
CHECK_HELP = """Find what a model would sing or skip or cut though nobody meant it.

FILE holds lyrics, - stands for stdin. Findings are written to stdout, one a line, as LINE: message,
where line 0 stands for the lyrics as a whole. With a checkpoint at hand its tokenizer tells what is
too long for the model to read.

\b
Examples:
  acestep lyrics check song.txt
  acestep lyrics check - --duration 2:30 --caption "soul ballad" < song.txt
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of lyrics. `lyrics` and `caption`: how they fit the text encoder, None where
    that could not be counted or there is none."""

    findings: tuple[Finding, ...]
    language: str
    lyrics: Fit | None = None
    caption: Fit | None = None


def check(output: Output, file: str, strict: bool | None, **values: Any) -> Result:
    """Check the lyrics in FILE, show the findings and how long a song may be."""
    flags = {name: value for name, value in values.items() if value is not None}
    if file == "-" and flags.get("caption") == "-":
        raise UsageError("lyrics and caption both ask for stdin, which can be read only once")
    resolved = resolve(read_texts(flags, ("caption",)), environ=os.environ)
    text = read_file(file, "lyrics")
    report, warnings = _report(text, resolved.request, resolved.settings)
    for warning in warnings:
        output.say(f"note: {warning.message}")
    output.say(_summary(text, report))
    count = len(report.findings)
    error = None
    if strict and count:
        noun = "finding" if count == 1 else "findings"
        error = InputError(
            f"there is something to mend in the lyrics: {count} {noun}",
            "mend it, or leave out --strict",
            code="findings",
        )
    return Result(
        data=_data(text, report, resolved.request.duration),
        lines=tuple(f"{found.line}: {found.message}" for found in report.findings),
        warnings=warnings,
        error=error,
    )


def _report(
    text: str, request: SongRequest, settings: Settings
) -> tuple[Report, tuple[Warned, ...]]:
    language = request.vocal_language
    if language == "unknown":
        language = words.guess_language(text)
    refused = [
        Finding(0, "refused", f"{problem.message}; {problem.remedy}")
        for problem in check_field(BY_NAME["lyrics"], text)
    ]
    if refused:
        # No song can be made of it: what else could be said would only take long.
        return Report(tuple(refused), language), ()
    findings = words.check_lyrics(text, request.duration, request.vocal_language)
    # A folder that somebody named must exist; what lies in it may be damaged.
    places = _places(settings)
    try:
        tokenizer = _tokenizer(places)
        if tokenizer is None:
            reason = "that needs the text encoder of a checkpoint, and none was found"
        else:
            fits = _fits(text, request, language, tokenizer)
            more = [*_smuggled(text, tokenizer), *_cut(text, *fits)]
            return Report(tuple(sorted([*findings, *more])), language, *fits), ()
    except CheckpointError as error:
        reason = error.message
    message = f"what is too long for the model to read was not counted: {reason}"
    return Report(tuple(findings), language), (Warned("not_counted", message),)


def _places(settings: Settings) -> list[Place]:
    """Where checkpoints may lie, without the demonstration, whose tokenizer counts otherwise."""
    from acestep_cli.config.paths import current_folder
    from acestep_cli.weights.places import search_places

    places = search_places(
        settings.checkpoints, environ=os.environ, cwd=current_folder(), further=settings.models
    )
    return [place for place in places if not place.is_demo]


def _tokenizer(places: Sequence[Place]) -> Tokenizer | None:
    from acestep_cli.weights.locate import installed
    from acestep_cli.weights.tokenizer import Tokenizer

    found = installed(places, "text_encoder")
    return Tokenizer(found[0].path) if found else None


def _fits(
    text: str, request: SongRequest, language: str, tokenizer: Tokenizer
) -> tuple[Fit, Fit | None]:
    from acestep_cli.pipeline import prompts

    # As `generate` reads it.
    sung = prompts.neutralise(text.strip("\r\n"), tokenizer.added_in(text))
    lyrics = words.fit_text(
        sung,
        lambda part: prompts.lyric_prompt(language, part),
        tokenizer,
        prompts.LYRIC_TOKENS,
    )
    if not request.caption:
        return lyrics, None
    return lyrics, _fit_caption(request, tokenizer)


def _fit_caption(request: SongRequest, tokenizer: Tokenizer) -> Fit:
    """How the caption fits beside the metadata; what is not given is taken at its longest, since a
    planner may write it."""
    from acestep_cli.pipeline import prompts
    from acestep_cli.pipeline.plan import Plan

    plan = Plan(
        caption=prompts.neutralise(request.caption, tokenizer.added_in(request.caption)),
        lyrics="",
        duration=request.duration or 600.0,
        language="en",
        bpm=request.bpm or 300,
        keyscale=request.keyscale or "F# minor",
        timesignature=request.timesignature or "4",
    )
    instruction = prompts.instruction_for(request.task_type)
    metas = prompts.metas_text(plan, plan.duration)
    lost = prompts.fit_caption(instruction, plan.caption, metas, tokenizer.encode)[1]
    whole = prompts.caption_prompt(instruction, plan.caption, metas)
    return Fit(
        tokens=len(tokenizer.encode(whole)),
        limit=prompts.CAPTION_TOKENS,
        lost=plan.caption[len(plan.caption) - lost :],
    )


def _smuggled(text: str, tokenizer: Tokenizer) -> list[Finding]:
    return [
        Finding(number, "special_token", f"{token} is read as plain words; leave it out")
        for number, line in enumerate(text.splitlines(), start=1)
        for token in tokenizer.added_in(line)
    ]


def _cut(text: str, lyrics: Fit, caption: Fit | None) -> list[Finding]:
    found = []
    if lyrics.lost:
        # Counted from the end, since the tokenizer may have changed letters before it.
        rest = len(lyrics.lost.lstrip().splitlines())
        line = len(text.rstrip("\r\n").splitlines()) - rest + 1
        noun = "line" if lyrics.lost_lines == 1 else "lines"
        where = f"the last {len(lyrics.lost)} characters ({lyrics.lost_lines} {noun})"
        found.append(Finding(line, "lyrics_cut", _loss("lyrics have", lyrics, where)))
    if caption and caption.lost:
        where = f"the last {len(caption.lost)} characters"
        found.append(
            Finding(0, "caption_cut", _loss("caption with its metadata has", caption, where))
        )
    return found


def _loss(what: str, fit: Fit, where: str) -> str:
    begin = words.quoted(fit.lost.strip().splitlines()[0]) if fit.lost.strip() else "blanks"
    return (
        f"the {what} {fit.tokens} tokens and the model reads {fit.limit}: "
        f"{where} are lost, from {begin} on; shorten it"
    )


def _summary(text: str, report: Report) -> str:
    sung = words.density(text, 1.0)
    unit = sung.unit if sung.count > 1 else sung.unit.removesuffix("s")
    parts = [f"{sung.count} {unit}" if sung.count else "nobody sings"]
    if sung.count:
        parts += [report.language, f"about {words.estimate_duration(text)} s"]
        fitting = words.fitting_durations(text, report.language)
        parts.append(
            f"sings well in {fitting[0]} to {fitting[1]} s" if fitting else "too much for a song"
        )
    if report.lyrics:
        parts.append(f"{report.lyrics.tokens} of {report.lyrics.limit} tokens")
    count = len(report.findings)
    parts.append(f"{count or 'no'} {'finding' if count == 1 else 'findings'}")
    return " · ".join(parts)


def _data(text: str, report: Report, duration: float | None) -> dict[str, Any]:
    sung = words.density(text, duration or 1.0)
    fitting = words.fitting_durations(text, report.language)
    return {
        "findings": [asdict(found) for found in report.findings],
        "language": report.language,
        "sections": [
            {"tag": section.tag, "name": section.name, "line": section.line}
            for section in words.parse_sections(text)
        ],
        "sung": {
            "unit": sung.unit,
            "count": sung.count,
            "per_second": round(sung.per_second, 2) if duration else None,
        },
        "duration": duration,
        "estimated_duration": words.estimate_duration(text),
        "fitting_duration": list(fitting) if fitting else None,
        "tokens": {"lyrics": _fit_data(report.lyrics), "caption": _fit_data(report.caption)},
    }


def _fit_data(fit: Fit | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "count": fit.tokens,
        "limit": fit.limit,
        "lost": fit.lost,
        "lost_characters": len(fit.lost),
        "lost_lines": fit.lost_lines,
    }


command = VerbGroup(
    "lyrics",
    [
        Verb(
            "check",
            [
                click.Argument(["file"], metavar="FILE", shell_complete=complete_file),
                *field_options(BY_NAME[name] for name in ("duration", "vocal_language", "caption")),
                *field_options(row for row in SETTINGS if row.name == "checkpoints"),
                GroupedOption(["--strict"], RUN, is_flag=True, help="exit 5 on a finding"),
            ],
            callback=check,
            help=CHECK_HELP,
            short_help="Find what a model would sing or skip or cut by mistake",
        )
    ],
    help=GROUP_HELP,
    short_help="Find what a model would misread in lyrics",
)
