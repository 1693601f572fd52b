"""Settings files and the environment as layers of typed, checked values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.config import paths, schema
from acestep_cli.errors import SettingsError
from acestep_cli.files import is_file
from acestep_cli.request import Field
from acestep_cli.request.parse import parse
from acestep_cli.request.problems import BadValue, Problem
from acestep_cli.request.values import merge

VARIABLE_PREFIX = "ACESTEP_"
INIT_LLM_VARIABLE = "ACESTEP_INIT_LLM"

_MAX_BYTES = 1 << 20
_PRESET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
_INIT_LLM_SWITCH = Field(
    INIT_LLM_VARIABLE, "bool", "the documented switch of the planner", "Planner"
)
_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """Typed values of one source by canonical name; `where` says for each what gave it."""

    origin: str
    values: dict[str, Any]
    where: dict[str, str]
    presets: dict[str, Layer] = field(default_factory=dict)


def read_file(path: Path, *, relative_to_file: bool) -> Layer:
    """The settings in the TOML file `path`; SettingsError names file, key, value and limits.

    With `relative_to_file` relative folders and audio files are taken from the file's folder.
    """
    table = _load(path)
    base = path.absolute().parent if relative_to_file else None
    problems: list[Problem] = []
    presets = table.pop(schema.PRESETS, {})
    generation = table.pop(schema.GENERATION, {})
    if not isinstance(generation, dict):
        raise SettingsError(f"{path}: generation is not a table", "write [generation]")
    flat = {**table, **{f"{schema.GENERATION}.{name}": raw for name, raw in generation.items()}}
    values = _read_keys(flat, base, problems)
    named = _read_presets(presets, base, problems)
    if problems:
        raise _file_error(path, problems)
    return Layer(
        "file",
        values,
        dict.fromkeys(values, str(path)),
        {
            name: Layer("preset", found, dict.fromkeys(found, f"preset {name} in {path}"))
            for name, found in named.items()
        },
    )


def read_environment(environ: Mapping[str, str]) -> Layer:
    """The `ACESTEP_` variables that name a setting or a parameter; others are left alone.

    An empty variable counts as unset. SettingsError names variable, value and what is allowed.
    """
    values: dict[str, Any] = {}
    where: dict[str, str] = {}
    problems: list[Problem] = []
    for variable in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        raw = environ[variable]
        try:
            found = _read_variable(variable, raw) if raw.strip() else {}
            merge(values, found, variable)
        except BadValue as bad:
            problems.append(Problem(variable, f"{variable}: {bad.message}", bad.remedy))
        else:
            where.update(dict.fromkeys(found, variable))
    if problems:
        raise _settings_error(problems)
    return Layer("env", values, where)


def read_given(origin: str, raw: Mapping[str, Any]) -> tuple[Layer, list[Problem]]:
    """Values that came from the command line or a plan, with what is wrong with them."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, given in raw.items():
        if given is None:
            continue
        row = schema.find_key(name, given)
        if row is None:
            problems.append(schema.unknown_key(name))
            continue
        try:
            merge(values, schema.read_key(row, given), name)
        except BadValue as bad:
            problems.append(Problem(row.name, bad.message, bad.remedy, bad.content))
    return Layer(origin, values, dict.fromkeys(values, origin)), problems


def _load(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file {path}: {error.strerror or type(error).__name__}",
            "check the path and its permissions",
        ) from error
    if len(data) > _MAX_BYTES:
        raise SettingsError(
            f"the settings file {path} is larger than 1 MiB", "name a TOML file of settings"
        )
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path}, line {line}: not UTF-8 text", "save the file as UTF-8"
        ) from error
    except RecursionError as error:
        raise SettingsError(
            f"{path}: nested too deeply", "write plain tables and values"
        ) from error
    except ValueError as error:
        place = _LINE.search(str(error))
        at = f", line {place[1]}" if place else ""
        reason = _LINE.sub("", str(error))
        raise SettingsError(f"{path}{at}: {reason}", "correct the TOML there") from error


def _read_keys(
    table: Mapping[str, Any], base: Path | None, problems: list[Problem]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, raw in table.items():
        row = schema.find_key(key, raw)
        if row is None:
            problems.append(schema.unknown_key(key))
            continue
        try:
            merge(values, _rebased(row, schema.read_key(row, raw), base), key)
        except BadValue as bad:
            message = bad.message if key == row.name else f"{key}: {bad.message}"
            problems.append(Problem(key, message, bad.remedy))
    return values


def _read_presets(
    presets: object, base: Path | None, problems: list[Problem]
) -> dict[str, dict[str, Any]]:
    if not isinstance(presets, dict):
        problems.append(Problem("presets", "presets is not a table", "write [presets.NAME]"))
        return {}
    named: dict[str, dict[str, Any]] = {}
    for name, table in presets.items():
        if not _PRESET_NAME.fullmatch(name) or not isinstance(table, dict):
            problems.append(
                Problem(
                    name,
                    f"presets.{name} is no preset",
                    "write [presets.NAME] with letters, digits, - and _ in NAME",
                )
            )
            continue
        found: list[Problem] = []
        keys = {f"{schema.GENERATION}.{key}": raw for key, raw in table.items()}
        named[name] = _read_keys(keys, base, found)
        problems += (Problem(p.name, f"presets.{name}: {p.message}", p.remedy) for p in found)
    return named


def _rebased(row: Field, values: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """Paths with `~` replaced; relative to `base` where it is given.

    Audio may also be a job id, so its path is changed only where a file lies.
    """
    text = values.get(row.name)
    if row.kind != "path" or not text:
        return values
    path = paths.expand(text, base)
    is_folder = row.name in schema.SETTINGS_BY_NAME
    return {row.name: str(path)} if is_folder or is_file(path) else values


def _read_variable(variable: str, raw: str) -> dict[str, Any]:
    if variable == INIT_LLM_VARIABLE:
        return _read_init_llm(raw)
    name = variable.removeprefix(VARIABLE_PREFIX)
    row = schema.find_key(name, raw)
    if row is None or (row.ignored and row.name in schema.SETTINGS_BY_NAME):
        return {}
    return _rebased(row, schema.read_key(row, raw), None)


def _read_init_llm(raw: str) -> dict[str, Any]:
    """The documented switch of the planner: false means `no_lm`, `auto` says nothing."""
    if raw.strip().lower() == "auto":
        return {}
    return {"no_lm": not parse(_INIT_LLM_SWITCH, raw)}


def _file_error(path: Path, problems: list[Problem]) -> SettingsError:
    first, *others = problems
    return _settings_error([Problem(first.name, f"{path}: {first.message}", first.remedy), *others])


def _settings_error(problems: list[Problem]) -> SettingsError:
    message = ". ".join(dict.fromkeys(problem.message for problem in problems))
    hint = "; ".join(dict.fromkeys(problem.remedy for problem in problems))
    return SettingsError(message, hint)
