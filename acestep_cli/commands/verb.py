"""What every verb shares: the switches of the output and help in groups."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from typing import Any

import click
from click.shell_completion import CompletionItem

from acestep_cli.errors import UsageError
from acestep_cli.hardware.threads import share_cores
from acestep_cli.term.output import Output

RUN = "Run"

# Headings of the help of commands that make sound, those first whose options are typed most.
_MOST_TYPED = (RUN, "Words", "Music", "Models and seeds", "Files")

Find = Callable[[click.Context, list[str]], tuple[str | None, click.Command | None, list[str]]]

_SWITCHES = ("json", "quiet", "debug")
_OFF = frozenset(("", "0", "false", "no", "off"))


class GroupedOption(click.Option):
    """An option under a heading of the help; `aliases` are accepted and not shown.

    Without a value it is None, which means "not given".
    """

    def __init__(
        self, declarations: Iterable[str], group: str, *, aliases: Iterable[str] = (), **rest: Any
    ) -> None:
        shown = list(declarations)
        super().__init__([*shown, *aliases], default=None, **rest)
        self.group = group
        self._shown = {part.strip() for flag in shown for part in flag.split("/")}

    def is_alias(self, flag: str) -> bool:
        """Whether `flag` is a spelling of this option that is not shown."""
        return flag in (*self.opts, *self.secondary_opts) and flag not in self._shown

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The spellings worth showing, and the help."""
        brief = copy.copy(self)
        brief.opts = [flag for flag in self.opts if flag in self._shown]
        brief.secondary_opts = [flag for flag in self.secondary_opts if flag in self._shown]
        return click.Option.get_help_record(brief, ctx)


