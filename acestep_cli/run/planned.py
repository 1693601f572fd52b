"""The items of a job, planned. Imports torch, so it comes after the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from acestep_cli.errors import UnusableResult
from acestep_cli.events import Observer, Planned, Warned
from acestep_cli.jobs import JobRecord
from acestep_cli.pipeline.plan import lyric_warnings, plan_of
from acestep_cli.request import format_codes
from acestep_cli.run.make import CancelPoll, Made
from acestep_cli.run.spec import Job

if TYPE_CHECKING:
    from acestep_cli.hardware.policy import Policy
    from acestep_cli.pipeline.plan import Plan
    from acestep_cli.pipeline.planner import Planner
    from acestep_cli.pipeline.planning import Planning
    from acestep_cli.weights.folder import Folder


def open_planner_of(job: Job, observer: Observer, cancelled: CancelPoll) -> Planner | None:
    """The planner of `job`, None where it has none."""
    if job.planner is None:
        return None
    return open_planner(job.planner, job.policy, job.planning, observer, cancelled)


def plan_items(
    job: Job, planner: Planner | None, record: JobRecord, made: Made, observer: Observer
) -> None:
    """Plan each item of `job` and tell of it; a plan that fails twice leaves its item out."""
    if planner is None:
        for index, wish in enumerate(job.wishes):
            _keep(job, record, made, observer, index, plan_of(wish), None)
        return
    for index, (wish, seed) in enumerate(zip(job.wishes, job.seeds, strict=True)):
        try:
            thought = planner.plan(wish, seed, index)
        except UnusableResult as failure:
            made.failures.append(failure)
            continue
        _keep(job, record, made, observer, index, plan_of(thought.wish), thought.metadata)


def open_planner(
    folder: Folder,
    policy: Policy,
    planning: Planning,
    observer: Observer,
    cancelled: CancelPoll,
) -> Planner:
    """The planner in `folder`, ready for the tasks of `planning`."""
    from acestep_cli.hardware.threads import set_threads
    from acestep_cli.pipeline.language import open_language
    from acestep_cli.pipeline.planner import Planner
    from acestep_cli.pipeline.writer import LanguageWriter

    set_threads(policy.threads)
    language = open_language(folder, policy)
    writer = LanguageWriter(language, observer, cancelled)
    return Planner(writer, language.tokenizer, planning, observer)


def _keep(
    job: Job,
    record: JobRecord,
    made: Made,
    observer: Observer,
    index: int,
    plan: Plan,
    metadata: Mapping[str, Any] | None,
) -> None:
    made.plans[index] = plan
    made.items[index] |= {
        "metas": plan.metas,
        "lm_metadata": metadata,
        "audio_codes": format_codes(plan.audio_codes) or None,
    }
    record.set(items=made.items)
    if job.planner is not None or job.spec.wishes:
        observer(Planned(index, plan.metas, len(plan.audio_codes)))
    if job.wishes[index].lyrics:  # what the planner wrote is nobody's to mend
        for code, message in lyric_warnings(plan.lyrics, plan.duration, plan.language):
            observer(Warned(code, message))
