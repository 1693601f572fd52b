"""Presets: parameters under one name. Some come with the package, files may name more.

A preset of a file takes the place of one of the package with the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from acestep_cli.config import schema
from acestep_cli.config.sources import Layer
from acestep_cli.errors import UsageError
from acestep_cli.request import near_miss
from acestep_cli.request.problems import shown

# Below the name of a family: what only checkpoints of that family get. Their order is the order in
# which installed checkpoints are preferred where none is named.
_FAMILIES = ("turbo", "sft", "base")
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "draft": {
        "thinking": False,
        "batch_size": 1,
        "turbo": {"inference_steps": 8, "shift": 3.0},
        "sft": {"inference_steps": 32},
        "base": {"inference_steps": 32},
    },
    "quality": {
        "thinking": True,
        "audio_format": "flac",
        "sft": {"inference_steps": 64, "guidance_scale": 7.0},
        "base": {"inference_steps": 64, "guidance_scale": 7.0, "use_adg": True},
        "turbo": {},
    },
    "consistent": {"seed": 7, "lm_temperature": 0.7},
}
PURPOSES: Mapping[str, str] = {
    "draft": "soon done, to try an idea",
    "quality": "as good as the installed checkpoints can",
    "consistent": "small changes of the words change little else",
}


def built_in() -> dict[str, Layer]:
    """The presets of the package by name."""
    return {name: _layer(name, table) for name, table in BUILT_IN.items()}


def known_presets(layers: Iterable[Layer]) -> dict[str, Layer]:
    """All presets by name: those of the package, then those of the files of `layers`, the later
    ones replacing the earlier ones."""
    known = built_in()
    for layer in layers:
        known |= layer.presets
    return known


def find_preset(name: str, layers: Iterable[Layer]) -> Layer:
    """The preset `name`; UsageError with the near miss and all names where there is none."""
    presets = known_presets(layers)
    if name in presets:
        return presets[name]
    close = near_miss(name, tuple(presets))
    known = f"choose one of {', '.join(presets)} or add [presets.NAME] to a settings file"
    raise UsageError(
        f"there is no preset {shown(name)}", f"did you mean {close}? {known}" if close else known
    )


def _layer(name: str, table: Mapping[str, Any]) -> Layer:
    values = _read({key: raw for key, raw in table.items() if key not in _FAMILIES})
    by_family = {family: _read(table[family]) for family in table if family in _FAMILIES}
    return Layer("preset", values, dict.fromkeys(values, f"preset {name}"), by_family=by_family)


def _read(table: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, raw in table.items():
        row = schema.find_key(f"{schema.GENERATION}.{key}", raw)
        assert row is not None
        values |= schema.read_key(row, raw)
    return values
