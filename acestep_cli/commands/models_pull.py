"""`acestep models pull`: fetch checkpoints and what they cannot be used without."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli.commands.asking import confirm
from acestep_cli.commands.completing import complete_checkpoint
from acestep_cli.commands.models_words import (
    RECOMMENDED,
    Shelf,
    destination_of,
    listed,
    names_argument,
    place_options,
    shelf_of,
    size_words,
)
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import UsageError
from acestep_cli.events import Warned
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import on_one_line

if TYPE_CHECKING:
    from acestep_cli.weights.catalog import Entry
    from acestep_cli.weights.fetch import Destination, Parcel
    from acestep_cli.weights.inventory import Stock

PULL_HELP = """Fetch checkpoints.

NAME is one that `acestep models` lists, or recommended: what suits this machine. With a model come
the VAE and the text encoder, without which it is of no use. They go into the Hugging Face cache, or
into the folder of --checkpoints. What was interrupted goes on where it stopped.

\b
Examples:
  acestep models pull recommended
  acestep models pull acestep-v15-base --checkpoints ~/checkpoints
"""
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*(/[0-9A-Za-z][0-9A-Za-z._-]*)*")


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a pull, as typed."""

    checkpoints: str | None = None
    config_file: str | None = None
    revision: str | None = None
    only: bool | None = None
    force: bool | None = None
    dry_run: bool | None = None
    yes: bool | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, and what is asked for and here already."""

    entries: tuple[Entry, ...]
    here: tuple[Stock, ...]
    extra: tuple[Entry, ...]


def pull(output: Output, names: tuple[str, ...] | None, **values: Any) -> Result:
    """Fetch what `names` mean."""
    from acestep_cli.weights.fetch import check_room, fetch
    from acestep_cli.weights.remote import Hub

    choices = Choices(**values)
    shelf = shelf_of(choices.checkpoints, choices.config_file, created=True)
    entries = _named(shelf, names or (), choices)
    order = _order(shelf, entries, choices)
    for stock in order.here:
        output.say(on_one_line(f"{stock.name} is here already: {stock.path}"))
    if order.extra:
        extra = listed([entry.name for entry in order.extra])
        output.say(f"needed besides and fetched too: {extra}; --only leaves it out")
    warnings = tuple(_misfits(shelf, order))
    for warning in warnings:
        output.say(f"warning: {warning.message}")
    destination, hub = destination_of(shelf), Hub.of(os.environ)
    parcels: list[Parcel] = []
    if order.entries:
        if not hub.offline:
            output.say(on_one_line(f"asking {hub.endpoint}"))
        parcels = _looked_up(hub, order, destination, choices)
        output.say(on_one_line(_announcement(parcels, destination)))
        check_room(parcels, destination)
    if not choices.dry_run and any(not parcel.is_installed for parcel in parcels):
        _ask(parcels, destination, choices)
        with output.voice() as voice:
            fetch(hub, parcels, voice, thorough=bool(choices.force))
        for warning in (hidden := tuple(_hidden(parcels, choices))):
            output.say(on_one_line(f"warning: {warning.message}"))
        warnings += hidden
    return _result(order, parcels, destination, choices, warnings)


def _named(shelf: Shelf, names: tuple[str, ...], choices: Choices) -> list[Entry]:
    """The entries that `names` mean, each once."""
    from acestep_cli.weights.fit import Machine, recommended

    if not names:
        raise UsageError(
            "no checkpoint is named", "name one, or recommended; see `acestep models` for the names"
        )
    shelf.check_names(names, also=(RECOMMENDED,))
    found: dict[str, Entry] = {}
    for name in names:
        if name == RECOMMENDED:
            machine = Machine.of(shelf.resolved.settings, os.environ)
            found |= {entry.name: entry for entry in recommended(machine)}
        else:
            found[name] = shelf.entries[name]
    if choices.revision is not None:
        _check_revision(choices.revision, len(found))
    return list(found.values())


def _check_revision(revision: str, count: int) -> None:
    if count > 1:
        raise UsageError(
            f"--revision is given for {count} checkpoints",
            "pull them one by one, each with its own",
        )
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise UsageError(
            f"--revision {revision!r} is no branch, tag or commit", "write it like main or v1.0"
        )


def _order(shelf: Shelf, entries: list[Entry], choices: Choices) -> Order:
    """What of `entries`, and of what they need, is not here yet."""
    from acestep_cli.weights.fit import needs
    from acestep_cli.weights.inventory import inventory

    stocks = {
        stock.name: stock for stock in inventory(shelf.places) if stock.is_used and not stock.fault
    }
    anew = choices.force or choices.revision or choices.checkpoints is not None
    wanted = [entry for entry in entries if anew or entry.name not in stocks]
    here = [stocks[entry.name] for entry in entries if not anew and entry.name in stocks]
    extra: dict[str, Entry] = {}
    if not choices.only:
        asked = {entry.name for entry in entries}
        needed = [part for entry in entries for part in needs(entry)]
        extra = {part.name: part for part in needed if part.name not in asked | stocks.keys()}
    return Order((*wanted, *extra.values()), tuple(here), tuple(extra.values()))


def _misfits(shelf: Shelf, order: Order) -> Iterator[Warned]:
    from acestep_cli.weights.fit import Machine

    machine = Machine.of(shelf.resolved.settings, os.environ)
    for entry in order.entries:
        if reason := machine.misfit(entry.kind, entry.values, entry.cached):
            yield Warned("too_large", f"{entry.name} cannot be used here: {reason}")


def _hidden(parcels: list[Parcel], choices: Choices) -> Iterator[Warned]:
    """What was fetched and is not used all the same."""
    from acestep_cli.weights.inventory import inventory

    used = {
        stock.name: stock
        for stock in inventory(shelf_of(choices.checkpoints, choices.config_file).places)
        if stock.is_used
    }
    for parcel in parcels:
        stock = used.get(parcel.remote.entry.name)
        if stock is not None and stock.path.resolve() != parcel.folder.resolve():
            fault = f" (unusable: {stock.fault})" if stock.fault else ""
            told = f"{parcel.folder} is not used: {stock.path}{fault} is found before it"
            yield Warned("hidden", told)


def _looked_up(hub: Any, order: Order, destination: Destination, choices: Choices) -> list[Parcel]:
    """The named ones at the revision that was typed, what comes with them at their own."""
    from acestep_cli.weights.fetch import look_up

    thorough = bool(choices.force)
    count = len(order.entries) - len(order.extra)
    named, extra = order.entries[:count], order.entries[count:]
    return [
        *look_up(hub, named, destination, revision=choices.revision, thorough=thorough),
        *look_up(hub, extra, destination, thorough=thorough),
    ]


def _announcement(parcels: list[Parcel], destination: Destination) -> str:
    left = sum(parcel.nbytes for parcel in parcels)
    total = sum(parcel.remote.nbytes for parcel in parcels)
    names = listed([parcel.remote.entry.name for parcel in parcels])
    if all(parcel.is_installed for parcel in parcels):
        return f"{names}: complete in {destination.path}"
    rest = f" of {size_words(total)}" if left < total else ""
    return f"{names}: {size_words(left) or 'nothing'}{rest} to fetch into {destination.path}"


def _ask(parcels: list[Parcel], destination: Destination, choices: Choices) -> None:
    """Ask once where there is a terminal to ask on; elsewhere the command was clear enough."""
    left = sum(parcel.nbytes for parcel in parcels)
    asked = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if left and asked and not choices.yes:
        question = f"fetch {size_words(left)} into {destination.path}?"
        confirm(on_one_line(question), "--yes")


def _result(
    order: Order,
    parcels: list[Parcel],
    destination: Destination,
    choices: Choices,
    warnings: tuple[Warned, ...],
) -> Result:
    rows = [_stock_data(stock) for stock in order.here]
    rows += [_parcel_data(parcel, dry=bool(choices.dry_run)) for parcel in parcels]
    lines = [str(row["path"]) for row in rows]
    if choices.dry_run:
        lines = [
            f"{file['path']}  {file['bytes']}" for row in rows for file in row.get("files", [])
        ]
    data = {
        "destination": str(destination.path),
        "bytes": sum(parcel.nbytes for parcel in parcels),
        "checkpoints": rows,
    }
    return Result(data=data, lines=tuple(lines), warnings=warnings)


def _stock_data(stock: Stock) -> dict[str, Any]:
    return {
        "name": stock.name,
        "kind": stock.kind,
        "state": "here",
        "path": str(stock.path),
        "revision": stock.revision,
        "bytes": stock.nbytes,
    }


def _parcel_data(parcel: Parcel, *, dry: bool) -> dict[str, Any]:
    remote, folder = parcel.remote, Path(parcel.folder)
    missing = {file.name for file in parcel.missing}
    state = "here" if parcel.is_installed else ("missing" if dry else "fetched")
    return {
        "name": remote.entry.name,
        "kind": remote.entry.kind,
        "state": state,
        "path": str(folder),
        "repo": remote.entry.repo,
        "revision": remote.commit,
        "bytes": remote.nbytes,
        "fetched": parcel.nbytes,
        "files": [
            {
                "path": str(folder / file.name),
                "bytes": file.size,
                "hash": file.digest,
                "is_here": file.name not in missing,
            }
            for file in remote.files
        ],
    }


PULL = Verb(
    "pull",
    [
        names_argument(shell_complete=complete_checkpoint),
        GroupedOption(
            ["--revision"], RUN, metavar="REV", help="branch or tag or commit instead of newest"
        ),
        GroupedOption(["--only"], RUN, is_flag=True, help="without what a model needs besides"),
        GroupedOption(
            ["--force"], RUN, is_flag=True,
            help="compare what is here with the hub byte for byte and fetch what differs",
        ),
        GroupedOption(["--dry-run"], RUN, is_flag=True, help="only show files and sizes"),
        GroupedOption(["--yes", "-y"], RUN, is_flag=True, help="do not ask"),
        *place_options(),
    ],
    callback=pull,
    help=PULL_HELP,
    short_help="Fetch checkpoints",
)  # fmt: skip
