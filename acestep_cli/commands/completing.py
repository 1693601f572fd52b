"""What a shell offers on TAB: checkpoints, jobs, presets, keys and words, each with what it is.

Every completer has click's signature. A shell shows what a completer writes, errors too, so where
nothing can be found out nothing is offered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from acestep_cli.commands.completing_items import (
    Completer,
    Item,
    complete_words,
    completer,
    item,
    resolved_before,
    word_before,
)

if TYPE_CHECKING:
    from acestep_cli.jobs.history import KnownJob
    from acestep_cli.request import Field
    from acestep_cli.weights.catalog import Kind
    from acestep_cli.weights.folder import Folder
    from acestep_cli.weights.places import Place

__all__ = [
    "RECOMMENDED",
    "complete_checkpoint",
    "complete_device",
    "complete_file",
    "complete_installed",
    "complete_job",
    "complete_key",
    "complete_language",
    "complete_meter",
    "complete_model",
    "complete_planner",
    "complete_preset",
    "complete_setting",
    "complete_source",
    "complete_text",
    "complete_words",
    "field_completer",
]

# Reading a record takes a millisecond, and nobody looks through hundreds.
_MOST_JOBS = 30
_MOST_FILES = 1000
_LONGEST_WORDS = 48
_KINDS: tuple[Kind, ...] = ("dit", "planner", "text_encoder", "vae")
RECOMMENDED = "recommended"


@completer
def complete_model(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Models, those that are here first, then the demonstration."""
    items = list(_checkpoints(ctx, ("dit",)))
    here = [item for item in items if str(item.help).startswith(_HERE)]
    yield from [*here, *_demonstration(ctx), *items[len(here) :]]


