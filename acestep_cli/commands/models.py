"""`acestep models`: which checkpoints are here, which can be fetched, and fetching them."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from acestep_cli.commands.completing import complete_installed
from acestep_cli.commands.models_care import REMOVE, VERIFY
from acestep_cli.commands.models_pull import PULL
from acestep_cli.commands.models_words import (
    Shelf,
    kind_words,
    names_argument,
    place_options,
    shelf_of,
    size_words,
)
from acestep_cli.commands.verb import Verb, VerbGroup
from acestep_cli.errors import CheckpointError, DeviceError, UsageError
from acestep_cli.term.output import Output, Result
from acestep_cli.term.table import columns_of, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acestep_cli.weights.catalog import Entry
    from acestep_cli.weights.fit import Machine
    from acestep_cli.weights.inventory import Stock

GROUP_HELP = """List checkpoints, fetch them, check them and remove them.

Without the name of a command the checkpoints are listed.

\b
Examples:
  acestep models
  acestep models pull recommended
"""
LIST_HELP = """List the checkpoints that are here and those that can be fetched.

One line for each: name, state, size, kind, and where it lies or what it is for. The state is
default for what a song is made with, here, hidden for a second one of the same name, incomplete,
unusable or - for what is not here.

\b
Examples:
  acestep models list
  acestep models list --checkpoints ~/checkpoints --json
"""
PATH_HELP = """Print the folders of checkpoints that are here.

\b
Examples:
  acestep models path acestep-v15-turbo
  du -shL "$(acestep models path vae)"
