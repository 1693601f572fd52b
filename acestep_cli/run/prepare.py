"""Everything that can be found out about a job before torch is imported and a record exists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from acestep_cli.config import Resolved
from acestep_cli.errors import UsageError
from acestep_cli.events import Event, Noted, Warned
from acestep_cli.jobs.digest import request_digest
from acestep_cli.pipeline.plan import lyric_warnings, plan_of
from acestep_cli.pipeline.settle import Warnings, draw_seeds, settle
from acestep_cli.request import SongRequest
from acestep_cli.request.codes import CODES_PER_SECOND
from acestep_cli.run.crew import Crew, assemble
from acestep_cli.run.edits import (
    Sounds,
    Written,
    checkpoint_task,
    edit_of,
    level_warnings,
    open_sounds,
    planner_warnings,
    with_values_of,
    written_as,
)
from acestep_cli.run.pinned import Pinned
from acestep_cli.run.spec import Job, RunSpec, used_folders
from acestep_cli.run.targets import PLOT, Targets, check_targets
from acestep_cli.run.vain import vain_warnings
from acestep_cli.weights.demonstration import remark
from acestep_cli.weights.fingerprint import fingerprint
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import prefetch
from acestep_cli.weights.locate import find_set
from acestep_cli.weights.places import Place, search_places
from acestep_cli.weights.sets import CheckpointSet

# For the room on the disk, where the planner decides: longer than most songs.
_LIKELY_SECONDS = 240.0
# Shorter than any song; codes come in fifths of a second.
_NOTICED_SECONDS = 0.5


def prepare(spec: RunSpec, *, warm: bool = True) -> Job:
    """The settled job of `spec`; raises what makes it impossible.

    Unless `warm` is off, the weights are read ahead while torch is being imported.
    """
    places = _places(spec)
    checkpoints = _checkpoints(spec, places)
    # A preset may say something else to each family; the demonstration is of none of them.
    family = "" if checkpoints.is_demo else checkpoints.dit.family or "base"
    resolved = spec.resolved.for_family(family)
    spec = replace(spec, resolved=resolved)
    asked = resolved.request
    folder = Path(asked.save_dir or resolved.settings.output_dir)
    sounds = open_sounds(asked, folder)
    request, origins = with_values_of(sounds.source, resolved)
    request = _with_whole_names(request, sounds)
    request, warnings = _settled(request, resolved, checkpoints)
    edit = edit_of(request, sounds.source)
    written = written_as(resolved, request, edit, sounds.source)
    crew = assemble(spec, request, checkpoints, places, edit, sounds.source)
    seeds = _seeds(request, len(crew.wishes))
    targets = Targets(folder, spec.output_file, written.encoding.extension, seeds, crew.tracks)
    _check_targets(spec, targets, written, crew, sounds)
    folders = used_folders(checkpoints, crew.planner)
    if warm:
        read_ahead(folders)
    fingerprints = {part.name: fingerprint(part.path) for part in folders}
    found = (
        *resolved.warnings,
        *warnings,
        *_without_effect(request, resolved, checkpoints, written),
        *level_warnings(resolved, edit, sounds.source),
        *(_lyric_warnings(crew) + ([] if edit else _code_warnings(crew))),
        *(spec.pinned or Pinned("")).differences(fingerprints, sounds.hashes()),
    )
    return Job(
        spec=replace(spec, wishes=crew.given, without_planner=None),
        request=request,
        written=written,
        checkpoints=checkpoints,
        policy=crew.hardware.policy,
        weights=crew.weights,
        wishes=crew.wishes,
        planning=crew.planning,
        planner=crew.planner,
        seeds=seeds,
        digest=_digest(request, crew, seeds, fingerprints, sounds),
        fingerprints=fingerprints,
        early=(
            *_remarks(checkpoints, request, seeds),
            *crew.remarks,
            *_told(spec, found),
            *crew.hardware.adjusted,
        ),
        origins=origins,
        sounds=sounds,
        edit=edit,
        targets=targets,
        listens=crew.listens,
    )


def _settled(
    request: SongRequest, resolved: Resolved, checkpoints: CheckpointSet
) -> tuple[SongRequest, Warnings]:
    """`request` with all that its checkpoints decide, and what they cannot use of it."""
    dit, guidance = checkpoints.dit, checkpoints.planner_guidance
    if guidance is not None and not resolved.given("lm_cfg_scale"):
        request = request.replace(lm_cfg_scale=guidance)
    return settle(request, dit.family or "base", dit.name, checkpoints.sampling(request.task_type))


def _digest(
    request: SongRequest,
    crew: Crew,
    seeds: tuple[int, ...],
    fingerprints: Mapping[str, str],
    sounds: Sounds,
) -> str:
    return request_digest(
        request.to_dict(),
        wishes=[wish.as_dict() for wish in crew.wishes],
        seeds=seeds,
        fingerprints=fingerprints,
        sources=sounds.hashes(),
        hardware=crew.hardware.policy.shaping(),
    )


def _places(spec: RunSpec) -> tuple[Place, ...]:
    """Where checkpoints are looked for."""
    settings = spec.resolved.settings
    places = search_places(
        settings.checkpoints, environ=os.environ, cwd=Path.cwd(), further=settings.models
    )
    return places if spec.pinned is None else spec.pinned.places(places)


def read_ahead(folders: Iterable[Folder]) -> None:
    """Let the kernel read the weights of `folders` while torch is being imported."""
    prefetch(read_index(part.path) for part in folders)


def _checkpoints(spec: RunSpec, places: tuple[Place, ...]) -> CheckpointSet:
    """The folders of the job: those of an earlier one, or what the request names or leaves open."""
    asked = spec.resolved.request
    task = checkpoint_task(asked)
    fixed = None if spec.pinned is None else spec.pinned.find(task, places)
    named = None if spec.resolved.planner_wish == "off" else asked.lm_model_path
    return fixed or find_set(
        asked.model, task, places, planner=named, families=spec.resolved.families
    )


def _with_whole_names(request: SongRequest, sounds: Sounds) -> SongRequest:
    """`request` with the whole id of a job in the place of its beginning or of `last`, which mean
    another job tomorrow."""
    jobs = {"src_audio": sounds.source, "reference_audio": sounds.reference}
    return request.replace(
        **{name: one.job for name, one in jobs.items() if one is not None and one.job is not None}
    )


def _check_targets(
    spec: RunSpec, targets: Targets, written: Written, crew: Crew, sounds: Sounds
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


def _unheard(resolved: Resolved) -> list[tuple[str, str]]:
    """What was typed for the planner beside `--no-lm`."""
    return [
        ("unused_parameter", f"{name} has no effect, as no_lm switches the planner off")
        for name in resolved.unheard
    ]


def _without_effect(
    request: SongRequest, resolved: Resolved, checkpoints: CheckpointSet, written: Written
) -> Warnings:
    """What was typed and changes nothing."""
    return [
        *_unheard(resolved),
        *_unread(request, checkpoints),
        *planner_warnings(request, resolved),
        *vain_warnings(resolved, request, written.encoding.format),
    ]


def _unread(request: SongRequest, checkpoints: CheckpointSet) -> list[tuple[str, str]]:
    """What was typed of the whole song for a checkpoint that reads nothing of it."""
    dit = checkpoints.dit
    if not request.global_caption or dit.reads_stems:
        return []
    message = f"global_caption has no effect on {dit.name}, which was not trained on single stems"
    return [("unused_parameter", message)]


def _lyric_warnings(crew: Crew) -> list[tuple[str, str]]:
    """What can be said of given lyrics now: all of it, if nothing is left to the planner."""
    found = []
    for wish in crew.wishes:
        duration = wish.duration if crew.planner is not None else plan_of(wish).duration
        found += lyric_warnings(wish.lyrics, duration, wish.language)
    return found


def _code_warnings(crew: Crew) -> list[tuple[str, str]]:
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


def _remarks(
    checkpoints: CheckpointSet, request: SongRequest, seeds: tuple[int, ...]
) -> tuple[Event, ...]:
    """What nobody asked for and everybody may want to know."""
    remarks = []
    if checkpoints.is_demo:
        remarks.append(Noted(remark(named=request.model is not None)))
    counts_up = len(request.seed) == 1 and request.seed[0] >= 0
    if not counts_up and sum(seed >= 0 for seed in request.seed) < request.batch_size:
        drawn = [seed for seed in dict.fromkeys(seeds) if seed not in request.seed]
        words = ", ".join(map(str, drawn))
        noun = "seed" if len(drawn) == 1 else "seeds"
        remarks.append(Noted(f"{noun} {words}, drawn for this job"))
    return tuple(remarks)
