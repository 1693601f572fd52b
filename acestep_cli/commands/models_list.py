"""`acestep models list`: the checkpoints that are here and those that can be fetched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from acestep_cli.commands.models_words import (
    Shelf,
    kind_words,
    place_options,
    shelf_of,
    size_words,
)
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import CheckpointError, DeviceError
from acestep_cli.term.output import Output, Result
from acestep_cli.term.table import columns_of, cut, table
from acestep_cli.term.words import on_one_line

if TYPE_CHECKING:
    from pathlib import Path

    from acestep_cli.weights.catalog import Entry
    from acestep_cli.weights.fit import Machine
    from acestep_cli.weights.inventory import Stock, Unfinished

LIST_HELP = """List the checkpoints that are here and those that can be fetched.

One line for each, by place: name, state, size and what it is and can do. The state is default for
what a song is made with, here, hidden for a second one of the same name, incomplete, unusable
or unfinished. The folder of one is told by `acestep models path NAME`. What is part of acestep, a
tiny demonstration that makes the music of a toy band, serves where no model is here.

\b
Examples:
  acestep models list
  acestep models list --checkpoints ~/checkpoints --json
"""
Chosen = dict[str, str | None]
Row = tuple[str, ...]
_TOO_LARGE = "too large for this machine"


def list_models(output: Output, checkpoints: str | None, config_file: str | None) -> Result:
    """What is here and what can be had."""
    from acestep_cli.weights.inventory import demonstration, inventory, unfinished

    shelf = shelf_of(checkpoints, config_file)
    stocks = inventory(shelf.places)
    machine = _machine(shelf)
    chosen = _chosen(shelf, stocks, machine)
    here = [stock for stock in stocks if not stock.lacks]
    demo = None if shelf.demo is None else demonstration([shelf.demo])
    parts = unfinished(shelf.places)
    names = {stock.name for stock in here}
    absent = [entry for entry in shelf.entries.values() if entry.name not in names]
    if not here:
        output.say("no checkpoint is here yet: fetch some with `acestep models pull recommended`")
    data = {
        "installed": [_stock_data(stock, chosen, machine) for stock in here],
        "incomplete": [_incomplete_data(stock) for stock in stocks if stock.lacks],
        "unfinished": [
            {"name": part.name, "path": str(part.place.path), "bytes": part.nbytes}
            for part in parts
        ],
        "demonstration": None if demo is None else _demo_data(demo, chosen, machine),
        "available": [_entry_data(entry, machine) for entry in absent],
        "default": chosen,
        "places": [{"path": str(place.path), "origin": place.origin} for place in shelf.places],
    }
    width = columns_of(output.answer, os.environ)
    rows = {
        place.path: [
            *(_stock_row(stock, chosen, machine) for stock in stocks if stock.place == place),
            *(_part_row(part) for part in parts if part.place == place),
        ]
        for place in shelf.places
    }
    fetchable = [_entry_row(entry, machine) for entry in absent]
    built_in = [] if demo is None else [_demo_row(demo, chosen)]
    lines = (cut(line, width) for line in _lines(shelf, rows, built_in, fetchable))
    return Result(data=data, lines=tuple(lines))


def _lines(
    shelf: Shelf, rows: dict[Path, list[Row]], built_in: list[Row], fetchable: list[Row]
) -> Iterator[str]:
    """A heading and a table for each place that holds something, then what can be fetched."""
    for place in shelf.places:
        if rows[place.path]:
            yield f"in {on_one_line(str(place.path))} ({place.origin}):"
            yield from (f"  {line}" for line in table(rows[place.path]))
    if built_in:
        yield "part of acestep:"
        yield from (f"  {line}" for line in table(built_in))
    if fetchable:
        yield "to fetch with `acestep models pull NAME`:"
        yield from (f"  {line}" for line in table(fetchable))


def _machine(shelf: Shelf) -> Machine | None:
    """This machine; None where the settings name a device that is not here."""
    from acestep_cli.weights.fit import Machine

    machine = Machine.of(shelf.resolved.settings, os.environ)
    try:
        machine.device  # noqa: B018
    except DeviceError:
        return None
    return machine


def _chosen(shelf: Shelf, stocks: list[Stock], machine: Machine | None) -> Chosen:
    """The model and the planner that a song is made with where nobody names one."""
    from acestep_cli.weights.demonstration import DEMO
    from acestep_cli.weights.locate import holds_any
    from acestep_cli.weights.planners import find_planners, planner_size

    request = shelf.resolved.request
    usable = [stock for stock in stocks if stock.is_used and not stock.fault]
    able = [stock.name for stock in usable if "text2music" in stock.tasks]
    model = request.model or next(iter(able), None)
    if model is None and shelf.demo is not None and not holds_any("dit", shelf.places):
        model = DEMO
    places = [shelf.demo] if model == DEMO and shelf.demo is not None else shelf.places
    planner = request.lm_model_path
    if planner is None and machine is not None:
        try:
            sizes = [planner_size(folder) for folder in find_planners(None, places)]
            index = machine.preferred(sizes) if sizes else None
            planner = sizes[index].name if index is not None else None
        except CheckpointError:
            planner = None  # its fault is told beside its name
    return {"model": model, "planner": planner}


def _misfit(item: Stock | Entry, machine: Machine | None) -> str:
    cached = getattr(item, "cached", 0)
    return machine.misfit(item.kind, item.values, cached) if machine is not None else ""


def _state(stock: Stock, chosen: Chosen) -> str:
    if stock.lacks:
        return "incomplete"
    if stock.fault:
        return "unusable"
    if not stock.is_used:
        return "hidden"
    slot = {"dit": "model", "planner": "planner"}.get(stock.kind)
    return "default" if slot and chosen[slot] == stock.name else "here"


def _stock_row(stock: Stock, chosen: Chosen, machine: Machine | None) -> Row:
    about = [kind_words(stock.kind, stock.family), " ".join(stock.tasks)]
    if stock.lacks:
        about = [about[0], f"lacks {', '.join(stock.lacks)}"]
    elif stock.fault:
        about = [about[0], stock.fault]
    elif _misfit(stock, machine):
        about.insert(0, _TOO_LARGE)
    words = "; ".join(filter(None, about))
    return (stock.name, _state(stock, chosen), size_words(stock.nbytes), words)


def _demo_row(demo: Stock, chosen: Chosen) -> Row:
    from acestep_cli.weights.demonstration import DEMO_WORDS

    words = "; ".join(filter(None, [DEMO_WORDS, demo.fault, " ".join(demo.tasks)]))
    return (demo.name, _state(demo, chosen), size_words(demo.nbytes), words)


def _demo_data(demo: Stock, chosen: Chosen, machine: Machine | None) -> dict[str, Any]:
    from acestep_cli.weights.demonstration import DEMO_SAMPLING, DEMO_WORDS

    data = _stock_data(demo, chosen, machine)
    return {**data, "sampling": asdict(DEMO_SAMPLING), "about": DEMO_WORDS}


def _part_row(part: Unfinished) -> Row:
    return (part.name, "unfinished", size_words(part.nbytes), "the same pull goes on from here")


def _entry_row(entry: Entry, machine: Machine | None) -> Row:
    about = [kind_words(entry.kind, entry.family), entry.note]
    if _misfit(entry, machine):
        about.insert(0, _TOO_LARGE)
    return (entry.name, size_words(entry.nbytes) or "-", "; ".join(filter(None, about)))


def _stock_data(stock: Stock, chosen: Chosen, machine: Machine | None) -> dict[str, Any]:
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


def _incomplete_data(stock: Stock) -> dict[str, Any]:
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


LIST = Verb(
    "list", place_options(), callback=list_models, help=LIST_HELP, short_help="List checkpoints"
)
