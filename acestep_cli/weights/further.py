"""Checkpoints that the settings add to the published ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from acestep_cli.errors import SettingsError
from acestep_cli.weights.catalog import BY_NAME, Entry, Family, Kind
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER

if TYPE_CHECKING:
    from acestep_cli.config import FurtherModel


def entries_with(further: Iterable[FurtherModel]) -> Mapping[str, Entry]:
    """The published checkpoints and the `further` ones by name, the published ones first.

    SettingsError where one has the name of a published checkpoint or of the demonstration: what a
    name means must not depend on a file.
    """
    entries = dict(BY_NAME)
    for model in further:
        if model.name in BY_NAME:
            raise SettingsError(
                f"[models.{model.name}] has the name of a published checkpoint",
                "give it another name",
            )
        if model.name in (DEMO, DEMO_PLANNER):
            raise SettingsError(
                f"[models.{model.name}] has the name of the built-in demonstration",
                "give it another name",
            )
        entries[model.name] = Entry(
            name=model.name,
            repo=model.repo,
            kind=cast(Kind, model.kind),
            family=cast("Family | None", model.family),
            folder=model.folder or "",
            revision=model.revision,
            note="from the settings",
        )
    return entries