"""


def list_models(output: Output, checkpoints: str | None, config_file: str | None) -> Result:
    """What is here and what can be had."""
    from acestep_cli.weights.inventory import inventory

    shelf = shelf_of(checkpoints, config_file)
    stocks = inventory(shelf.places)
    machine = _machine(shelf)
    chosen = _chosen(shelf, stocks, machine)
    here = [stock for stock in stocks if not stock.lacks]
    names = {stock.name for stock in here}
    absent = [entry for entry in shelf.entries.values() if entry.name not in names]
    parts = [stock for stock in stocks if stock.lacks]
    if not here:
        output.say("no checkpoint is here yet: fetch some with `acestep models pull recommended`")
    data = {
        "installed": [_stock_data(stock, chosen, machine) for stock in here],
        "incomplete": [_part_data(stock) for stock in parts],
        "available": [_entry_data(entry, machine) for entry in absent],
        "default": chosen,
        "places": [{"path": str(place.path), "origin": place.origin} for place in shelf.places],
    }
    rows = [
        *(_stock_row(stock, chosen, machine) for stock in here),
        *(_part_row(stock) for stock in parts),
        *(_entry_row(entry, machine) for entry in absent),
    ]
    width = columns_of(output.answer, os.environ)
    heads = [("NAME", "STATE", "SIZE", "KIND", "ABOUT")] if width else []
    return Result(data=data, lines=tuple(table([*heads, *rows], width)))


def path(
    output: Output, names: tuple[str, ...] | None, checkpoints: str | None, config_file: str | None
) -> Result:
    """The folders that a run would read."""
    from acestep_cli.weights.inventory import inventory
    from acestep_cli.weights.locate import named_folder

    if not names:
        raise UsageError("no checkpoint is named", "see `acestep models` for the names")
    shelf = shelf_of(checkpoints, config_file)
    shelf.check_names(names, also=[stock.name for stock in inventory(shelf.places)])
    found = []
    for name in names:
        kind = shelf.kind_of(name)
        assert kind is not None
        found.append(named_folder(name, kind, shelf.places)[0])
    data = [{"name": folder.name, "path": str(folder.path)} for folder in found]
    return Result(data=data, lines=tuple(str(folder.path) for folder in found))


def _machine(shelf: Shelf) -> Machine | None:
    """This machine; None where the settings name a device that is not here."""
    from acestep_cli.weights.fit import Machine

    machine = Machine.of(shelf.resolved.settings, os.environ)
    try:
        machine.device  # noqa: B018
    except DeviceError:
        return None
    return machine


def _chosen(shelf: Shelf, stocks: list[Stock], machine: Machine | None) -> dict[str, str | None]:
    """The model and the planner that a song is made with where nobody names one."""
    from acestep_cli.weights.planners import find_planners, planner_size

    request = shelf.resolved.request
    usable = [stock for stock in stocks if stock.is_used and not stock.fault]
    able = [stock.name for stock in usable if "text2music" in stock.tasks]
    model = request.model or next(iter(able), None)
    planner = request.lm_model_path
    if planner is None and machine is not None:
        try:
            sizes = [planner_size(folder) for folder in find_planners(None, shelf.places)]
            index = machine.preferred(sizes) if sizes else None
            planner = sizes[index].name if index is not None else None
        except CheckpointError:
            planner = None  # its fault is told beside its name
    return {"model": model, "planner": planner}


def _misfit(item: Stock | Entry, machine: Machine | None) -> str:
    cached = getattr(item, "cached", 0)
    return machine.misfit(item.kind, item.values, cached) if machine is not None else ""


def _state(stock: Stock, chosen: dict[str, str | None]) -> str:
    if stock.fault:
        return "unusable"
    if not stock.is_used:
        return "hidden"
    slot = {"dit": "model", "planner": "planner"}.get(stock.kind)
    return "default" if slot and chosen[slot] == stock.name else "here"


def _stock_row(
    stock: Stock, chosen: dict[str, str | None], machine: Machine | None
) -> tuple[str, ...]:
    misfit = _misfit(stock, machine)
    about = stock.fault or str(stock.path)
    kind = kind_words(stock.kind, stock.family)
    about = f"too large for this machine; {about}" if misfit else about
    return (stock.name, _state(stock, chosen), size_words(stock.nbytes), kind, about)


def _part_row(stock: Stock) -> tuple[str, ...]:
    size, lacks = size_words(stock.nbytes), ", ".join(stock.lacks)
    about = f"lacks {lacks}; {stock.path}"
    return (stock.name, "incomplete", size, kind_words(stock.kind, None), about)


def _entry_row(entry: Entry, machine: Machine | None) -> tuple[str, ...]:
    about = "; ".join(_notes(entry, machine))
    kind = kind_words(entry.kind, entry.family)
    return (entry.name, "-", size_words(entry.nbytes), kind, about)


def _notes(entry: Entry, machine: Machine | None) -> Iterator[str]:
    if _misfit(entry, machine):
        yield "too large for this machine"
    if entry.note:
        yield entry.note


def _stock_data(
    stock: Stock, chosen: dict[str, str | None], machine: Machine | None
) -> dict[str, Any]:
    misfit = _misfit(stock, machine)
    return {
        "name": stock.name,
        "kind": stock.kind,
        "family": stock.family,
        "state": _state(stock, chosen),
        "path": str(stock.path),
        "place": stock.place.origin,
        "revision": stock.revision,
        "bytes": stock.nbytes,
        "weights": stock.values,
        "tasks": list(stock.tasks),
        "fits": not misfit,
        "reason": stock.fault or misfit or None,
    }


def _part_data(stock: Stock) -> dict[str, Any]:
    return {
        "name": stock.name,
        "kind": stock.kind,
        "path": str(stock.path),
        "place": stock.place.origin,
        "bytes": stock.nbytes,
        "lacks": list(stock.lacks),
    }


def _entry_data(entry: Entry, machine: Machine | None) -> dict[str, Any]:
    misfit = _misfit(entry, machine)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "family": entry.family,
        "repo": entry.repo,
        "folder": entry.folder or None,
        "bytes": entry.nbytes or None,
        "weights": entry.values or None,
        "tasks": list(entry.tasks),
        "sampling": asdict(entry.sampling) if entry.sampling is not None else None,
        "fits": not misfit,
        "reason": misfit or None,
        "about": entry.note,
    }


_LIST = Verb(
    "list", place_options(), callback=list_models, help=LIST_HELP, short_help="List checkpoints"
)
_PATH = Verb(
    "path",
    [names_argument(shell_complete=complete_installed), *place_options()],
    callback=path,
    help=PATH_HELP,
    short_help="Print the folders of checkpoints",
)

command = VerbGroup(
    "models",
    [_LIST, PULL, VERIFY, REMOVE, _PATH],
    default=_LIST,
    help=GROUP_HELP,
    short_help="List checkpoints; fetch or check or remove them",
)
