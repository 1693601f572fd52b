"""`acestep generate`: a song from words, or from a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from acestep_cli.commands.completing import complete_file, complete_text
from acestep_cli.commands.making import (
    RunChoices,
    Songs,
    make_songs,
    resolved_with,
    run_options,
    typed,
    verb_callback,
    with_request,
)
from acestep_cli.commands.options import field_options
from acestep_cli.commands.texts import read_file
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import UsageError
from acestep_cli.request import SongRequest, check_makeable
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from acestep_cli.request.plan_file import PlanItem

HELP = """Make a song from words.

CAPTION says how the song sounds. The planner refines it, writes tempo, key, meter and length, and
composes audio codes that lead the renderer; what you type stays as you typed it. CAPTION, --lyrics
and other texts are given as they are, as @FILE, or as - for stdin. Audio paths are written to
stdout, one a line.

\b
Examples:
  acestep generate "lofi hip hop, rainy night"
  acestep generate -d "a cheerful song about spring" --seed 7
  acestep generate "piano ballad" --lyrics @words.txt --audio-format flac
  acestep generate "synthwave" --plan-only > plan.json
  acestep generate --plan plan.json --batch 2
"""


def generate(
    output: Output,
    choices: RunChoices,
    words: str | None,
    plan_file: str | None,
    values: dict[str, Any],
) -> Result:
    """Build the request from all layers, run it as one job and show what came of it."""
    flags = typed(_with_words(values, words), choices)
    if plan_file is None:
        songs = Songs(resolved_with(flags, choices))
        check_makeable(songs.resolved.request)
    else:
        from acestep_cli.request.plan_file import read_plan

        songs = _planned(flags, choices, read_plan(read_file(plan_file, "the plan"), plan_file))
    return make_songs(output, songs, choices)


def _planned(flags: dict[str, Any], choices: RunChoices, items: tuple[PlanItem, ...]) -> Songs:
    """The songs of a plan: what was typed wins, what the plan lacks is left to the planner."""
    from dataclasses import replace

    from acestep_cli.pipeline.plan import wish_of

    seeds = [item.values.pop("seed", -1) for item in items]
    batch = {"batch_size": len(items)} if len(items) > 1 else {}
    main = resolved_with(flags, choices, {**items[0].values, **batch, "seed": seeds})
    count = main.request.batch_size
    if len(items) not in (1, count):
        raise UsageError(
            f"the plan holds {len(items)} songs and batch_size is {count}",
            "leave out --batch, or give a plan of one song",
        )
    each = [resolved_with(flags, choices, item.values).request for item in items]
    for request, item in zip(each, items, strict=True):
        _check_song(request, item)
    wishes = [
        replace(
            wish_of(request),
            genres=item.genres,
            final_caption="caption" in item.values and "caption" not in flags,
        )
        for request, item in zip(each, items, strict=True)
    ]
    # What one item has must not pass for the others: the wishes say all.
    common = {"audio_codes": tuple(wish.audio_codes for wish in wishes)} if len(wishes) > 1 else {}
    return Songs(with_request(main, **common), tuple(wishes * count if len(items) == 1 else wishes))


def _check_song(request: SongRequest, item: PlanItem) -> None:
    try:
        check_makeable(request)
    except UsageError as error:
        raise UsageError(f"{item.source}: {error.message}", error.hint) from error


def _with_words(values: dict[str, Any], words: str | None) -> dict[str, Any]:
    if words is None:
        return values
    if values.get("caption") is not None:
        raise UsageError(
            "the caption is given twice, as CAPTION and with --caption", "leave one of them out"
        )
    return {**values, "caption": words}


command = Verb(
    "generate",
    [
        click.Argument(
            ["words"], required=False, metavar="[CAPTION]", shell_complete=complete_text
        ),
        *field_options(),
        GroupedOption(
            ["plan_file", "--plan"], RUN, metavar="FILE", shell_complete=complete_file,
            help="render a plan: a record or what --plan-only prints",
        ),
        *run_options(),
    ],
    callback=verb_callback(generate, "words", "plan_file"),
    help=HELP,
    short_help="Make a song from words",
)  # fmt: skip
