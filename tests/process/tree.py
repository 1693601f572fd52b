"""Every verb of the program, found by walking its tree of commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from acestep_cli.cli import COMMANDS, Commands
from acestep_cli.commands.verb import VerbGroup


@dataclass(frozen=True)
class Spoken:
    """A command with the words that call it. A group that runs without one of its verbs is one
    itself."""

    words: tuple[str, ...]
    command: click.Command

    @property
    def options(self) -> list[click.Option]:
        """Its options, help left out."""
        return [param for param in self.command.params if isinstance(param, click.Option)]

    @property
    def arguments(self) -> list[click.Argument]:
        """What stands in its line without an option."""
        return [param for param in self.command.params if isinstance(param, click.Argument)]


def commands() -> Iterator[Spoken]:
    """All commands, groups and their verbs, in the order of the table."""
    root = Commands()
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None, name
        yield Spoken((name,), command)
        if isinstance(command, click.Group):
            for verb in command.commands.values():
                yield Spoken((name, str(verb.name)), verb)


def runnable() -> list[Spoken]:
    """All that does something when it is called."""
    found = list(commands())
    return [one for one in found if not isinstance(one.command, VerbGroup) or one.command.default]
