"""`acestep help`: a page on a topic, or the help of a command."""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from acestep_cli import guide
from acestep_cli.commands.verb import Verb
from acestep_cli.errors import UsageError
from acestep_cli.term.output import Output, Result

HELP = """Explain a command or a topic.

Without a name: all commands and topics. Where a topic and a command share a name, the topic is
explained; the command's own --help is always there.

\b
Examples:
  acestep help captions
  acestep help models pull
"""


def explain(output: Output, words: Sequence[str] | None) -> Result:
    """Print the page or the help that `words` name."""
    root = click.get_current_context().find_root()
    named = list(words or ())
    if len(named) == 1 and named[0].lower() in guide.TOPICS:
        return _result("topic", named[0].lower(), guide.topic(named[0].lower()))
    if len(named) > 1:
        _refuse_several(root, named)
    context = root
    for number, word in enumerate(named):
        context = _below(context, word, topics=number == 0)
    return _result("command", context.command_path, context.get_help())


def _refuse_several(root: click.Context, named: Sequence[str]) -> None:
    """UsageError where `named`, two words or more, are several names and no path of a command."""
    group = root.command
    assert isinstance(group, click.Group)
    found, other = (group.get_command(root, word) for word in named[:2])
    if isinstance(found, click.Group) and found.get_command(root, named[1]) is not None:
        return
    is_topic = named[0].lower() in guide.TOPICS
    is_other = other is not None or named[1].lower() in guide.TOPICS
    if (found is None and is_topic) or (found is not None and is_other):
        raise UsageError(
            f"one topic or command is explained at a time, and {' '.join(named)!r} names more",
            f"write `{root.command_path} help {named[0]}`",
        )


def _below(context: click.Context, word: str, *, topics: bool) -> click.Context:
    """The context of the command `word` in the group of `context`; UsageError with the nearest
    name where there is none."""
    group = context.command
    if not isinstance(group, click.Group):
        raise UsageError(
            f"{context.command_path} has no command {word!r}",
            f"see `{context.command_path} --help`",
        )
    found = group.get_command(context, word)
    if found is not None:
        settings = dict(found.context_settings)
        return found.context_class(found, info_name=found.name, parent=context, **settings)
    import difflib

    known = [*group.list_commands(context), *(guide.TOPICS if topics else ())]
    near = difflib.get_close_matches(word.lower(), known, n=1)
    what = "topic or command" if topics else f"command of {context.command_path} called"
    hint = f"did you mean {near[0]}?" if near else f"see `{context.command_path} --help`"
    raise UsageError(f"there is no {what} {word!r}", hint)


def _result(kind: str, name: str, text: str) -> Result:
    return Result(
        data={"kind": kind, "name": name, "text": text}, lines=tuple(text.rstrip().splitlines())
    )


def _complete(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Topics and commands; behind the name of a group, its verbs."""
    below, typed = context.find_root(), context.params.get("words") or ()
    names: dict[str, str] = {} if typed else dict(guide.TOPICS)
    try:
        for word in typed:
            below = _below(below, word, topics=False)
    except UsageError:
        return []
    if isinstance(below.command, click.Group):
        names |= dict.fromkeys(below.command.list_commands(below), "")
    return [
        CompletionItem(name, help=told)
        for name, told in names.items()
        if name.startswith(incomplete)
    ]


command = Verb(
    "help",
    [click.Argument(["words"], nargs=-1, metavar="[TOPIC|COMMAND...]", shell_complete=_complete)],
    callback=explain,
    help=HELP,
    short_help="Explain a command or a topic",
)
