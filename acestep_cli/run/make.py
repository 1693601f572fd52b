"""Songs to files: level, tags, atomic names. Imports torch, so it comes after the record."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli import __version__
from acestep_cli.audio.tags import Tags
from acestep_cli.errors import AceStepError, ExitCode, UnusableResult
from acestep_cli.events import ItemFinished, Observer, Warned, stage
from acestep_cli.jobs import JobRecord
from acestep_cli.run.spec import Job
from acestep_cli.run.targets import PLOT, check_named

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples
    from acestep_cli.pipeline.edit import Edit
    from acestep_cli.pipeline.plan import Plan
    from acestep_cli.pipeline.song import Song, SongJob

CancelPoll = Callable[[], ExitCode | None]
# Where a song goes that no file keeps.
STDOUT = "-"
_TITLE_LENGTH = 60


@dataclass(slots=True)
class Made:
    """What a job has made so far, item by item, and what failed."""

    items: list[dict[str, Any]]
    plans: dict[int, Plan] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    failures: list[AceStepError] = field(default_factory=list)


def make(
    job: Job, record: JobRecord, made: Made, observer: Observer, cancelled: CancelPoll
) -> None:
    """Plan, render and write every item of `job`; `made` grows as plans are done and files get
    their final names."""
    with stage(observer, "load"):
        songs_of = importlib.import_module("acestep_cli.pipeline.song").make_songs
        planned = importlib.import_module("acestep_cli.run.planned")
        heard = importlib.import_module("acestep_cli.run.heard")
        networks = _networks(job)
        edit, codes = heard.edit_of(job), ()
        planner = None if job.listens else planned.open_planner_of(job, observer, cancelled)
    if job.listens:
        edit, codes = heard.listen(edit, networks, observer, cancelled)
        with stage(observer, "load"):
            planner = planned.open_planner_of(job, observer, cancelled)
    planned.plan_items(job, planner, record, made, observer, codes)
    del planner  # its weights go before the next ones come
    if job.spec.plan_only or not made.plans:
        return
    _check_names(job, record, made)
    for song in songs_of(_song_job(job, made, edit), networks, observer, cancelled):
        try:
            _finish(job, song, record, made, observer)
        except UnusableResult as failure:
            # One bad item must not cost the others.
            made.failures.append(failure)


def _networks(job: Job) -> Any:
    from acestep_cli.hardware.threads import set_threads
    from acestep_cli.pipeline.networks import Networks

    set_threads(job.policy.threads)
    return Networks(job.checkpoints, job.policy, _kept_timbre(job))


def _kept_timbre(job: Job) -> Path:
    """The file that keeps the timbre token of silence for this checkpoint and way to run it."""
    from acestep_cli.config import user_cache_folder

    cache = user_cache_folder(os.environ)
    way = f"{job.policy.device.kind}-{job.policy.dtype}-{job.policy.threads}"
    return cache / "timbre" / f"{job.fingerprints[job.model][:32]}-{way}.safetensors"


def _song_job(job: Job, made: Made, edit: Edit | None) -> SongJob:
    from acestep_cli.pipeline.prepare import sampling_of, schedule_of
    from acestep_cli.pipeline.prompts import StemWords
    from acestep_cli.pipeline.song import Item, SongJob

    request, dit = job.request, job.checkpoints.dit
    stem = StemWords(request.global_caption, masked=request.chunk_mask_mode != "auto")
    reference = job.sounds.reference
    return SongJob(
        items=tuple(
            Item(index, job.seeds[index], plan, job.tracks[index])
            for index, plan in sorted(made.plans.items())
        ),
        schedule=schedule_of(request, turbo=dit.is_turbo),
        sampling=sampling_of(request, turbo=dit.is_turbo),
        instruction=request.instruction,
        latent_shift=request.latent_shift,
        latent_rescale=request.latent_rescale,
        retake_seed=request.retake_seed,
        retake_variance=request.retake_variance,
        edit=edit,
        reference=None if reference is None else reference.for_networks(),
        stem=stem if dit.reads_stems else None,
    )


def _finish(job: Job, song: Song, record: JobRecord, made: Made, observer: Observer) -> None:
    from acestep_cli.audio.level import measure
    from acestep_cli.audio.write import write_audio
    from acestep_cli.run.result import finished

    samples, rate = finished(job, song, observer), job.written.rate
    plan = made.plans[song.index]
    path = job.targets.path(song.index, record.job_id, _parts_of_names(job, plan))
    with stage(observer, "write", item=song.index):
        write_audio(
            path,
            samples,
            rate,
            job.encoding,
            _tags(job, plan, song.index),
            overwrite=job.spec.force,
        )
        if job.request.save_latents:
            _save_latents(job, song, record)
    level = measure(samples, rate)
    made.paths.append(path)
    told = STDOUT if job.spec.to_stdout else record.told(path)
    made.items[song.index] |= {
        "path": told,
        "level": {"peak": level.peak_db, "loudness": level.loudness},
    }
    record.set(items=made.items)
    observer(ItemFinished(song.index, told))
    if job.spec.plot_file is not None:
        _plot(job, plan, song, record, samples, observer)


def _check_names(job: Job, record: JobRecord, made: Made) -> None:
    """Before the long part: may the files be written whose names the plans have completed?"""
    for targets in (job.targets, job.targets.to(job.spec.plot_file, PLOT)):
        if targets.is_fixed:
            continue
        named = [
            targets.path(index, record.job_id, _parts_of_names(job, plan))
            for index, plan in made.plans.items()
        ]
        check_named(named, force=job.spec.force, sources=job.sounds.paths())


def _parts_of_names(job: Job, plan: Plan) -> dict[str, object]:
    """What fills the parts of a file name, beside what the targets know themselves."""
    return {
        "title": _title(plan.caption),
        "bpm": plan.bpm,
        "key": plan.keyscale,
        "language": plan.language,
        "duration": round(plan.duration),
        "model": job.model,
    }


def _plot(
    job: Job, plan: Plan, song: Song, record: JobRecord, samples: Samples, observer: Observer
) -> None:
    from acestep_cli.audio.plot import plot_song
    from acestep_cli.lyrics.placing import estimated_sections

    rate = job.written.rate
    targets = job.targets.to(job.spec.plot_file, PLOT)
    picture = targets.path(song.index, record.job_id, _parts_of_names(job, plan))
    sections = estimated_sections(plan.lyrics, samples.shape[1] / rate)
    title, overwrite = _title(plan.caption), job.spec.force
    try:
        plot_song(picture, samples, rate, title=title, sections=sections, overwrite=overwrite)
    except AceStepError:
        raise
    except Exception as crash:
        # Whatever a library of pictures trips over, the songs are worth more.
        told = f"{picture} was not drawn: {type(crash).__name__}: {crash}"
        observer(Warned("plot_failed", told))


def _tags(job: Job, plan: Plan, index: int) -> Tags:
    return Tags(
        title=_title(plan.caption),
        artist="ACE-Step 1.5",
        caption=plan.caption,
        lyrics=plan.lyrics,
        bpm=plan.bpm,
        key=plan.keyscale or "",
        time_signature=plan.timesignature or "",
        language=plan.language,
        genre=plan.genres or "",
        seed=job.seeds[index],
        model=job.model,
        digest=job.digest,
        software=f"acestep {__version__}",
    )


def _title(caption: str) -> str:
    """The caption's first words."""
    words = " ".join(caption.split())
    if len(words) <= _TITLE_LENGTH:
        return words
    return words[:_TITLE_LENGTH].rsplit(" ", 1)[0] + "…"


def _save_latents(job: Job, song: Song, record: JobRecord) -> None:
    from safetensors.torch import save

    from acestep_cli.files import replace_bytes

    path = job.folder / f"{record.job_id}_{song.index + 1}.latents.safetensors"
    replace_bytes(path, save({"latents": song.latents.float().contiguous()}))
