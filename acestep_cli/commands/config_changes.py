"""Changes of the user's settings file by `acestep config`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.config import find_key, full_key, resolve
from acestep_cli.errors import AceStepError
from acestep_cli.events import Warned
from acestep_cli.request import BY_NAME, Field
from acestep_cli.term.output import Output, Result
from acestep_cli.term.words import on_one_line


@dataclass(frozen=True, slots=True)
class Change:
    """Who hears of a change, and the file that it is made in."""

    output: Output
    file: Path

    def done(self, lines: tuple[str, ...], notes: tuple[Warned, ...], **data: Any) -> Result:
        """The answer of a change, its notes told to people too."""
        for note in notes:
            self.output.say(f"note: {on_one_line(note.message)}")
        return Result(data={"file": str(self.file), **data}, lines=lines, warnings=notes)


def set_values(change: Change, pairs: tuple[tuple[str, str], ...]) -> Result:
    """Write typed, checked values; all of them or, where one is wrong, none."""
    from acestep_cli.config import store
    from acestep_cli.config.view import bare, covered

    values = _read(pairs)
    store.set_values(change.file, values)
    shown = {full_key(_field(name)): covered(_field(name), values[name]) for name in values}
    lines = tuple(
        f"Unset {key}" if value is None else f"Set {key} = {on_one_line(bare(value))}"
        for key, value in shown.items()
    )
    return change.done(lines, tuple(_notes(values, change.file)), set=shown)


def unset(change: Change, keys: tuple[str, ...]) -> Result:
    """Take keys out, in every spelling; what was not there is said."""
    from acestep_cli.config import store

    removed = {_shown(key) for key in store.unset(change.file, keys)}
    named = tuple(dict.fromkeys(map(_shown, keys)))
    absent = (name for name in named if name not in removed)
    notes = [Warned("not_set", f"{name} was not set in {change.file}") for name in absent]
    gone = {field.name: None for key in keys if (field := find_key(key))}
    lines = tuple(f"Unset {on_one_line(name)}" for name in named)
    return change.done(lines, (*notes, *_notes(gone, change.file)), unset=list(named))


def reset(change: Change, _: Any) -> Result:
    """Take all settings out; presets, further checkpoints and comments stay."""
    from acestep_cli.config import store

    removed = store.reset(change.file)
    gone = {field.name: None for key in removed if (field := find_key(key))}
    line = "Configuration reset to defaults."
    return change.done((line,), tuple(_notes(gone, change.file)), unset=list(removed))


def _read(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Plain values by canonical name; SettingsError names every one that is wrong."""
    from acestep_cli.config.schema import add_values, read_key, unknown_key
    from acestep_cli.config.sources import settings_error
    from acestep_cli.config.view import plain
    from acestep_cli.request.problems import BadValue, Problem

    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, raw in pairs:
        field = find_key(key, raw)
        if field is None:
            problems.append(unknown_key(key))
            continue
        try:
            add_values(values, read_key(field, raw), key)
        except BadValue as bad:
            problems.append(Problem(key, bad.message, bad.remedy))
    if problems:
        raise settings_error(problems)
    return {name: plain(_field(name), value) for name, value in values.items()}


def _shown(key: str) -> str:
    """The whole name of what `key` means, or `key` where it means nothing."""
    field = find_key(key)
    return full_key(field) if field else key


def _field(name: str) -> Field:
    from acestep_cli.config.schema import SETTINGS_BY_NAME

    return SETTINGS_BY_NAME.get(name) or BY_NAME[name]


def _notes(values: Mapping[str, Any], file: Path) -> Iterator[Warned]:
    """What keeps new `values` from having an effect."""
    from acestep_cli.config.paths import expand
    from acestep_cli.config.view import row_of

    for name, value in values.items():
        field = _field(name)
        if field.ignored and value is not None:
            yield Warned("ignored", f"{name} has no effect here: {field.ignored}")
        if field.kind == "path" and value and not expand(value).is_absolute():
            yield Warned("relative", f"{name} is taken from the folder in which acestep runs")
    try:
        resolved = resolve(environ=os.environ)
    except AceStepError as error:
        yield Warned("unusable", f"the settings cannot be used yet: {error.message}")
        return
    for name, value in values.items():
        field = _field(name)
        row = row_of(resolved, field)
        is_other = row.origin not in ("default", "file") or row.where not in ("", str(file))
        if is_other and (row.value != value or value is None):
            key, verb = full_key(field), "is still" if value is None else "stays"
            yield Warned("hidden", f"{key} {verb} {row.bare or 'unset'}: {row.where} decides")
