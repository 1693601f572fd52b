"""Settings files and the environment as layers of typed, checked values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acestep_cli.config import paths, schema
from acestep_cli.config.further import read_models
from acestep_cli.config.tomlfile import read_toml
from acestep_cli.errors import SettingsError
from acestep_cli.files import is_file
from acestep_cli.request import Field
from acestep_cli.request.parse import parse
from acestep_cli.request.problems import BadValue, Problem

VARIABLE_PREFIX = "ACESTEP_"
INIT_LLM_VARIABLE = "ACESTEP_INIT_LLM"

_PRESET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
_INIT_LLM_SWITCH = Field(
    INIT_LLM_VARIABLE, "bool", "the documented switch of the planner", "Planner"
)


@dataclass(frozen=True, slots=True)
class Layer:
    """Typed values of one source by canonical name; `where` says for each what gave it.

    `presets` and `models` are what a file names beside them; `by_family` is what a preset gives to
    checkpoints of one family.
    """

    origin: str
    values: dict[str, Any]
    where: dict[str, str]
    presets: dict[str, Layer] = field(default_factory=dict)
    models: tuple[schema.FurtherModel, ...] = ()
    by_family: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def read_file(path: Path, *, relative_to_file: bool) -> Layer:
    """The settings in the TOML file `path`; SettingsError names file, key, value and limits.

    With `relative_to_file` relative folders and audio files are taken from the file's folder.
    """
    layer, problems = examine_file(path, read_toml(path).table, relative_to_file=relative_to_file)
    if problems:
        raise _file_error(path, problems)
    return layer


def examine_file(
    path: Path, table: Mapping[str, Any], *, relative_to_file: bool = False
) -> tuple[Layer, list[Problem]]:
    """The settings in `table`, which `path` holds, and everything that is wrong with them."""
    base = path.absolute().parent if relative_to_file else None
    problems: list[Problem] = []
    generation = table.get(schema.GENERATION, {})
    if not isinstance(generation, dict):
        problems.append(
            Problem(schema.GENERATION, "generation is not a table", "write [generation]")
        )
        generation = {}
    flat = {name: raw for name, raw in table.items() if name not in schema.TABLES}
    flat |= {f"{schema.GENERATION}.{name}": raw for name, raw in generation.items()}
    values = _read_keys(flat, base, problems)
    named = _read_presets(table.get(schema.PRESETS, {}), base, problems)
    models = read_models(table.get(schema.MODELS, {}), problems)
    presets = {
        name: Layer("preset", found, dict.fromkeys(found, f"preset {name} in {path}"))
        for name, found in named.items()
    }
    keys = (*values, *(f"{schema.MODELS}.{model.name}" for model in models))
    return Layer("file", values, dict.fromkeys(keys, str(path)), presets, models), problems


def read_environment(environ: Mapping[str, str]) -> Layer:
    """The `ACESTEP_` variables that name a setting or a parameter; others are left alone.

    An empty variable counts as unset. SettingsError names variable, value and what is allowed.
    """
    layer, problems = examine_environment(environ)
    if problems:
        raise settings_error(problems)
    return layer


def examine_environment(environ: Mapping[str, str]) -> tuple[Layer, list[Problem]]:
    """What `read_environment` reads, and everything that is wrong with it."""
    values: dict[str, Any] = {}
    where: dict[str, str] = {}
    problems: list[Problem] = []
    for variable in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        raw = environ[variable]
        try:
            found = _read_variable(variable, raw) if raw.strip() else {}
            schema.add_values(values, found, variable)
        except BadValue as bad:
            problems.append(Problem(variable, f"{variable}: {bad.message}", bad.remedy))
        else:
            where.update(dict.fromkeys(found, variable))
    return Layer("env", values, where), problems


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
            schema.add_values(values, schema.read_key(row, given), name)
        except BadValue as bad:
            problems.append(Problem(row.name, bad.message, bad.remedy, bad.content))
    return Layer(origin, values, dict.fromkeys(values, origin)), problems


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
            schema.add_values(values, _rebased(row, schema.read_key(row, raw), base), key)
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
    return settings_error([Problem(first.name, f"{path}: {first.message}", first.remedy), *others])


def settings_error(problems: list[Problem]) -> SettingsError:
    """All `problems` as one error, the first one first."""
    message = ". ".join(dict.fromkeys(problem.message for problem in problems))
    hint = "; ".join(dict.fromkeys(problem.remedy for problem in problems))
    return SettingsError(message, hint)
