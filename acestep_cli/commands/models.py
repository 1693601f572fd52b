"""`acestep models`: which checkpoints are here, which can be fetched, and fetching them."""

from __future__ import annotations

from acestep_cli.commands.completing import complete_installed
from acestep_cli.commands.models_care import REMOVE, VERIFY
from acestep_cli.commands.models_list import LIST
from acestep_cli.commands.models_pull import PULL
from acestep_cli.commands.models_words import names_argument, place_options, shelf_of
from acestep_cli.commands.verb import Verb, VerbGroup
from acestep_cli.errors import UsageError
from acestep_cli.term.output import Output, Result
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER

GROUP_HELP = """List checkpoints; fetch or check or remove them.

Without the name of a command the checkpoints are listed.

\b
Examples:
  acestep models
  acestep models pull recommended
"""
PATH_HELP = """Print the folders of checkpoints that are here.

\b
Examples:
  acestep models path acestep-v15-turbo
  acestep models path vae acestep-v15-base --json
"""


def path(
    output: Output, names: tuple[str, ...] | None, checkpoints: str | None, config_file: str | None
) -> Result:
    """The folders that a run would read."""
    from acestep_cli.weights.inventory import inventory
    from acestep_cli.weights.locate import named_folder

    if not names:
        raise UsageError("no checkpoint is named", "see `acestep models` for the names")
    shelf = shelf_of(checkpoints, config_file)
    built_in = [] if shelf.demo is None else [DEMO, DEMO_PLANNER]
    shelf.check_names(names, also=[*built_in, *(one.name for one in inventory(shelf.places))])
    found = []
    for name in names:
        kind = shelf.kind_of(name)
        assert kind is not None
        own = [shelf.demo] if shelf.demo is not None and name in built_in else []
        found.append(named_folder(name, kind, (*shelf.places, *own))[0])
    data = [{"name": folder.name, "path": str(folder.path)} for folder in found]
    return Result(data=data, lines=tuple(str(folder.path) for folder in found))


_PATH = Verb(
    "path",
    [names_argument(shell_complete=complete_installed), *place_options()],
    callback=path,
    help=PATH_HELP,
    short_help="Print the folders of checkpoints",
)

command = VerbGroup(
    "models",
    [LIST, PULL, VERIFY, REMOVE, _PATH],
    default=LIST,
    help=GROUP_HELP,
    short_help="List checkpoints; fetch or check or remove them",
)
