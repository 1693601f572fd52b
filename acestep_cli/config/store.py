"""The user's settings file, changed key by key while everything else in it stays.

A change is checked before it is written, replaces the file in one step, and waits for others who
write. Comments, order, presets, further checkpoints and unknown keys survive.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acestep_cli.config import schema, sources
from acestep_cli.config.edit import Edit, edited
from acestep_cli.config.lock import only_writer
from acestep_cli.config.statements import Path as KeyPath
from acestep_cli.config.tomlfile import TomlFile, read_toml
from acestep_cli.errors import AceStepError, OutputError, SettingsError
from acestep_cli.files import atomic_target, remove_stale_parts, write_error
from acestep_cli.request import BY_NAME, Field, SongRequest, validate
from acestep_cli.request.values import complete

_PRIVATE = 0o600
_OTHERS = 0o077
_HINT = "check who may write there, or name another folder in ACESTEP_HOME"


def set_values(path: Path, values: Mapping[str, Any]) -> None:
    """Give settings new `values` in the file `path`, by canonical name, as TOML writes them; None
    takes the key out.

    A key that the file has in any spelling is replaced where it stands. SettingsError where the
    file cannot be read, or is fine and would not be with them; OutputError where it cannot be
    written. Either way it stays as it was.
    """

    def change(table: Mapping[str, Any]) -> Edit:
        puts: dict[KeyPath, Any] = {}
        drops: list[KeyPath] = []
        for name, value in values.items():
            field = schema.SETTINGS_BY_NAME.get(name) or BY_NAME[name]
            spelled = _spellings(table, field)
            if value is not None:
                puts[spelled[0] if spelled else _canonical(field)] = value
            drops += spelled if value is None else spelled[1:]
        return Edit(puts, drops)

    _write(path, change)


def unset(path: Path, keys: Iterable[str]) -> tuple[str, ...]:
    """Take `keys` out of the file `path`; the ones that were there, as they were spelled.

    A key that means no setting is taken out too where the file has it, as a way to mend it.
    SettingsError names one that is neither, and OutputError tells that the file cannot be written.
    """
    fields = {key: schema.find_key(key) for key in keys}
    removed: list[KeyPath] = []

    def change(table: Mapping[str, Any]) -> Edit:
        for key, field in fields.items():
            found = _spellings(table, field) if field else _unknown(table, key)
            removed.extend(spelled for spelled in found if spelled not in removed)
        return Edit(drops=tuple(removed))

    _write(path, change)
    return tuple(".".join(spelled) for spelled in removed)


def reset(path: Path) -> tuple[str, ...]:
    """Take every setting and every parameter out of the file `path`; which ones, as spelled.

    Presets, further checkpoints, comments and keys that mean nothing here stay.
    """
    removed: list[KeyPath] = []

    def change(table: Mapping[str, Any]) -> Edit:
        removed.extend(spelled for spelled, field in _keys(table) if field is not None)
        return Edit(drops=tuple(removed))

    _write(path, change)
    return tuple(".".join(spelled) for spelled in removed)


def _canonical(field: Field) -> KeyPath:
    return tuple(schema.full_key(field).split("."))


def _keys(table: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Field | None]]:
    """Every key of a file with what it means, None for what means nothing."""
    for name, value in table.items():
        if name not in schema.TABLES:
            yield (name,), schema.find_key(name, value)
    generation = table.get(schema.GENERATION)
    for name, value in generation.items() if isinstance(generation, dict) else ():
        yield (schema.GENERATION, name), schema.find_key(f"{schema.GENERATION}.{name}", value)


def _spellings(table: Mapping[str, Any], field: Field) -> list[KeyPath]:
    return [path for path, meant in _keys(table) if meant is field]


def _unknown(table: Mapping[str, Any], key: str) -> list[KeyPath]:
    found = [path for path, _ in _keys(table) if ".".join(path) == key]
    if not found:
        problem = schema.unknown_key(key)
        raise SettingsError(problem.message, problem.remedy)
    return found


def _write(path: Path, change: Callable[[Mapping[str, Any]], Edit]) -> None:
    """Read, change, check and replace the file, alone."""
    # A link stays one: what it leads to is replaced.
    target = Path(os.path.realpath(path))
    with _told(path):
        if not target.exists():
            edit = change({})
            if not edit.puts:
                return
            _make_folder(target.parent)
        with only_writer(target):
            file = _read(target)
            edit = change(file.table)
            if edit.puts or edit.drops:
                text = edited(file, edit)
                _check(path, file, text)
                _replace(target, text, private="api_key" in _put_names(edit))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{folder} is a file and not a folder", _HINT) from error


def _read(target: Path) -> TomlFile:
    if not target.exists():
        return TomlFile("", {})
    if not target.is_file():
        raise OutputError(f"{target} is not a file", _HINT)
    file = read_toml(target)
    if not isinstance(file.table.get(schema.GENERATION, {}), dict):
        raise SettingsError(f"{target}: generation is not a table", "write [generation] there")
    return file


def _put_names(edit: Edit) -> set[str]:
    fields = (schema.find_key(".".join(path), value) for path, value in edit.puts.items())
    return {field.name for field in fields if field}


def _check(path: Path, before: TomlFile, after: str) -> None:
    """SettingsError where a file that was fine would no longer be."""
    import tomllib

    fault = _fault(path, tomllib.loads(after.removeprefix("\ufeff")))
    if fault is not None and _fault(path, before.table) is None:
        raise SettingsError(fault.message, fault.hint)


def _fault(path: Path, table: Mapping[str, Any]) -> AceStepError | None:
    """What is wrong with the settings in `table`, taken by themselves."""
    layer, problems = sources.examine_file(path, table)
    if problems:
        return SettingsError(problems[0].message, problems[0].remedy)
    try:
        named = {name: value for name, value in layer.values.items() if name in BY_NAME}
        validate(SongRequest(**complete(named).values))
    except AceStepError as error:
        return error
    return None


def _replace(target: Path, text: str, *, private: bool) -> None:
    exists = target.exists()
    mode = stat.S_IMODE(target.stat().st_mode) if exists else None
    if private:
        mode = _PRIVATE if mode is None else mode & ~_OTHERS
    # Nobody else is writing, so what lies there was left by a killed writer.
    remove_stale_parts(target)
    with atomic_target(target, overwrite=True) as temporary:
        # Nobody else may read it before it has its mode.
        opener = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         0o666 if mode is None else _PRIVATE)  # fmt: skip
        with os.fdopen(opener, "wb") as file:
            file.write(text.encode())
        if mode is not None:
            temporary.chmod(mode)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of writing with a remedy for settings."""
    try:
        yield
    except OutputError as error:
        if error.code == "busy":
            raise
        raise OutputError(error.message, _HINT, code=error.code) from error
    except OSError as error:
        raise OutputError(write_error(error, path).message, _HINT) from error
