"""`acestep models verify` and `remove`: see that checkpoints are whole, and take them away."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli.commands.asking import confirm
from acestep_cli.commands.completing import complete_installed
from acestep_cli.commands.models_words import (
    Shelf,
    listed,
    names_argument,
    place_options,
    shelf_of,
    size_words,
)
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import CheckpointError, CheckpointMissing, UsageError
from acestep_cli.events import Observer, StageProgress, stage
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import on_one_line

if TYPE_CHECKING:
    from acestep_cli.weights.inventory import Stock
    from acestep_cli.weights.places import Place
    from acestep_cli.weights.verify import Checked

VERIFY_HELP = """Check every file of the checkpoints that are here.

Sizes and hashes are compared with what was recorded when they were fetched; of others the weights
are held to their own headers. Without NAME all are checked. Exit status 3 when one is damaged.

\b
Examples:
  acestep models verify
  acestep models verify acestep-v15-turbo --json
"""
REMOVE_HELP = """Remove checkpoints from this machine.

Of a name that lies in several places the one that is used goes; with --checkpoints the one in that
folder. Asks first on a terminal; elsewhere --yes is needed.

\b
Examples:
  acestep models remove acestep-v15-xl-base
  acestep models remove acestep-v15-sft acestep-v15-base --yes
"""
_MEGABYTE = 1e6


def verify(
    output: Output, names: tuple[str, ...] | None, checkpoints: str | None, config_file: str | None
) -> Result:
    """Read every needed file and say how it was found."""
    from acestep_cli.weights.inventory import inventory
    from acestep_cli.weights.verify import verify as check

    shelf = shelf_of(checkpoints, config_file)
    stocks = inventory(shelf.places)
    chosen = _chosen(shelf, stocks, names or ())
    if not chosen:
        output.say("no checkpoint is here")
    found: list[tuple[Stock, list[Checked]]] = []
    with output.voice() as voice:
        total = sum(stock.nbytes for stock in chosen) / _MEGABYTE
        with stage(voice, "verify", total=round(total, 1), unit="MB"):
            tell = _meter(voice, total)
            found += [(stock, check(stock.path, stock.kind, tell)) for stock in chosen]
    data = [_verified(stock, files) for stock, files in found]
    return Result(data=data, lines=tuple(map(on_one_line, _lines(found))), error=_damage(found))


def remove(
    output: Output,
    names: tuple[str, ...] | None,
    yes: bool | None,
    checkpoints: str | None,
    config_file: str | None,
) -> Result:
    """Take checkpoints away."""
    from acestep_cli.weights.inventory import inventory
    from acestep_cli.weights.remove import remove as take_away

    if not names:
        raise UsageError("no checkpoint is named", "see `acestep models` for the names")
    shelf = shelf_of(checkpoints, config_file)
    stocks = inventory(shelf.places)
    shelf.check_names(names, also=[stock.name for stock in stocks])
    # Who names a folder means that one and no other.
    places = shelf.places if checkpoints is None else shelf.places[:1]
    targets = [(name, *_target(name, places, stocks)) for name in dict.fromkeys(names)]
    if not yes:
        words = listed([str(folder) for *_, folders in targets for folder in folders])
        confirm(on_one_line(f"remove {words}?"), "--yes")
    rows = []
    for name, place, folders in targets:
        freed = take_away(place, name)
        rows.append({"name": name, "paths": [str(path) for path in folders], "bytes": freed})
        told = f"{name} is removed from {place.path}: {size_words(freed) or 'nothing'} freed"
        output.say(on_one_line(told))
        if other := next((there for there in shelf.places if _has(there, name)), None):
            output.say(on_one_line(f"note: there is another {name} in {other.path}"))
    lines = tuple(str(path) for *_, folders in targets for path in folders)
    return Result(data=rows, lines=lines)


def _chosen(shelf: Shelf, stocks: Sequence[Stock], names: Sequence[str]) -> list[Stock]:
    """The folders to check: all of a name that is given, or all there are."""
    shelf.check_names(names, also=[stock.name for stock in stocks])
    for name in names:
        if name not in [stock.name for stock in stocks]:
            raise CheckpointMissing(
                f"the checkpoint {name} is not here", f"fetch it: acestep models pull {name}"
            )
    return [stock for stock in stocks if not names or stock.name in names]


def _meter(voice: Observer, total: float) -> Callable[[int], None]:
    done = 0.0

    def tell(nbytes: int) -> None:
        nonlocal done
        done += nbytes / _MEGABYTE
        voice(StageProgress("verify", min(done, total), round(total, 1)))

    return tell


def _lines(found: Sequence[tuple[Stock, list[Checked]]]) -> list[str]:
    lines = []
    for stock, files in found:
        wrong = [file for file in files if file.state in ("damaged", "missing")]
        unknown = [file for file in files if file.state == "not_recorded"]
        for file in wrong:
            lines.append(f"{stock.name}: {file.state}: {file.path}: {file.detail}")
        if not wrong:
            note = f", {len(unknown)} without a record" if unknown else ""
            lines.append(f"{stock.name}: ok: {len(files)} files{note}")
    return lines


def _verified(stock: Stock, files: Sequence[Checked]) -> dict[str, Any]:
    return {
        "name": stock.name,
        "path": str(stock.path),
        "revision": stock.revision,
        "ok": all(file.state in ("ok", "not_recorded") for file in files),
        "files": [
            {
                "path": str(file.path),
                "state": file.state,
                "bytes": file.nbytes,
                "detail": file.detail or None,
            }
            for file in files
        ],
    }


def _damage(found: Sequence[tuple[Stock, list[Checked]]]) -> CheckpointError | None:
    wrong = [
        (stock, file)
        for stock, files in found
        for file in files
        if file.state in ("damaged", "missing")
    ]
    if not wrong:
        return None
    files = listed([f"{file.path} ({file.detail})" for _, file in wrong])
    remedies = dict.fromkeys(_remedy(stock) for stock, _ in wrong)
    return CheckpointError(f"damaged: {files}", "; ".join(remedies), code="checkpoint_damaged")


def _remedy(stock: Stock) -> str:
    """What brings the folder of `stock` in order, there where it lies."""
    if stock.name not in stock.place.entries:
        return f"copy {stock.path} again from where it came"
    place = "" if stock.place.is_hub else f" --checkpoints {shlex.quote(str(stock.place.path))}"
    return f"fetch what differs: acestep models pull {stock.name} --force{place}"


def _target(
    name: str, places: Sequence[Place], stocks: Sequence[Stock]
) -> tuple[Place, list[Path]]:
    """The one of `places` whose checkpoint `name` is used, else the first that holds something of
    it; and what it holds."""
    from acestep_cli.weights.remove import removable

    used = [stock.place for stock in stocks if stock.is_used and stock.name == name]
    for place in (*(place for place in used if place in places), *places):
        if folders := removable(place, name):
            return place, folders
    where = f"in {places[0].path}" if len(places) == 1 else "here"
    raise CheckpointMissing(f"the checkpoint {name} is not {where}", "see `acestep models`")


def _has(place: Place, name: str) -> bool:
    from acestep_cli.weights.remove import removable

    return bool(removable(place, name))


VERIFY = Verb(
    "verify",
    [names_argument(shell_complete=complete_installed), *place_options()],
    callback=verify,
    help=VERIFY_HELP,
    short_help="Check the files of checkpoints",
)
REMOVE = Verb(
    "remove",
    [
        names_argument(shell_complete=complete_installed),
        GroupedOption(["--yes", "-y"], RUN, is_flag=True, help="do not ask"),
        *place_options(),
    ],
    callback=remove,
    help=REMOVE_HELP,
    short_help="Remove checkpoints",
)
