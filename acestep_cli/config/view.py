"""Settings as they are shown and stored: plain values, origins, secrets covered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acestep_cli.config import schema
from acestep_cli.config.layers import Resolved
from acestep_cli.config.presets import PURPOSES, built_in
from acestep_cli.config.sources import Layer
from acestep_cli.config.tomlfile import toml_value
from acestep_cli.request import BY_NAME, Field, as_plain

COVER = "***"
# Where nothing is said of them, they are on for songs from words, and off for edits.
_ON = frozenset(("thinking", "use_format", "use_cot_caption", "use_cot_language", "use_cot_metas"))


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its dotted `key`, its plain value (None: not set), which layer gave it, and by
    which file, variable or preset (empty for a default)."""

    key: str
    value: Any
    origin: str
    where: str

    @property
    def spelled(self) -> str:
        """The value as TOML spells it; empty where there is none."""
        return "" if self.value is None else toml_value(self.value)

    @property
    def bare(self) -> str:
        """The value without the quotes of TOML; empty where there is none."""
        return bare(self.value)


def rows(resolved: Resolved) -> Iterator[Row]:
    """Every setting and parameter that has an effect, in the order of the tables."""
    for key in schema.all_keys():
        field = schema.find_key(key)
        assert field is not None
        yield row_of(resolved, field)


def row_of(resolved: Resolved, field: Field) -> Row:
    """The row of one setting or parameter, secrets covered."""
    holder: Any = resolved.settings if field.name in schema.SETTINGS_BY_NAME else resolved.request
    value = plain(field, getattr(holder, field.name, None))
    if value is None and field.name in _ON:
        value = True
    return Row(
        schema.full_key(field),
        covered(field, value),
        resolved.origins[field.name],
        resolved.where.get(field.name, ""),
    )


def plain(field: Field, value: Any) -> Any:
    """A typed value as JSON and TOML write it; None for one that says nothing."""
    if value is None or value == ():
        return None
    if isinstance(value, Path):
        return str(value)
    if field.name not in BY_NAME:
        return value
    if field.kind == "seeds" and len(value) == 1:
        return value[0]
    return as_plain(field.name, value)


def bare(value: Any) -> str:
    """A plain value as TOML spells it, without the quotes of text; empty for None."""
    return value if isinstance(value, str) else "" if value is None else toml_value(value)


def covered(field: Field, value: Any) -> Any:
    """`value`, or a cover where it is a secret."""
    return COVER if field.name in schema.SECRETS and value else value


def model_rows(resolved: Resolved) -> Iterator[Row]:
    """The keys of further checkpoints."""
    for model in resolved.settings.models:
        table = f"{schema.MODELS}.{model.name}"
        for key, value in asdict(model).items():
            if key != "name" and value is not None:
                yield Row(f"{table}.{key}", value, "file", resolved.where[table])


@dataclass(frozen=True, slots=True)
class PresetTable:
    """One preset: plain values by canonical name, for every checkpoint and for families alone."""

    name: str
    purpose: str
    values: dict[str, Any]
    by_family: dict[str, dict[str, Any]]

    def lines(self) -> Iterator[str]:
        """The preset as lines of TOML."""
        name = f"{schema.PRESETS}.{self.name}"
        yield f"# {self.name}: {self.purpose}"
        yield from (f"{name}.{key} = {toml_value(value)}" for key, value in self.values.items())
        for family, values in self.by_family.items():
            for key, value in values.items():
                yield f"{name}.{key} = {toml_value(value)}  # for {family} checkpoints"

    def as_dict(self) -> dict[str, Any]:
        """The preset for JSON."""
        return {"purpose": self.purpose, "values": self.values, "by_family": self.by_family}


def preset_tables(presets: Mapping[str, Layer]) -> list[PresetTable]:
    """`presets` as they are shown."""
    own = built_in()
    return [
        PresetTable(
            name,
            PURPOSES[name] if own.get(name) == layer else "from a settings file",
            _plain_values(layer.values),
            {family: _plain_values(values) for family, values in layer.by_family.items()},
        )
        for name, layer in presets.items()
    ]


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    plains = {name: plain(BY_NAME[name], value) for name, value in values.items()}
    return {name: value for name, value in plains.items() if value is not None}
