"""`acestep schema`: what the JSON looks like that acestep writes."""

from __future__ import annotations

import json
from typing import Any

import click

from acestep_cli.commands.completing_items import complete_words
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import UsageError
from acestep_cli.term.output import Output, Result

HELP = """Print the JSON schemas of what acestep writes.

NAME is record (the file of a job), result (the object of --json) or events (one line of --events);
without it, all three by these names. They are JSON Schema, draft 2020-12.

\b
Examples:
  acestep schema
  acestep schema record > record.schema.json
"""
_NAMES = {
    "record": "the record of a job",
    "result": "what --json writes",
    "events": "a line of what --events writes",
}


def schema(output: Output, name: str | None) -> Result:
    """Print the schema called `name`, or all."""
    wanted = None if name is None else name.strip().lower()
    if wanted is not None and wanted not in _NAMES:
        raise UsageError(f"there is no schema {name!r}", f"choose {', '.join(_NAMES)}")
    found = schemas()
    data = found if wanted is None else found[wanted]
    return Result(data=data, lines=tuple(json.dumps(data, indent=2).splitlines()))


def schemas() -> dict[str, Any]:
    """All schemas by name."""
    from acestep_cli.jobs.schema import record_schema
    from acestep_cli.term.schema import events_schema, result_schema

    return {"record": record_schema(), "result": result_schema(), "events": events_schema()}


command = Verb(
    "schema",
    [
        click.Argument(
            ["name"],
            required=False,
            metavar="[record|result|events]",
            shell_complete=complete_words(_NAMES.items()),
        )
    ],
    callback=schema,
    help=HELP,
    short_help="Print the JSON schemas of what acestep writes",
)
