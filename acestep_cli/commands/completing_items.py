"""What every completer is made of: click's items, the settings that hold, the words so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, split_arg_string

from acestep_cli.errors import AceStepError

if TYPE_CHECKING:
    from acestep_cli.config import Resolved

Item = CompletionItem[str]
Completer = Callable[[click.Context, click.Parameter, str], list[Item]]
Find = Callable[[click.Context, str], Iterable[Item]]


def completer(find: Find) -> Completer:
    """`find` as click calls it: what begins with the word so far, nothing where it fails."""

    @wraps(find)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Item]:
        try:
            return [
                one
                for one in find(ctx, incomplete)
                if one.type != "plain" or one.value.startswith(incomplete)
            ]
        except (AceStepError, OSError, ValueError):
            return []

    return complete


def complete_words(words: Iterable[tuple[str, str]]) -> Completer:
    """A completer of fixed words, each with what it means (empty: it speaks for itself)."""
    offered = tuple(words)
    return completer(lambda ctx, incomplete: (item(word, help_) for word, help_ in offered))


def item(value: str, words: str) -> Item:
    """`value`, with what it means on one line."""
    # The scripts of shells split at commas and lines, and a terminal obeys control characters.
    plain = "".join(char if char.isprintable() else " " for char in words.replace(",", ";"))
    return CompletionItem(value, help=" ".join(plain.split()) or None)


def resolved_before(ctx: click.Context) -> Resolved:
    """The settings, with what was typed before the word that is completed."""
    from acestep_cli.config import resolve

    folders = {name: ctx.params.get(name) for name in ("checkpoints", "save_dir", "output_dir")}
    return resolve(
        folders,
        config_file=ctx.params.get("config_file"),
        environ=os.environ,
        use_files=not ctx.params.get("no_config"),
    )


def word_before(incomplete: str) -> str:
    """The word before the one that is completed, as the script of the shell handed it over."""
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    place = os.environ.get("COMP_CWORD", "")
    # bash and zsh give the number of the word, fish the word itself, which stands there already.
    if place.isdigit():
        words = words[: int(place)]
    elif incomplete and words[-1:] == [incomplete]:
        words.pop()
    return words[-1] if words else ""