@completer
def complete_planner(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Planners, those that are here first."""
    yield from _checkpoints(ctx, ("planner",))


@completer
def complete_checkpoint(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """All that can be fetched, what is not here yet first."""
    yield item(RECOMMENDED, "what suits this machine")
    items = list(_checkpoints(ctx, _KINDS))
    yield from sorted(items, key=lambda item: str(item.help).startswith(_HERE))


@completer
def complete_installed(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Checkpoints of all kinds that are here."""
    for kind in _KINDS:
        yield from (item(folder.name, _kind_of(folder)) for folder in _installed(ctx, kind))


@completer
def complete_job(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """The newest jobs, `last` before them."""
    yield from _jobs(ctx, incomplete)


@completer
def complete_source(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Files and jobs."""
    # First, because the script of bash forgets what came before it.
    yield CompletionItem(incomplete, type="file")
    yield from _jobs(ctx, incomplete, without_sound=False)


@completer
def complete_file(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Files."""
    yield CompletionItem(incomplete, type="file")


@completer
def complete_text(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Files behind an @; what else a text may hold is not for a shell to say."""
    if not incomplete.startswith("@"):
        return
    folder, slash, name = incomplete[1:].rpartition("/")
    with os.scandir(f"{folder}{slash}" or ".") as entries:
        for entry in sorted(islice(entries, _MOST_FILES), key=lambda entry: entry.name):
            if entry.name.startswith(".") == name.startswith(".") and entry.name.isprintable():
                end = "/" if entry.is_dir() else ""
                yield CompletionItem(f"@{folder}{slash}{entry.name}{end}")


@completer
def complete_preset(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Presets of the package and the settings files, with what they set."""
    from acestep_cli.config import find_presets

    presets = find_presets(config_file=ctx.params.get("config_file"), environ=os.environ)
    for name, values in presets.items():
        yield item(name, "; ".join(f"{key} {value}" for key, value in values.items()))


@completer
def complete_setting(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """The keys of settings, songs' parameters by their bare name only where that was begun; behind
    a key its values."""
    from acestep_cli.config import SETTINGS, find_key, full_key
    from acestep_cli.request import FIELDS

    before = word_before(incomplete)
    row = None if before.startswith("-") else find_key(before)
    if row is not None:
        yield from _values(row, ctx, incomplete)
        return
    rows = [row for row in (*SETTINGS, *FIELDS) if not row.hidden and row.name != "save_dir"]
    yield from (item(full_key(row), row.help) for row in rows)
    if incomplete:
        songs = (row for row in rows if full_key(row) != row.name)
        yield from (item(row.name, row.help) for row in songs)


@completer
def complete_language(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Codes of languages with their names."""
    from acestep_cli.request.languages import NAMES, UNKNOWN

    for code, names in NAMES.items():
        yield item(code, "decided by the lyrics" if code == UNKNOWN else names[0].title())


@completer
def complete_key(ctx: click.Context, incomplete: str) -> Iterator[Item]:
    """Keys in their short form, which needs no quotes: `F#m`."""
    from acestep_cli.request.music import KEYSCALES

    for key in KEYSCALES:
        note, _, mode = key.partition(" ")
        yield item(note if mode == "major" else f"{note}m", key)


complete_device = complete_words(
    (
        ("auto", "the best one that is there"),
        ("cpu", "the processor"),
        ("cuda", "a GPU by NVIDIA or AMD"),
        ("mps", "the GPU of a Mac"),
    )
)
complete_meter = complete_words((meter, "") for meter in ("2/4", "3/4", "4/4", "6/8"))

_HERE = "installed"
_BY_FIELD: dict[str, Completer] = {
    "device": complete_device,
    "keyscale": complete_key,
    "lm_model_path": complete_planner,
    "model": complete_model,
    "src_audio": complete_source,
    "timesignature": complete_meter,
    "vocal_language": complete_language,
}


def field_completer(field: Field) -> Completer | None:
    """What is offered for the values of a parameter or a setting; None where anything goes."""
    if field.choices:
        return complete_words((str(choice), "") for choice in field.choices)
    if field.kind == "text" and field.name not in _BY_FIELD:
        return complete_text
    return _BY_FIELD.get(field.name)


def _values(field: Field, ctx: click.Context, incomplete: str) -> list[Item]:
    if field.kind == "bool":
        return [item("true", ""), item("false", "")]
    complete = field_completer(field)
    # The completers of values ask for no parameter of click's.
    return [] if complete is None else complete(ctx, ctx.command.params[0], incomplete)


def _all_places(ctx: click.Context) -> Sequence[Place]:
    from acestep_cli.config.paths import current_folder
    from acestep_cli.weights.places import search_places

    settings = resolved_before(ctx).settings
    return search_places(
        settings.checkpoints, environ=os.environ, cwd=current_folder(), further=settings.models
    )


def _places(ctx: click.Context) -> Sequence[Place]:
    return [place for place in _all_places(ctx) if not place.is_demo]


def _demonstration(ctx: click.Context) -> Iterator[Item]:
    from acestep_cli.weights.demonstration import DEMO, DEMO_WORDS

    if any(place.is_demo for place in _all_places(ctx)):
        yield item(DEMO, DEMO_WORDS)


def _installed(ctx: click.Context, kind: Kind) -> Sequence[Folder]:
    from acestep_cli.weights.locate import installed

    return installed(_places(ctx), kind)


def _checkpoints(ctx: click.Context, kinds: Sequence[Kind]) -> Iterator[Item]:
    """The checkpoints of `kinds`, those that are here first, then those that can be fetched."""
    from acestep_cli.weights.locate import installed

    places = _places(ctx)
    here = [folder for kind in kinds for folder in installed(places, kind)]
    known = {entry.name: entry for place in places for entry in place.entries.values()}
    for folder in here:
        entry = known.get(folder.name)
        yield item(folder.name, f"{_HERE}; {entry.note if entry else _kind_of(folder)}")
    names = {folder.name for folder in here}
    for name, entry in known.items():
        if entry.kind in kinds and name not in names:
            yield item(name, entry.note)


def _kind_of(folder: Folder) -> str:
    from acestep_cli.weights.catalog import NOUNS

    return f"{folder.family} {NOUNS['dit']}" if folder.family else NOUNS[folder.kind]


def _jobs(ctx: click.Context, incomplete: str, *, without_sound: bool = True) -> Iterator[Item]:
    """`last` and the newest jobs that begin like the word; those that made nothing only where they
    are `without_sound` welcome, `last` too."""
    from acestep_cli.jobs.history import LAST, History, Unreadable, read_job

    folder = Path(resolved_before(ctx).settings.output_dir)
    newest_first = History(folder).ids()
    if not LAST.startswith(incomplete):
        newest_first = [one for one in newest_first if one.startswith(incomplete)]
    is_newest = True
    for job_id in newest_first[:_MOST_JOBS]:
        try:
            job = read_job(folder / f"{job_id}.json")
        except Unreadable:
            continue
        if without_sound or job.audio():
            if is_newest:
                yield item(LAST, "the newest job")
            yield item(job_id, _about(job))
        is_newest = False


def _about(job: KnownJob) -> str:
    """A job in a few words: how it stands and what the song is."""
    first = next(iter(job.items()), {})
    told: list[Any] = [first.get("metas"), job.record.get("request")]
    captions = [one.get("caption") for one in told if isinstance(one, dict)]
    words = next((one for one in captions if isinstance(one, str) and one.strip()), "")
    if len(words) > _LONGEST_WORDS:
        words = words[:_LONGEST_WORDS].rsplit(" ", 1)[0] + " ..."
    return f"{job.state}; {words}" if words else job.state
