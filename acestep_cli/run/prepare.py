"""Everything that can be found out about a job before torch is imported and a record exists."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from acestep_cli.config import Resolved
from acestep_cli.errors import CheckpointMissing, UsageError
from acestep_cli.events import Event, Noted, Warned
from acestep_cli.hardware.planner import Hardware, choose_hardware, context_positions
from acestep_cli.jobs.digest import request_digest
from acestep_cli.pipeline.edit import Edit
from acestep_cli.pipeline.plan import Wish, lyric_warnings, plan_of, wish_of
from acestep_cli.pipeline.planning import Planning, planning_of
from acestep_cli.pipeline.settle import draw_seeds, settle
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.run.edits import (
    HEARD_BYTES,
    Sounds,
    Tracks,
    Written,
    checkpoint_task,
    edit_of,
    items_of,
    level_warnings,
    open_sounds,
    planner_warnings,
    planning_for,
    timed,
    with_values_of,
    written_as,
)
from acestep_cli.run.source import Source
from acestep_cli.run.spec import Job, RunSpec, used_folders
from acestep_cli.run.targets import PLOT, Targets, check_targets
from acestep_cli.weights.catalog import DEFAULT_PLANNER, fetch_command
from acestep_cli.weights.fingerprint import fingerprint
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import prefetch
from acestep_cli.weights.locate import CheckpointSet, find_set, incomplete_folder
from acestep_cli.weights.places import Place, search_places
from acestep_cli.weights.planners import find_planners, planner_size

# For the room on the disk, where the planner decides: longer than most songs.
_LIKELY_SECONDS = 240.0
# Shorter than any song; codes come in fifths of a second.
_NOTICED_SECONDS = 0.5


def prepare(spec: RunSpec) -> Job:
    """The settled job of `spec`; raises what makes it impossible."""
    settings, resolved = spec.resolved.settings, spec.resolved
    asked = resolved.request
    places = search_places(settings.checkpoints, environ=os.environ, cwd=Path.cwd())
    named = None if resolved.planner_wish == "off" else asked.lm_model_path
    checkpoints = find_set(asked.model, checkpoint_task(asked), places, planner=named)
    folder = Path(asked.save_dir or settings.output_dir)
    sounds = open_sounds(asked, folder)
    request, origins = with_values_of(sounds.source, resolved)
    request, warnings = settle(request, checkpoints.dit.family or "base", checkpoints.dit.name)
    edit = edit_of(request, sounds.source)
    written = written_as(resolved, request, edit, sounds.source)
    crew = _assemble(spec, request, checkpoints, places, edit, sounds.source)
    seeds = _seeds(request, len(crew.wishes))
    targets = Targets(folder, spec.output_file, written.encoding.extension, seeds, crew.tracks)
    _check_targets(spec, targets, written, crew, sounds)
    folders = used_folders(checkpoints, crew.planner)
    # The kernel reads the weights while torch is being imported.
    prefetch(read_index(part.path) for part in folders)
    kept = planner_warnings(request, resolved) + level_warnings(resolved, edit, sounds.source)
    given = _lyric_warnings(crew) + ([] if edit else _code_warnings(crew))
    found = (*resolved.warnings, *_unheard(resolved), *warnings, *kept, *given)
    early = _told(spec, found)
    fingerprints = {part.name: fingerprint(part.path) for part in folders}
    return Job(
        spec=spec,
        request=request,
        written=written,
        checkpoints=checkpoints,
        policy=crew.hardware.policy,
        wishes=crew.wishes,
        planning=crew.planning,
        planner=crew.planner,
        seeds=seeds,
        digest=request_digest(
            request.to_dict(),
            wishes=[wish.as_dict() for wish in crew.wishes],
            seeds=seeds,
            fingerprints=fingerprints,
            sources=sounds.hashes(),
            hardware=crew.hardware.policy.shaping(),
        ),
        fingerprints=fingerprints,
        early=(*_remarks(checkpoints), *crew.remarks, *early, *crew.hardware.adjusted),
        origins=origins,
        sounds=sounds,
        edit=edit,
        targets=targets,
        listens=crew.listens,
    )


def _check_targets(
    spec: RunSpec, targets: Targets, written: Written, crew: _Crew, sounds: Sounds
) -> None:
    durations = tuple(wish.duration or _LIKELY_SECONDS for wish in crew.wishes)
    check_targets(
        targets, force=spec.force, written=written, durations=durations, sources=sounds.paths()
    )
    if spec.plot_file is not None:
        pictures = targets.to(spec.plot_file, PLOT)
        check_targets(pictures, force=spec.force, written=written, durations=())


def _told(spec: RunSpec, found: Iterable[tuple[str, str]]) -> list[Event]:
    """The warnings `found`, each once; the first is an error where the command is strict."""
    early: list[Event] = [Warned(code, message) for code, message in dict.fromkeys(found)]
    if spec.strict and early:
        assert isinstance(early[0], Warned)
        raise UsageError(early[0].message, "leave out --strict to go on with a warning")
    return early


def _seeds(request: SongRequest, items: int) -> tuple[int, ...]:
    """The seed of every item; the tracks of one song share its seed."""
    songs = draw_seeds(request.seed, request.batch_size)
    return tuple(seed for seed in songs for _ in range(items // request.batch_size))


@dataclass(frozen=True, slots=True)
class _Crew:
    """Who does what: hardware, the planner and its tasks, and what is given for each item.

    `listens`: the planner hears the source of an edit first.
    """

    hardware: Hardware
    planner: Folder | None
    planning: Planning
    wishes: tuple[Wish, ...]
    tracks: Tracks
    listens: bool = False
    remarks: tuple[Event, ...] = ()


def _assemble(
    spec: RunSpec,
    request: SongRequest,
    checkpoints: CheckpointSet,
    places: tuple[Place, ...],
    edit: Edit | None,
    source: Source | None,
) -> _Crew:
    """Choose the planner, if there is anything for one to do, and the hardware policy with it."""
    settings = spec.resolved.settings
    wishes = spec.wishes or tuple(wish_of(request, index) for index in range(request.batch_size))
    wishes, tracks = items_of(request, timed(wishes, edit, source))
    planning, listens = planning_for(request, spec.resolved)
    wanted = [wish for wish in wishes if listens or (planning.wants(wish) and not request.no_lm)]
    required = spec.resolved.planner_wish == "required"
    candidates: tuple[Folder, ...] = ()
    if wanted:
        candidates = find_planners(
            request.lm_model_path, places, beside=checkpoints, required=required
        )
    hardware = choose_hardware(
        settings,
        {part.kind: read_index(part.path).values() for part in used_folders(checkpoints, None)},
        [planner_size(folder) for folder in candidates],
        positions=max((_positions(wish, listens=listens) for wish in wanted), default=0),
        required=required,
    )
    if hardware.planner is not None:
        # Ideas of our own are news to the person.
        drawn = wishes if spec.without_planner is not None else ()
        ideas = tuple(Noted(f"idea: {wish.query}") for wish in drawn)
        planner = candidates[hardware.planner]
        return _Crew(hardware, planner, planning, wishes, tracks, listens, ideas)
    if wanted and spec.without_planner is not None:
        wishes = spec.without_planner()
    reason = _why_none(candidates, hardware, places)
    for wish in wishes:
        _check_renderable(wish, request, reason)
    remarks: tuple[Event, ...] = ()
    if wanted:
        sentence = f"{reason}: the song is made without it"
        remarks = (Noted(f"{sentence} (to fetch one: {fetch_command(DEFAULT_PLANNER)})"),)
    silent = planning_of(request.replace(no_lm=True))
    return _Crew(hardware, None, silent, wishes, tracks, remarks=remarks)


def _why_none(candidates: tuple[Folder, ...], hardware: Hardware, places: tuple[Place, ...]) -> str:
    """Why there is no planner to use; one that is there in part is no missing one."""
    broken = None if candidates else incomplete_folder("planner", places)
    return broken.message if broken else hardware.reason


def _unheard(resolved: Resolved) -> list[tuple[str, str]]:
    """What was typed for the planner beside `--no-lm`."""
    return [
        ("unused_parameter", f"{name} has no effect, as no_lm switches the planner off")
        for name in resolved.unheard
    ]


def _lyric_warnings(crew: _Crew) -> list[tuple[str, str]]:
    """What can be said of given lyrics now: all of it, if nothing is left to the planner."""
    found = []
    for wish in crew.wishes:
        duration = wish.duration if crew.planner is not None else plan_of(wish).duration
        found += lyric_warnings(wish.lyrics, duration, wish.language)
    return found


def _code_warnings(crew: _Crew) -> list[tuple[str, str]]:
    """What can be said of given codes that are not those of the song's length."""
    found = []
    for wish in crew.wishes:
        seconds = len(wish.audio_codes) / CODES_PER_SECOND
        if not seconds or wish.duration is None or abs(seconds - wish.duration) < _NOTICED_SECONDS:
            continue
        rest = "the rest follows none" if seconds < wish.duration else "the last ones are left out"
        message = (
            f"{len(wish.audio_codes)} audio codes are {seconds:g} s of a song of "
            f"{wish.duration:g} s: {rest}"
        )
        found.append(("codes_length", message))
    return found


def _positions(wish: Wish, *, listens: bool) -> int:
    words = f"{wish.caption}{wish.lyrics}{wish.query or ''}"
    heard = HEARD_BYTES * math.ceil((wish.duration or 0) * CODES_PER_SECOND) if listens else 0
    return context_positions(len(words.encode("utf-8", "replace")) + heard, wish.duration)


def _check_renderable(wish: Wish, request: SongRequest, reason: str) -> None:
    """A song that is still to be invented cannot be made without a planner."""
    if wish.query is not None and request.no_lm:
        raise UsageError(
            "only a planner can make a song of a description, and no_lm switches it off",
            "leave out --no-lm, or give a caption instead",
        )
    if wish.query is not None:
        raise CheckpointMissing(
            f"only a planner can make a song of a description, and {reason or 'there is none'}",
            f"fetch one: {fetch_command(DEFAULT_PLANNER)}; or give a caption instead",
        )


def _remarks(checkpoints: CheckpointSet) -> tuple[Event, ...]:
    if not checkpoints.is_demo:
        return ()
    return (Noted("no checkpoint is installed: the demonstration one is used"),)
