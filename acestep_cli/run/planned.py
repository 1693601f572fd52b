"""The items of a job, planned. Imports torch, so it comes after the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
    from acestep_cli.pipeline.plan import Plan, Wish
    from acestep_cli.pipeline.planner import Planner, Thought
    from acestep_cli.pipeline.planning import Planning
    from acestep_cli.weights.folder import Folder

# What listening tells of a source; its length is known.
_MUSIC = ("bpm", "keyscale", "timesignature")
_HEARD = ("caption", "lyrics", "language", *_MUSIC, "genres")


def open_planner_of(job: Job, observer: Observer, cancelled: CancelPoll) -> Planner | None:
    """The planner of `job`, None where it has none."""
    if job.planner is None:
        return None
    return open_planner(job.planner, job.policy, job.planning, observer, cancelled)


def plan_items(
    job: Job,
    planner: Planner | None,
    record: JobRecord,
    made: Made,
    observer: Observer,
    codes: tuple[int, ...] = (),
) -> None:
    """Plan each item of `job` and tell of it; a plan that fails twice leaves its item out.

    `codes`: the audio codes of an edit's source, where the planner is to listen to it first.
    """
    if planner is None:
        for index, wish in enumerate(job.wishes):
            _keep(job, record, made, observer, index, plan_of(wish), None)
        return
    for index, (wish, seed) in enumerate(zip(job.wishes, job.seeds, strict=True)):
        try:
            thought = _thought(job, planner, wish, seed, index, codes)
        except UnusableResult as failure:
            made.failures.append(failure)
            continue
        _keep(job, record, made, observer, index, plan_of(thought.wish), thought.metadata)


def _thought(
    job: Job, planner: Planner, wish: Wish, seed: int, index: int, codes: tuple[int, ...]
) -> Thought:
    """The plan of one item; of a source that is listened to first, what is open in its wish."""
    heard: dict[str, Any] | None = None
    if job.listens:
        understood = planner.understand(wish.audio_codes or codes, seed)
        wish = wish.filled(**{name: getattr(understood.wish, name) for name in _heard(job, wish)})
        heard = understood.metadata
    thought = planner.plan(wish, seed, index)
    return replace(thought, metadata=thought.metadata or heard)


def _heard(job: Job, wish: Wish) -> tuple[str, ...]:
    """What may be taken from listening: the words of a source are not those that a morph goes to,
    and lyrics that were typed may have another language than those that are heard."""
    if job.request.flow_edit_morph:
        return _MUSIC
    if wish.lyrics and job.origins["lyrics"] != "source":
        return tuple(name for name in _HEARD if name != "language")
    return _HEARD


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