class Verb(click.Command):
    """A command of acestep: `--json`, `--quiet` and `--debug` are added, options shown in groups.

    Its callback takes the `Output` first, then its own parameters by name, and returns a `Result`.
    """

    def __init__(self, name: str, params: Iterable[click.Parameter], **rest: Any) -> None:
        settings = {"token_normalize_func": _kebab_case, "allow_extra_args": True}
        super().__init__(name, params=[*params, *switches()], context_settings=settings, **rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; whatever Python code prints meanwhile goes to stderr."""
        output = ctx.find_object(Output)
        assert output is not None
        assert self.callback is not None
        apply_switches(ctx, output)
        if ctx.args:
            raise UsageError(
                f"{ctx.args[0]!r} is one argument too many", "put quotes around a text with blanks"
            )
        # An option that may be repeated and was not given at all is an empty tuple.
        given = {key: None if value == () else value for key, value in ctx.params.items()}
        values = {key: value for key, value in given.items() if key not in _SWITCHES}
        share_cores(os.environ)
        with redirect_stdout(sys.stderr):
            return self.callback(output, **values)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """`-h` in the words of the other switches."""
        return in_own_words(super().get_help_option(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Options as the help spells them, by their other names only where none of these fits."""
        found = super().shell_complete(ctx, incomplete)
        opposites = {flag for param in self.params for flag in param.secondary_opts}
        for item in found:
            # Both spellings of a switch share their help, which tells of the first one.
            if item.value in opposites and item.help:
                item.help = f"turn off: {item.help}"
        shown = [item for item in found if not self._is_alias(item.value)]
        return shown or found

    def _is_alias(self, flag: str) -> bool:
        options = (param for param in self.params if isinstance(param, GroupedOption))
        return any(option.is_alias(flag) for option in options)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under the headings in which they were declared."""
        format_grouped_options(self, ctx, formatter)


class VerbGroup(click.Group):
    """Verbs under one name, such as `acestep lyrics check`.

    Without one of their names the `default` verb runs, which then takes the group's own options;
    where there is none, a name is asked for.
    """

    def __init__(
        self, name: str, verbs: Iterable[Verb], *, default: Verb | None = None, **rest: Any
    ) -> None:
        named: dict[str, click.Command] = {str(verb.name): verb for verb in verbs}
        if default is not None:
            rest["callback"] = click.pass_context(self._without_name)
            rest["context_settings"] = {"token_normalize_func": _kebab_case}
        # A missing verb is an error like others, so that `--json` tells of it.
        super().__init__(
            name,
            named,
            params=switches() if default is None else [*default.params],
            no_args_is_help=False,
            invoke_without_command=default is not None,
            **rest,
        )
        self.default = default

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that `args` name; UsageError with the nearest name for an unknown one."""
        return resolve_verb(self, super().resolve_command, ctx, args)

    def _without_name(self, ctx: click.Context, **values: Any) -> Any:
        """Run the default verb; beside the name of another one its options mean nothing."""
        assert self.default is not None
        if ctx.invoked_subcommand is None:
            return self.default.invoke(ctx)
        for param in self.params:
            if param.name not in _SWITCHES and values.get(str(param.name)) not in (None, ()):
                raise UsageError(
                    f"{param.opts[0]} stands before {ctx.invoked_subcommand}, which reads nothing "
                    "there",
                    f"see `{ctx.command_path} {ctx.invoked_subcommand} --help`",
                )
        return None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """`-h` in the words of the other switches."""
        return in_own_words(super().get_help_option(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups, then the verbs."""
        format_grouped_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def resolve_verb(
    group: click.Group, find: Find, ctx: click.Context, args: list[str]
) -> tuple[str | None, click.Command | None, list[str]]:
    """What click's own `find` finds for `args` in `group`, noted in the output of the program;
    UsageError with the nearest name for an unknown one."""
    names, name = group.list_commands(ctx), args[0]
    if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
        import difflib

        begun = [one for one in names if one.startswith(name)]
        near = begun if len(begun) == 1 else difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see `{ctx.command_path} --help`"
        raise UsageError(f"there is no command {name!r}", hint)
    found = find(ctx, args)
    output = ctx.find_object(Output)
    if output is not None and found[0] is not None:
        output.verbs = (*output.verbs, found[0])
    return found


def format_grouped_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the options of `command` under the headings in which they were declared."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, click.Option):
            sections.setdefault(getattr(param, "group", RUN), []).append(record)
    first, *others = sections
    if len(sections.get(RUN, ())) > len(_SWITCHES) + 1:
        # What is typed most stands behind what the command is about, not behind every detail of it.
        others = [*(heading for heading in _MOST_TYPED if heading in sections), *others]
    for heading in dict.fromkeys((first, *others)):
        with formatter.section(heading):
            formatter.write_dl(sections[heading])


def in_own_words(help_option: click.Option | None) -> click.Option | None:
    """The option that shows the help, described like all others."""
    if help_option is not None:
        help_option.help = "show this help"
    return help_option


def config_option(group: str = RUN) -> click.Parameter:
    """`--config FILE`, as every command has it that reads settings."""
    return GroupedOption(
        ["config_file", "--config"],
        group,
        type=click.Path(readable=False),
        metavar="FILE",
        help="settings file above the others",
    )


def switches() -> list[click.Parameter]:
    """The switches of the output, which stand before a verb or after it."""
    return [
        GroupedOption(["--json"], RUN, is_flag=True, help="write one JSON object to stdout"),
        GroupedOption(
            ["-q", "--quiet"], RUN, is_flag=True, help="say nothing but errors and the answer"
        ),
        GroupedOption(["--debug"], RUN, is_flag=True, help="show where an error comes from"),
    ]


def apply_switches(ctx: click.Context, output: Output) -> None:
    """Set the switches of `output` from the command of `ctx` and the ones above it."""
    levels: list[click.Context] = []
    level: click.Context | None = ctx
    while level is not None:
        levels.append(level)
        level = level.parent
    output.json = any(level.params.get("json") for level in levels)
    output.quiet = any(level.params.get("quiet") for level in levels)
    wanted = os.environ.get("ACESTEP_DEBUG", "").strip().lower() not in _OFF
    output.debug = wanted or any(level.params.get("debug") for level in levels)


def _kebab_case(name: str) -> str:
    # `--key_scale` and `--keyScale` are `--key-scale`; the case of a single letter means something.
    words = "".join(f"-{char.lower()}" if char.isupper() else char for char in name)
    return name if len(name) == 1 else words.replace("_", "-").strip("-")
