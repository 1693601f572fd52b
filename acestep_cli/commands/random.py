"""`acestep random`: a song from an idea of the package's own list, drawn by seed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

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
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.config import Resolved
from acestep_cli.errors import UsageError
from acestep_cli.request import FIELDS, Field
from acestep_cli.request.table_sound import EDIT
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from acestep_cli.examples import Description, Example
    from acestep_cli.pipeline.plan import Wish

HELP = """Make a song from an idea drawn by seed.

The idea comes from the package's own list, and the planner makes a song of it. Without a planner,
or with --no-lm, a complete example is drawn instead. What you type (a tempo, a language,
--instrumental) holds for the song. The same seed draws the same idea.

\b
Examples:
  acestep random --seed 7
  acestep random --language ja --print
  acestep random --instrumental --duration 60 --batch 2
"""

# The idea takes their place.
_DRAWN = ("caption", "lyrics", "description", "sample_mode", "audio_codes")


def random(
    output: Output, choices: RunChoices, print_only: bool | None, values: dict[str, Any]
) -> Result:
    """Draw an idea for each song and make songs of them, or only show them."""
    from acestep_cli.pipeline.settle import draw_seeds

    resolved = resolved_with(typed(values, choices), choices)
    request = resolved.request
    if request.task_type != "text2music" or request.src_audio or request.flow_edit_morph:
        raise UsageError(
            "random makes new songs and there is a source", "use generate with --src-audio"
        )
    seeds = draw_seeds(request.seed, request.batch_size)
    resolved = with_request(resolved, seed=seeds)
    ideas = [_Idea(seed, resolved) for seed in seeds]
    if print_only:
        return _shown(ideas, seeds, complete=request.no_lm)

    def examples() -> tuple[Wish, ...]:
        return tuple(idea.example_wish(resolved, index) for index, idea in enumerate(ideas))

    if request.no_lm:
        return make_songs(output, Songs(resolved, examples()), choices)
    wishes = tuple(idea.wish(resolved, index) for index, idea in enumerate(ideas))
    return make_songs(output, Songs(resolved, wishes, examples), choices)


class _Idea:
    """What one seed draws that fits the typed language and `instrumental`: a description, and a
    complete example."""

    def __init__(self, seed: int, resolved: Resolved) -> None:
        request = resolved.request
        self._seed = seed
        spoken = None if request.vocal_language == "unknown" else request.vocal_language
        self._silent = request.instrumental if resolved.given("instrumental") else None
        self._language = None if self._silent else spoken

    @cached_property
    def description(self) -> Description:
        """A sentence. A planner can sing it in any language, so one without an entry of its own
        gets one of the others."""
        from acestep_cli.examples import descriptions, draw_description

        known = {entry.language for entry in descriptions()}
        language = self._language if self._language in known else None
        silent = False if self._language is not None else self._silent
        return draw_description(self._seed, language=language, instrumental=silent)

    @cached_property
    def example(self) -> Example:
        """A song in words and numbers; UsageError where there is none in the language."""
        from acestep_cli.examples import draw_example

        return draw_example(self._seed, language=self._language, instrumental=self._silent)

    def wish(self, resolved: Resolved, index: int) -> Wish:
        """What was typed, and the description to be thought through."""
        from acestep_cli.pipeline.plan import INSTRUMENTAL, wish_of

        typed_part, drawn = wish_of(resolved.request, index), self.description
        sung = None if drawn.instrumental else drawn.language
        return replace(
            typed_part.filled(
                language=sung,
                instrumental=drawn.instrumental,
                lyrics=INSTRUMENTAL if drawn.instrumental else "",
            ),
            query=drawn.description,
        )

    def example_wish(self, resolved: Resolved, index: int) -> Wish:
        """What was typed, filled with the complete example."""
        from acestep_cli.pipeline.plan import wish_of

        drawn = self.example
        filled = wish_of(resolved.request, index).filled(
            caption=drawn.caption,
            lyrics=drawn.lyrics,
            bpm=drawn.bpm,
            duration=float(drawn.duration),
            keyscale=drawn.keyscale,
            timesignature=drawn.timesignature,
            language=None if drawn.instrumental else drawn.language,
        )
        return replace(filled, query=None, final_caption=True)


def _shown(ideas: list[_Idea], seeds: tuple[int, ...], *, complete: bool) -> Result:
    """The ideas themselves, for people and as JSON."""
    from dataclasses import asdict

    if not complete:
        return Result(
            data={
                "ideas": [
                    {"seed": seed, **asdict(idea.description)}
                    for seed, idea in zip(seeds, ideas, strict=True)
                ]
            },
            lines=tuple(idea.description.description for idea in ideas),
        )
    from acestep_cli.term.words import song_lines

    songs = [
        {"seed": seed, **asdict(idea.example)} for seed, idea in zip(seeds, ideas, strict=True)
    ]
    return Result(
        data={"ideas": songs}, lines=tuple(line for song in songs for line in song_lines(song, 0))
    )


def _unlike_edits(row: Field) -> Field:
    """`row` kept out of the help where it is about a source, which a drawn song has not."""
    return replace(row, hidden=row.hidden or (row.group == EDIT and row.name != "reference_audio"))


command = Verb(
    "random",
    [
        *field_options(_unlike_edits(row) for row in FIELDS if row.name not in _DRAWN),
        GroupedOption(["print_only", "--print"], RUN, is_flag=True, help="only show the idea"),
        *run_options(),
    ],
    callback=verb_callback(random, "print_only"),
    help=HELP,
    short_help="Make a song from an idea drawn by seed",
)
