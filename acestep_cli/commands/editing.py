"""What the commands that work on a source share: SOURCE, the options that mean something to each,
and one run of the request that `generate --task` would make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from acestep_cli.commands.completing import complete_source, complete_text
from acestep_cli.commands.making import (
    RunChoices,
    Songs,
    make_songs,
    resolved_with,
    run_options,
    typed,
    verb_callback,
)
from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import UsageError
from acestep_cli.files import is_file
from acestep_cli.request import BY_NAME, FIELDS, Field, check_makeable
from acestep_cli.term.output import Output, Result

# What means something to every edit; each command adds its own.
_WORDS = ("caption", "lyrics", "instrumental", "vocal_language", "instruction")
_MUSIC = ("bpm", "keyscale", "timesignature")
_PLANNER = (
    "no_lm", "thinking", "use_cot_caption", "use_cot_language", "use_cot_metas", "lm_temperature",
    "lm_top_k", "lm_top_p", "lm_repetition_penalty", "constrained_decoding",
)  # fmt: skip
_GROUPS = {
    group: tuple(row.name for row in FIELDS if row.group == group)
    for group in ("Models and seeds", "Sampling", "Level", "Files")
}
# Where the source is kept as it is, nothing may change its level.
KEEPS_LEVEL = _GROUPS["Level"]


def edit_verb(
    name: str,
    make: Callable[..., Result],
    own: Iterable[Field | click.Parameter],
    *,
    positional: Sequence[click.Argument] = (),
    without: Sequence[str] = (),
    **texts: str,
) -> Verb:
    """The command `name`: SOURCE, then `positional` (by default an optional CAPTION), then the
    options. `make` gets what `making.verb_callback` gives: SOURCE, the rest that is positional and
    options that are no parameters of a song, by their order, then the song's values.
    """
    rows = [*own]
    following = positional or (_caption(),)
    extra = [option for option in rows if isinstance(option, click.Parameter)]
    source = replace(BY_NAME["src_audio"], hidden=True)
    fields = [
        source,
        *([] if "audio_codes" in without else [BY_NAME["audio_codes"]]),
        *_fields([row for row in rows if isinstance(row, Field)], without),
    ]
    names = [str(param.name) for param in (*following, *extra)]
    return Verb(
        name,
        [
            click.Argument(
                ["source"], required=False, metavar="SOURCE", shell_complete=complete_source
            ),
            *following,
            *field_options(fields),
            *extra,
            *(option for option in run_options() if option.name != "plan_only"),
        ],
        callback=verb_callback(make, "source", *names),
        **texts,
    )


def _caption() -> click.Argument:
    return click.Argument(
        ["words"], required=False, metavar="[CAPTION]", shell_complete=complete_text
    )


def in_one_step(**task: Any) -> Callable[..., Result]:
    """What runs a command that takes SOURCE and CAPTION and is the `task` of a request as it is."""

    def make(
        output: Output,
        choices: RunChoices,
        source: str | None,
        words: str | None,
        values: dict[str, Any],
    ) -> Result:
        return make_edit(output, choices, values, (source, words), **task)

    return make


def respelled(name: str, *spellings: str, help_: str = "") -> Field:
    """The parameter `name` shown as `spellings`; its other spellings are accepted as well."""
    row = BY_NAME[name]
    return replace(row, spellings=spellings, help=help_ or row.help)


def make_edit(
    output: Output,
    choices: RunChoices,
    values: dict[str, Any],
    positional: Sequence[str | None],
    **task: Any,
) -> Result:
    """Run the edit that `values` ask for; `positional` holds SOURCE and CAPTION as typed, `task`
    what the command itself says."""
    flags = typed({**placed(values, positional), **task}, choices)
    songs = Songs(resolved_with(flags, choices))
    check_makeable(songs.resolved.request)
    return make_songs(output, songs, choices)


def placed(values: dict[str, Any], positional: Sequence[str | None]) -> dict[str, Any]:
    """`values` with SOURCE and CAPTION in their places; with --src-audio or --codes the first word
    is the caption. UsageError for what is given twice."""
    given = [word for word in positional if word is not None]
    option = source_option(values)
    names = ["caption"] if option else ["src_audio", "caption"]
    # A file in the place of a caption is meant as a source.
    if len(given) > len(names) or (option and given and is_file(Path(given[0]))):
        raise UsageError(
            f"the source is given twice, as SOURCE and with {option}", "leave one of them out"
        )
    if len(given) == len(names) and values.get("caption") is not None:
        raise UsageError(
            "the caption is given twice, as CAPTION and with --caption", "leave one of them out"
        )
    return {**values, **dict(zip(names, given, strict=False))}


def source_option(values: dict[str, Any]) -> str:
    """The option that `values` name the source with; empty where SOURCE stands for it."""
    named = {"src_audio": "--src-audio", "audio_codes": "--codes"}
    return next((flag for name, flag in named.items() if values.get(name) is not None), "")


def _fields(own: Sequence[Field], without: Sequence[str]) -> list[Field]:
    """The rows of a command: its own first, then words, planner and all that makes the sound."""
    listening = respelled(
        "thinking", *BY_NAME["thinking"].spellings,
        help_="let the planner listen to the source and write what is open",
    )  # fmt: skip
    rest = [BY_NAME[name] for names in (_PLANNER, *_GROUPS.values()) for name in names]
    return [
        *own,
        BY_NAME["reference_audio"],
        *(BY_NAME[name] for name in (*_WORDS, *_MUSIC)),
        *(listening if row.name == "thinking" else row for row in rest if row.name not in without),
    ]
