"""TOML files as text and as tables, and single values as TOML spells them.

Knows nothing about which keys there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acestep_cli.errors import SettingsError

_MAX_BYTES = 1 << 20
_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML file as it was read: its `text` without a byte order mark, and what that means."""

    text: str
    table: dict[str, Any]
    has_mark: bool = False


def read_toml(path: Path) -> TomlFile:
    """The TOML file `path`; SettingsError names file and line where it cannot be read.

    At most 1 MiB of UTF-8 text.
    """
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
    text = _decoded(path, data)
    bare = text.removeprefix("\ufeff")
    return TomlFile(bare, _parsed(path, bare), has_mark=bare != text)


def toml_value(value: Any) -> str:
    """`value` as TOML spells it, on one line."""
    import tomli_w

    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return tomli_w.dumps({"x": value}).strip().removeprefix("x = ")


def _key(key: str) -> str:
    import tomli_w

    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path}, line {line}: not UTF-8 text", "save the file as UTF-8"
        ) from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise SettingsError(
            f"{path}: nested too deeply", "write plain tables and values"
        ) from error
    except ValueError as error:
        place = _LINE.search(str(error))
        at = f", line {place[1]}" if place else ""
        reason = _LINE.sub("", str(error))
        raise SettingsError(f"{path}{at}: {reason}", "correct the TOML there") from error
