"""Everything that is wrong with settings files and environment, found without stopping at the
first fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.config.layers import Resolved, resolve, settings_files
from acestep_cli.config.sources import examine_environment, examine_file
from acestep_cli.config.tomlfile import read_toml
from acestep_cli.errors import AceStepError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the sentence that names it with its place, and the remedy."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what is wrong with it, and the settings where nothing is."""

    files: tuple[Path, ...]
    faults: tuple[Fault, ...]
    resolved: Resolved | None = None


def examine(
    config_file: Path | None,
    environ: Mapping[str, str],
    *,
    preset: str | None = None,
    cwd: Path | None = None,
) -> Finding:
    """Read all that applies and say everything that is wrong with it."""
    faults: list[Fault] = []
    files = settings_files(config_file, environ, cwd)
    for path, relative in files:
        try:
            table = read_toml(path).table
        except AceStepError as error:
            faults.append(Fault(error.message, error.hint))
            continue
        _, problems = examine_file(path, table, relative_to_file=relative)
        faults += (Fault(f"{path}: {one.message}", one.remedy) for one in problems)
    faults += (Fault(one.message, one.remedy) for one in examine_environment(environ)[1])
    read = tuple(path for path, _ in files)
    if faults:
        return Finding(read, tuple(faults))
    try:
        resolved = resolve(config_file=config_file, environ=environ, cwd=cwd, preset=preset)
    except AceStepError as error:
        return Finding(read, (Fault(error.message, error.hint),))
    return Finding(read, (), resolved)
