"""Everything that can be found out about a job before torch is imported and a record exists."""

from __future__ import annotations

import os
from pathlib import Path

from acestep_cli.audio.formats import Encoding
from acestep_cli.errors import UsageError
from acestep_cli.events import Event, Noted, Warned
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.jobs.digest import request_digest
from acestep_cli.pipeline.plan import plan_of, wish_of
from acestep_cli.pipeline.settle import draw_seeds, settle
from acestep_cli.request import SongRequest
from acestep_cli.run.spec import Job, RunSpec, used_folders
from acestep_cli.run.targets import check_targets
from acestep_cli.weights.fingerprint import fingerprint
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import prefetch
from acestep_cli.weights.locate import CheckpointSet, find_set
from acestep_cli.weights.places import search_places


def prepare(spec: RunSpec) -> Job:
    """The settled job of `spec`; raises what makes it impossible."""
    settings, request = spec.resolved.settings, spec.resolved.request
    places = search_places(settings.checkpoints, environ=os.environ, cwd=Path.cwd())
    checkpoints = find_set(request.model, request.task_type, places)
    request, warnings = settle(request, checkpoints.dit.family or "base", checkpoints.dit.name)
    encoding = encoding_of(request)
    plans = tuple(plan_of(wish_of(request, index)) for index in range(request.batch_size))
    folder = Path(request.save_dir or settings.output_dir)
    check_targets(
        folder,
        spec.output_file,
        force=spec.force,
        encoding=encoding,
        durations=tuple(plan.duration for plan in plans),
    )
    folders = used_folders(checkpoints)
    indexes = [read_index(part.path) for part in folders]
    # The kernel reads the weights while torch is being imported.
    prefetch(indexes)
    sizes = {part.kind: index.values() for part, index in zip(folders, indexes, strict=True)}
    policy, adjusted = choose_policy(settings, sizes)
    early: list[Event] = [
        Warned(code, message) for code, message in (*spec.resolved.warnings, *warnings)
    ]
    if spec.strict and early:
        assert isinstance(early[0], Warned)
        raise UsageError(early[0].message, "leave out --strict to go on with a warning")
    fingerprints = {part.name: fingerprint(part.path) for part in folders}
    seeds = draw_seeds(request.seed, request.batch_size)
    return Job(
        spec=spec,
        request=request,
        encoding=encoding,
        checkpoints=checkpoints,
        policy=policy,
        plans=plans,
        seeds=seeds,
        digest=request_digest(
            request.to_dict(),
            seeds=seeds,
            fingerprints=fingerprints,
            sources={},
            hardware=policy.shaping(),
        ),
        fingerprints=fingerprints,
        early=(*_remarks(request, checkpoints), *early, *adjusted),
    )


def encoding_of(request: SongRequest) -> Encoding:
    """How the request's files are written."""
    is_mp3 = request.audio_format == "mp3"
    return Encoding.choose(
        request.audio_format,
        bit_depth=request.bit_depth,
        bitrate_kbps=request.mp3_bitrate if is_mp3 else None,
        sample_rate=request.mp3_sample_rate if is_mp3 else None,
    )


def _remarks(request: SongRequest, checkpoints: CheckpointSet) -> list[Event]:
    remarks: list[Event] = []
    if not request.no_lm:
        remarks.append(Noted("no planner is used: the words go to the renderer as they are"))
    if checkpoints.is_demo:
        remarks.append(Noted("no checkpoint is installed: the demonstration one is used"))
    return remarks
