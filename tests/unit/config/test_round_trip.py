"""Each parameter and setting means the same by file, variable and flag."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from acestep_cli import config
from acestep_cli.config import schema
from acestep_cli.errors import UsageError
from acestep_cli.request import FIELDS, SongRequest, as_plain, as_text
from tests.unit.config.conftest import Place
from tests.unit.request.test_request import sample

ALL = [field.name for field in FIELDS if field.name not in ("save_dir",)]


@pytest.mark.parametrize("name", ALL)
def test_each_parameter_by_file_variable_and_flag(place: Place, name: str) -> None:
    """The same value arrives by `generation.NAME`, flat NAME, `ACESTEP_NAME` and flag."""
    field = next(field for field in FIELDS if field.name == name)
    value = getattr(SongRequest.from_values({name: sample(name)}), name)
    # The switches of other modes are refused as a whole, whatever gives them.
    if field.group == "Other modes":
        with pytest.raises(UsageError, match=name):
            place.resolve({name: value})
        return
    plain = {name: as_plain(name, value), **company(name)}
    for origin, resolved in (
        ("file", place.resolve(named=tomli_w.dumps({"generation": plain}))),
        ("file", place.resolve(named=tomli_w.dumps(plain))),
        (
            "env",
            place.resolve(company(name), environ={f"ACESTEP_{name.upper()}": as_text(name, value)}),
        ),
        ("flag", place.resolve(plain)),
    ):
        assert getattr(resolved.request, name) == value, origin
        assert resolved.origins[name] == origin
        assert (name in resolved.ignored) == bool(field.ignored)


def company(name: str) -> dict[str, Any]:
    """What else must be said so that the sample value of `name` fits the rest of the request."""
    if name == "repainting_start":
        return {"repainting_end": 60.0}
    return {}


SETTING_SAMPLES = {
    "checkpoints": "models", "output_dir": "songs", "device": "cpu", "dtype": "float16",
    "offload_to_cpu": True, "threads": 3, "lm_quantization": "int8",
    "api_url": "https://example.org", "api_key": "k", "api_mode": "completion",
}  # fmt: skip


# Further checkpoints are tables, which no variable and no flag can hold.
SETTINGS = [field.name for field in fields(config.Settings) if field.name != "models"]


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_by_file_variable_and_flag(place: Place, name: str) -> None:
    value = SETTING_SAMPLES[name]
    field = schema.SETTINGS_BY_NAME[name]
    assert field.help and field.group and field.flags and "," not in field.help
    expected: Any = Path(str(value)) if field.kind == "path" else value
    place.user(tomli_w.dumps({name: value}))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    assert getattr(place.resolve().settings, name) == expected
    place.user("")
    for variable in (name, *field.aliases):
        resolved = place.resolve(environ={f"ACESTEP_{variable.upper()}": text})
        assert getattr(resolved.settings, name) == expected
        assert resolved.origins[name] == "env"
    assert getattr(place.resolve({name: value}).settings, name) == expected


def test_table_and_settings_agree_in_defaults() -> None:
    for name in SETTINGS:
        row = schema.SETTINGS_BY_NAME[name]
        default = Path(row.default) if row.kind == "path" and row.default else row.default
        assert getattr(config.Settings(), name) == default
