"""`acestep config`: the settings, where each comes from, and the ones of the user changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acestep_cli.commands.completing import complete_preset, complete_setting
from acestep_cli.commands.config_changes import Change, reset, set_values, unset
from acestep_cli.commands.verb import GroupedOption, Verb, config_option
from acestep_cli.config import Resolved, find_key, resolve, user_config_file
from acestep_cli.errors import AceStepError, SettingsError, UsageError
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import on_one_line

if TYPE_CHECKING:
    from acestep_cli.config.view import Row

HELP = """Show settings and change them.

Without an option every setting is shown with what gave it: a default, a file, a preset or a
variable of the environment. Changes go to the user's settings file, which --path names; flags of
other commands never change it.

\b
Examples:
  acestep config --set generation.audio_format flac
  acestep config --get generation.thinking
"""
_ASK, _CHANGE, _LAYERS = "Ask", "Change", "Layers"
# Values are cut at this width where somebody reads them on a terminal.
_MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which further file and which preset a question is about."""

    file: Path | None
    preset: str | None

    def resolved(self) -> Resolved:
        return resolve(config_file=self.file, environ=os.environ, preset=self.preset)


def config(
    output: Output, config_file: str | None, preset: str | None, words: tuple[str, ...] | None,
    **asked: Any,
) -> Result:  # fmt: skip
    """Do the one thing that is asked for; show everything where nothing is."""
    wanted = [(name, value) for name, value in asked.items() if value]
    wanted += [_in_words(words)] if words else []
    if len(wanted) > 1:
        flags = " and ".join(_flag(name) for name, _ in wanted)
        raise UsageError(f"{flags} are more than one thing to do", "ask for one at a time")
    action, value = wanted[0] if wanted else ("", None)
    if action in _CHANGES:
        typed = "--config" if config_file is not None else "--preset" if preset is not None else ""
        if typed:
            raise UsageError(
                f"{_flag(action)} changes the user's settings file and {typed} is only read",
                f"leave out {typed}",
            )
        change = Change(output, user_config_file(os.environ))
        return _CHANGES[action](change, value)
    scope = _Scope(None if config_file is None else Path(config_file), preset)
    return _QUESTIONS[action](output, scope, value)


def _in_words(words: tuple[str, ...]) -> tuple[str, Any]:
    """What to do, and with what, where its name is a plain word: `config get KEY`."""
    name, operands = words[0].replace("-", "_"), words[1:]
    if name not in _OPERANDS:
        from difflib import get_close_matches

        near = get_close_matches(name, _OPERANDS, n=1)
        hint = f"did you mean {_flag(near[0])}?" if near else "see `acestep config --help`"
        raise UsageError(f"config has nothing called {words[0]!r}", hint)
    expected = _OPERANDS[name]
    if len(operands) != len(expected):
        usage = " ".join(("acestep config", words[0], *expected))
        raise UsageError(
            f"config {words[0]} takes {' '.join(expected) or 'nothing behind it'}",
            f"write `{usage}`",
        )
    return name, (operands,) if len(operands) > 1 else operands or True


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _show(output: Output, scope: _Scope, _: Any) -> Result:
    """Everything in columns."""
    from acestep_cli.term.table import columns_of, cut, table

    data, rows = _everything(output, scope)
    width = columns_of(output.answer, os.environ)
    most = None if width is None else _MOST_SHOWN
    # The line above the columns says which file that is.
    sources = {data["file"]: "user file", "": "default"}
    cells = [
        (row.key, cut(on_one_line(row.bare), most), sources.get(row.where, row.where))
        for row in rows
    ]
    heads = [("KEY", "VALUE", "FROM")] if width else []
    return Result(data=data, lines=tuple(table([*heads, *cells], width)))


def _list(output: Output, scope: _Scope, _: Any) -> Result:
    """Everything as lines of TOML, each with its origin; what is not set is a comment."""
    data, rows = _everything(output, scope)
    return Result(data=data, lines=tuple(_toml_line(row) for row in rows))


def _everything(output: Output, scope: _Scope) -> tuple[dict[str, Any], list[Row]]:
    from acestep_cli.config.tomlfile import toml_value
    from acestep_cli.config.view import model_rows, rows

    resolved, file = scope.resolved(), user_config_file(os.environ)
    output.say(f"settings file: {on_one_line(str(file))}{'' if file.exists() else ' (none yet)'}")
    for family, values in resolved.by_family.items():
        given = ", ".join(f"{key} = {toml_value(value)}" for key, value in values.items())
        if given:
            output.say(f"note: with {family} checkpoints the preset also sets {given}")
    shown = list(rows(resolved))
    data = {
        "file": str(file),
        "settings": [_row_data(row) for row in shown],
        "models": [asdict(model) for model in resolved.settings.models],
        "by_family": {family: dict(values) for family, values in resolved.by_family.items()},
    }
    return data, [*shown, *model_rows(resolved)]


def _row_data(row: Row) -> dict[str, Any]:
    return {**asdict(row), "where": row.where or None}


