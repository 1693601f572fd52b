"""Who makes the songs of a job: hardware, planner, and what is given for each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from acestep_cli.errors import CheckpointMissing, UsageError
from acestep_cli.events import Event, Noted
from acestep_cli.hardware.planner import (
    Hardware,
    PlannerSize,
    choose_hardware,
    context_positions,
)
from acestep_cli.hardware.recorded import as_recorded
from acestep_cli.pipeline.edit import Edit
from acestep_cli.pipeline.plan import Wish, wish_of
from acestep_cli.pipeline.planning import Planning, planning_of
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.run.edits import HEARD_BYTES, Tracks, items_of, planning_for, timed
from acestep_cli.run.source import Source
from acestep_cli.run.spec import RunSpec, used_folders
from acestep_cli.weights.catalog import DEFAULT_PLANNER, fetch_command
from acestep_cli.weights.demonstration import REAL_ONE
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.locate import incomplete_folder
from acestep_cli.weights.places import Place
from acestep_cli.weights.planners import find_planners, planner_size
from acestep_cli.weights.sets import CheckpointSet


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does what: hardware, the planner and its tasks, and what is given for each item.

    `given`: the wishes of songs that are not those of the request; `weights`: how many values each
    stage has; `listens`: the planner hears the source of an edit first.
    """

    hardware: Hardware
    planner: Folder | None
    planning: Planning
    wishes: tuple[Wish, ...]
    tracks: Tracks
    given: tuple[Wish, ...]
    weights: Mapping[str, int]
    listens: bool = False
    remarks: tuple[Event, ...] = ()


def assemble(
    spec: RunSpec,
    request: SongRequest,
    checkpoints: CheckpointSet,
    places: tuple[Place, ...],
    edit: Edit | None,
    source: Source | None,
) -> Crew:
    """Choose the planner, if there is anything for one to do, and the hardware policy with it."""
    wishes = spec.wishes or tuple(wish_of(request, index) for index in range(request.batch_size))
    wishes, tracks = items_of(request, timed(wishes, edit, source))
    planning, listens = planning_for(request, spec.resolved)
    if request.thinking is None and not checkpoints.composes:
        planning = replace(planning, codes=False)
    wanted = [wish for wish in wishes if listens or (planning.wants(wish) and not request.no_lm)]
    candidates = _planners(spec, request, places, checkpoints) if wanted else ()
    values: dict[str, int] = {
        part.kind: read_index(part.path).values() for part in used_folders(checkpoints, None)
    }
    positions = max((_positions(wish, listens=listens) for wish in wanted), default=0)
    sizes = [planner_size(folder) for folder in candidates]
    hardware = _hardware(spec, values, sizes, positions=positions)
    if hardware.planner is not None:
        # Ideas of our own are news to the person.
        drawn = wishes if spec.without_planner is not None else ()
        ideas = tuple(Noted(f"idea: {wish.query}") for wish in drawn)
        planner = candidates[hardware.planner]
        values |= sizes[hardware.planner].stages(positions)
        return Crew(
            hardware, planner, planning, wishes, tracks, spec.wishes, values, listens, ideas
        )
    given = spec.wishes
    if wanted and spec.without_planner is not None:
        given = wishes = spec.without_planner()
    reason = _why_none(checkpoints, candidates, hardware, places)
    remedy = REAL_ONE if checkpoints.is_demo else f"fetch one: {fetch_command(DEFAULT_PLANNER)}"
    for wish in wishes:
        _check_renderable(wish, request, reason, remedy)
    remarks: tuple[Event, ...] = ()
    # A demonstration without a planner is whole all the same, and nothing is to be done about it.
    untold = not candidates and checkpoints.is_demo
    if wanted and not untold and not (spec.pinned and spec.pinned.plans):
        sentence = f"{reason}: the song is made without it"
        remarks = (Noted(f"{sentence} (to fetch one: {fetch_command(DEFAULT_PLANNER)})"),)
    silent = planning_of(request.replace(no_lm=True))
    return Crew(hardware, None, silent, wishes, tracks, given, values, remarks=remarks)


def _planners(
    spec: RunSpec, request: SongRequest, places: tuple[Place, ...], checkpoints: CheckpointSet
) -> tuple[Folder, ...]:
    """The planners to choose from: the one of an earlier job, or what the request leaves open."""
    if spec.pinned is not None and spec.pinned.plans:
        return spec.pinned.planners(places)
    required = spec.resolved.planner_wish == "required"
    return find_planners(request.lm_model_path, places, beside=checkpoints, required=required)


def _hardware(
    spec: RunSpec, values: Mapping[str, int], planners: Sequence[PlannerSize], *, positions: int
) -> Hardware:
    """The hardware for the job: that of an earlier one, where it is here."""
    settings, pinned = spec.resolved.settings, spec.pinned
    required = spec.resolved.planner_wish == "required" or (pinned is not None and pinned.plans)
    if pinned is None or pinned.hardware is None:
        return choose_hardware(settings, values, planners, positions=positions, required=required)
    found = as_recorded(settings, pinned.hardware, pinned.typed)
    hardware = choose_hardware(
        found.settings,
        values,
        planners,
        positions=positions,
        required=required,
        devices=found.devices,
        recorded=found.fields,
    )
    return replace(hardware, adjusted=(*found.adjusted, *hardware.adjusted))


def _why_none(
    checkpoints: CheckpointSet,
    candidates: tuple[Folder, ...],
    hardware: Hardware,
    places: tuple[Place, ...],
) -> str:
    """Why there is no planner to use; one that is there in part is no missing one."""
    if checkpoints.is_demo and not candidates:
        return "the demonstration has no planner"
    real = [place for place in places if not place.is_demo]
    broken = None if candidates else incomplete_folder("planner", real)
    return broken.message if broken else hardware.reason


def _positions(wish: Wish, *, listens: bool) -> int:
    words = f"{wish.caption}{wish.lyrics}{wish.query or ''}"
    heard = HEARD_BYTES * math.ceil((wish.duration or 0) * CODES_PER_SECOND) if listens else 0
    return context_positions(len(words.encode("utf-8", "replace")) + heard, wish.duration)


def _check_renderable(wish: Wish, request: SongRequest, reason: str, remedy: str) -> None:
    """A song that is still to be invented cannot be made without a planner."""
    if wish.query is not None and request.no_lm:
        raise UsageError(
            "only a planner can make a song of a description, and no_lm switches it off",
            "leave out --no-lm, or give a caption instead",
        )
    if wish.query is not None:
        raise CheckpointMissing(
            f"only a planner can make a song of a description, and {reason or 'there is none'}",
            f"{remedy}; or give a caption instead",
        )
