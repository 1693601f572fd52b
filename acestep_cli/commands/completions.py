"""`acestep completions`: the script that lets a shell complete acestep."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from acestep_cli.commands.completing_items import complete_words
from acestep_cli.commands.completion_scripts import SCRIPTS
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import UsageError
from acestep_cli.term.output import Output, Result

HELP = """Print a completion script for a shell.

SHELL is bash (4.4 or newer), zsh or fish; without it, the shell in the variable SHELL. On TAB the
shell then offers commands, options, models, jobs, presets and files. The script goes into a file
that the shell reads at its start:

\b
  bash  ~/.local/share/bash-completion/completions/acestep
        (with the package bash-completion; without it, source it in ~/.bashrc)
  zsh   ~/.zfunc/_acestep
        (with fpath+=~/.zfunc above compinit in ~/.zshrc)
  fish  ~/.config/fish/completions/acestep.fish

\b
Examples:
  acestep completions fish > ~/.config/fish/completions/acestep.fish
  acestep completions bash > ~/.bash_completion
  source <(acestep completions bash)
"""


def completions(output: Output, shell: str | None) -> Result:
    """Print the script for `shell`, by default for the user's own."""
    name = _own_shell() if shell is None else shell.strip().lower()
    if name not in SCRIPTS:
        raise UsageError(f"there is no completion for {name!r}", f"choose {', '.join(SCRIPTS)}")
    script = SCRIPTS[name]
    return Result(data={"shell": name, "script": script}, lines=tuple(script.splitlines()))


def _own_shell() -> str:
    name = PurePath(os.environ.get("SHELL", "")).name
    if name not in SCRIPTS:
        raise UsageError(
            f"the variable SHELL says {name!r}, for which there is no completion"
            if name
            else "the variable SHELL does not say which shell is used",
            f"name one: acestep completions {'|'.join(SCRIPTS)}",
        )
    return name


command = Verb(
    "completions",
    [
        click.Argument(
            ["shell"],
            required=False,
            metavar="[bash|zsh|fish]",
            shell_complete=complete_words((name, "") for name in SCRIPTS),
        )
    ],
    callback=completions,
    help=HELP,
    short_help="Print a completion script for a shell",
)