def _toml_line(row: Row) -> str:
    origin = on_one_line(row.where or row.origin)
    # TOML has no word for a value that is not set: only a comment can name its key.
    return f"{row.key} = {row.spelled}  # {origin}" if row.spelled else f"# {row.key} =  # {origin}"


def _get(output: Output, scope: _Scope, keys: tuple[str, ...]) -> Result:
    from acestep_cli.config.schema import unknown_key
    from acestep_cli.config.view import row_of

    if len(keys) > 1:
        raise UsageError(f"--get is given {len(keys)} times", "ask for one value at a time")
    (key,) = keys
    field = find_key(key)
    if field is None:
        problem = unknown_key(key)
        raise SettingsError(problem.message, problem.remedy)
    row = row_of(scope.resolved(), field)
    return Result(data=_row_data(row), lines=(on_one_line(row.bare),))


def _path(output: Output, scope: _Scope, _: Any) -> Result:
    file = user_config_file(os.environ)
    return Result(data={"path": str(file), "exists": file.exists()}, lines=(str(file),))


def _check_key(output: Output, scope: _Scope, _: Any) -> Result:
    state = "configured" if scope.resolved().settings.api_key else "empty"
    return Result(data={"api_key": state}, lines=(f"api_key: {state}",))


def _check(output: Output, scope: _Scope, _: Any) -> Result:
    """Everything that is wrong, one fault a line; an error where there is any."""
    from acestep_cli.config.faults import examine
    from acestep_cli.weights.further import entries_with

    found = examine(scope.file, os.environ, preset=scope.preset)
    faults = [asdict(fault) for fault in found.faults]
    try:
        entries_with(found.resolved.settings.models if found.resolved else ())
    except AceStepError as taken:
        faults.append({"message": taken.message, "hint": taken.hint})
    data = {"files": [str(file) for file in found.files], "faults": faults}
    if faults:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        error = SettingsError(f"the settings have {count}", "see each one on stdout")
        lines = (f"{fault['message']} ({fault['hint']})" for fault in faults)
        return Result(data=data, lines=tuple(map(on_one_line, lines)), error=error)
    for file in found.files:
        output.say(f"read {on_one_line(str(file))}")
    return Result(data=data, lines=("The settings are fine.",))


def _presets(output: Output, scope: _Scope, _: Any) -> Result:
    """The presets of package and files, as lines of TOML."""
    from acestep_cli.config.layers import read_presets
    from acestep_cli.config.view import preset_tables

    tables = preset_tables(read_presets(scope.file, os.environ))
    lines = [line for table in tables for line in table.lines()]
    return Result(data={table.name: table.as_dict() for table in tables}, lines=tuple(lines))


_QUESTIONS: dict[str, Callable[[Output, _Scope, Any], Result]] = {
    "": _show,
    "list": _list,
    "get": _get,
    "path": _path,
    "check": _check,
    "check_key": _check_key,
    "presets": _presets,
}
_CHANGES: dict[str, Callable[[Change, Any], Result]] = {
    "set": set_values,
    "unset": unset,
    "reset": reset,
}
# What stands behind the name of each action.
_OPERANDS: dict[str, tuple[str, ...]] = {
    **{name: () for name in (*_QUESTIONS, *_CHANGES) if name},
    "get": ("KEY",),
    "set": ("KEY", "VALUE"),
    "unset": ("KEY",),
}

command = Verb(
    "config",
    [
        click.Argument(["words"], nargs=-1, required=False, metavar=""),
        GroupedOption(["--list"], _ASK, is_flag=True, help="print every setting as a line of TOML"),
        GroupedOption(
            ["--get"], _ASK, multiple=True, metavar="KEY", shell_complete=complete_setting,
            help="print one value alone; empty where it is not set",
        ),
        GroupedOption(["--path"], _ASK, is_flag=True, help="name the user's settings file"),
        GroupedOption(["--presets"], _ASK, is_flag=True, help="print the presets there are"),
        GroupedOption(["--check"], _ASK, is_flag=True, help="find all faults in the settings"),
        GroupedOption(
            ["--check-key"], _ASK, is_flag=True, help="say whether there is a key of the server"
        ),
        GroupedOption(
            ["--set"], _CHANGE, nargs=2, multiple=True, metavar="KEY VALUE", type=str,
            shell_complete=complete_setting, help="give a setting a value; may be repeated",
        ),
        GroupedOption(
            ["--unset"], _CHANGE, multiple=True, metavar="KEY", shell_complete=complete_setting,
            help="forget a value; may be repeated",
        ),
        GroupedOption(["--reset"], _CHANGE, is_flag=True, help="forget all values"),
        config_option(_LAYERS),
        GroupedOption(
            ["--preset"], _LAYERS, metavar="NAME", shell_complete=complete_preset,
            help="preset above the files",
        ),
    ],
    callback=config,
    help=HELP,
    short_help="Show settings and change them",
)  # fmt: skip
