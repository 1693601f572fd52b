"""Find the installed planners and how large they are; which one serves is the hardware's choice."""

from __future__ import annotations

from collections.abc import Sequence

from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.hardware.planner import PlannerSize
from acestep_cli.weights.catalog import DEFAULT_PLANNER, fetch_command
from acestep_cli.weights.demonstration import DEMO_PLANNER, REAL_ONE
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.locate import (
    holds_any,
    incomplete_folder,
    installed,
    looked_at,
    named_folder,
    search_order,
)
from acestep_cli.weights.places import Place
from acestep_cli.weights.sets import CheckpointSet, EarSet


def find_planners(
    name: str | None,
    places: Sequence[Place],
    *,
    beside: CheckpointSet | EarSet | None = None,
    required: bool = False,
) -> tuple[Folder, ...]:
    """The planners to choose from, the smallest first: all installed ones, or the one of `name`.

    With `beside`, planners of that set's own root come first where a name occurs twice, and the
    demonstration's planner serves the demonstration set alone; without, it serves where it was
    named, or where no place holds any model or other planner, complete or not. It never stands in
    for one that somebody named.

    CheckpointMissing when the one named is not installed, or none is and one is `required`;
    CheckpointError when one is incomplete or its weights are damaged.
    """
    order = _order(places, beside)
    if name is not None:
        order = list(places) if beside is None else order
        named = [place for place in order if not place.is_demo or name == DEMO_PLANNER]
        return (named_folder(name, "planner", named)[0],)
    found = installed(order, "planner")
    if beside is None and not (holds_any("dit", order) or holds_any("planner", order)):
        found = installed([place for place in places if place.is_demo], "planner")
    if not found and required:
        raise _no_planner(order or places, optional=beside is not None)
    return tuple(sorted(found, key=lambda folder: (planner_values(folder), folder.name)))


def planner_values(folder: Folder) -> int:
    """How many weights the planner in `folder` has; a head that is tied to the embedding and yet
    stored counts once."""
    tensors = read_index(folder.path).tensors
    tied = folder.config.get("tie_word_embeddings", True) is not False
    return sum(
        entry.numel for name, entry in tensors.items() if not (tied and name == "lm_head.weight")
    )


def planner_size(folder: Folder) -> PlannerSize:
    """What the planner in `folder` takes on a device; CheckpointError for an unfit config."""
    return PlannerSize.of(folder.name, planner_values(folder), folder.config)


def _order(places: Sequence[Place], beside: CheckpointSet | EarSet | None) -> list[Place]:
    if beside is None:
        return [place for place in places if not place.is_demo]
    own = Place(beside.root, "the named model's folder", is_demo=beside.is_demo)
    return search_order(next((place for place in places if place.path == own.path), own), places)


def _no_planner(places: Sequence[Place], *, optional: bool) -> CheckpointError:
    without = "; or use --no-lm to go on without it" if optional else ""
    if any(place.is_demo for place in places):
        return CheckpointMissing("the demonstration has no planner", f"{REAL_ONE}{without}")
    return incomplete_folder("planner", places) or CheckpointMissing(
        f"no planner is installed in {looked_at(places)}",
        f"fetch one: {fetch_command(DEFAULT_PLANNER)}{without}",
    )
