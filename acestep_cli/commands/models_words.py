"""What the verbs of `acestep models` share: settings, places, names and words for sizes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import config_option
from acestep_cli.config import SETTINGS, Resolved, resolve
from acestep_cli.errors import UsageError
from acestep_cli.weights.catalog import (
    DIT_PREFIX,
    NOUNS,
    PLANNER_PREFIX,
    Entry,
    Family,
    Kind,
)
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER

if TYPE_CHECKING:
    from acestep_cli.weights.fetch import Destination
    from acestep_cli.weights.places import Place

RECOMMENDED = "recommended"
_PREFIXES: Mapping[str, Kind] = {DIT_PREFIX: "dit", PLANNER_PREFIX: "planner"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The settings, and the places in which checkpoints are looked for, without the demonstration,
    which is `demo`; `entries` are the checkpoints that are known by name."""

    resolved: Resolved
    places: tuple[Place, ...]
    entries: Mapping[str, Entry]
    demo: Place | None = None

    def kind_of(self, name: str) -> Kind | None:
        """The kind of checkpoint that has this name; None for a name that says nothing."""
        if name in self.entries:
            return self.entries[name].kind
        if name == DEMO:
            return "dit"
        return next((kind for prefix, kind in _PREFIXES.items() if name.startswith(prefix)), None)

    def check_names(self, names: Iterable[str], *, also: Iterable[str] = ()) -> None:
        """UsageError with the nearest name for one that is neither known nor in `also`."""
        known = [*also, *self.entries]
        for name in names:
            if name in (DEMO, DEMO_PLANNER) and name not in known:
                raise UsageError(
                    f"{name} is built in: it comes and goes with acestep itself",
                    "see `acestep models` for what can be fetched and removed",
                )
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "see `acestep models` for the names"
                raise UsageError(f"there is no checkpoint {name!r}", hint)


def shelf_of(checkpoints: str | None, config_file: str | None, *, created: bool = False) -> Shelf:
    """The shelf as the options and the other layers of settings have it; with `created`, the
    folder of checkpoints may still be missing."""
    from acestep_cli.config.paths import current_folder, expand
    from acestep_cli.weights.further import entries_with
    from acestep_cli.weights.places import search_places

    resolved = resolve({"checkpoints": checkpoints}, config_file=config_file, environ=os.environ)
    settings, here = resolved.settings, current_folder()
    folder = settings.checkpoints
    if created and folder is not None and not expand(str(folder), here).is_dir():
        folder = None
    places = search_places(folder, environ=os.environ, cwd=here, further=settings.models)
    real = tuple(place for place in places if not place.is_demo)
    demo = next((place for place in places if place.is_demo), None)
    return Shelf(resolved, real, entries_with(settings.models), demo)


def destination_of(shelf: Shelf) -> Destination:
    """Where to fetch to: the folder of the settings, else that of the environment, else the hub
    cache."""
    from acestep_cli.config.paths import current_folder, expand
    from acestep_cli.weights.fetch import Destination
    from acestep_cli.weights.places import CHECKPOINTS_VARIABLE, hub_cache

    named = shelf.resolved.settings.checkpoints or os.environ.get(CHECKPOINTS_VARIABLE)
    if named:
        return Destination(expand(str(named), current_folder()), is_hub=False)
    return Destination(current_folder() / hub_cache(os.environ), is_hub=True)


def place_options() -> list[click.Parameter]:
    """Where checkpoints lie, and which settings apply."""
    return [
        *field_options([row for row in SETTINGS if row.name == "checkpoints"]),
        config_option(),
    ]  # fmt: skip


def names_argument(**rest: Any) -> click.Argument:
    """NAME, any number of times."""
    return click.Argument(["names"], nargs=-1, metavar="NAME...", **rest)


def kind_words(kind: Kind, family: Family | None) -> str:
    """What a checkpoint is: `turbo model`, `planner`."""
    return f"{family} {NOUNS[kind]}" if family else NOUNS[kind]


def size_words(nbytes: int) -> str:
    """A size as people read it: `4.8 GB`, `338 MB`, `2 kB`; empty for 0, which nobody knows."""
    if nbytes >= 1e9:
        return f"{nbytes / 1e9:.1f} GB"
    if nbytes >= 1e6:
        return f"{nbytes / 1e6:.0f} MB"
    return f"{max(nbytes / 1e3, 1):.0f} kB" if nbytes else ""


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])
