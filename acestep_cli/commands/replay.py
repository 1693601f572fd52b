"""`acestep replay`: the song of an earlier job again, the same or with changes."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acestep_cli.commands.job_removal import removal_of, remove
from acestep_cli.commands.job_words import found_jobs, history_of, job_argument
from acestep_cli.commands.making import (
    RunChoices,
    Songs,
    make_songs,
    opening,
    run_options,
    typed,
    verb_callback,
)
from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import RUN, GroupedOption, Verb
from acestep_cli.errors import InputError, UnusableResult, UsageError
from acestep_cli.jobs.history import History, KnownJob
from acestep_cli.term.output import Output, Result

if TYPE_CHECKING:
    from acestep_cli.run import Outcome
    from acestep_cli.run.replay import Replay

HELP = """Make an earlier song again; the same or with changes.

JOB is its id, the beginning of it, last for the newest one, or the path of a record. Without
changes the same bytes come out on the same machine; options change what they name and leave all
else as it was, the seeds too. With --verify the new files are compared with those of the job and
removed where they are the same; exit code 9 means that they differ.

\b
Examples:
  acestep replay last --seed 9
  acestep replay 20261121-093012-k3fq --audio-format wav -o song.wav
  acestep replay last --verify
"""

# Where a sound lies now; whether it is still the same one is seen.
_SOUNDS = ("src_audio", "reference_audio")
_NOT_VERIFIED = (
    "output_file", "preset", "plan_only", "dry_run", "no_wait", "events", "play", "plot",
)  # fmt: skip


def replay(
    output: Output,
    choices: RunChoices,
    job: str | None,
    verify: bool | None,
    values: dict[str, Any],
) -> Result:
    """Read the record, lay the changes over it, and make or verify the songs."""
    from acestep_cli.run.replay import replay_of

    use_files = not choices.no_config
    history = history_of(values.get("save_dir"), choices.config_file, use_files=use_files)
    (found,) = found_jobs(history, (job,) if job is not None else None, "acestep replay")
    again = replay_of(
        found,
        typed(values, choices),
        environ=os.environ,
        config_file=choices.config_file,
        preset=choices.preset,
        use_files=use_files,
    )
    if verify:
        _refuse_changes(output, again, choices)
        return _verified(output, choices, history, found, again)
    return make_songs(output, Songs(again.resolved, again.wishes, pinned=again.pinned), choices)


def _refuse_changes(output: Output, again: Replay, choices: RunChoices) -> None:
    """UsageError for what would make another song, or put it elsewhere."""
    others = [name for name in _NOT_VERIFIED if getattr(choices, name)]
    named = [*(name for name in again.changes if name not in _SOUNDS), *others]
    if named:
        told = ", ".join(_flags(named, output.arguments) or named)
        raise UsageError(
            f"--verify compares the song as it was, and {told} would change it",
            "leave out --verify, or the changes",
        )


def _flags(names: Collection[str], words: Sequence[str]) -> list[str]:
    """The options in `words` that gave `names`, as they were typed: one may give several."""
    context = click.get_current_context()
    typed = [word.partition("=")[0] for word in words]
    found = []
    for param in context.command.params:
        value = context.params.get(str(param.name))
        if param.name in names and value not in (None, ()):
            flags = param.secondary_opts if value is False else param.opts
            found.append(next((flag for flag in flags if flag in typed), flags[0]))
    return found


def _verified(
    output: Output, choices: RunChoices, history: History, job: KnownJob, again: Replay
) -> Result:
    """Make the songs once more and compare their files with those of `job`."""
    from acestep_cli.run import RunSpec, run_job

    before = _audio(job)
    output.say(opening(again.resolved.request, output.verbs))
    spec = RunSpec(
        again.resolved,
        ("acestep", *output.arguments),
        wishes=again.wishes,
        strict=bool(choices.strict),
        pinned=again.pinned,
    )
    with output.voice(items=len(job.items())) as voice, output.stop.polled():
        outcome = run_job(spec, (voice,), output.stop.cancelled)
    after = [item.get("path") for item in outcome.record["items"]]
    if outcome.error is not None and not any(after):
        return _result(outcome, error=outcome.error)
    for number, path in sorted(before.items()):
        made = after[number - 1] if number <= len(after) else None
        if made is None or not filecmp.cmp(path, made, shallow=False):
            return _result(outcome, error=_difference(job, outcome, number, path, made))
    for _ in remove(removal_of(history.find(outcome.record["job_id"]))):
        pass
    return _same(output, job, outcome, before)


def _audio(job: KnownJob) -> dict[int, Path]:
    """The audio of `job` by the number of the song, from 1; InputError where it is not there."""
    told = {number: item.get("path") for number, item in enumerate(job.items(), 1)}
    named = {number: name for number, name in told.items() if isinstance(name, str)}
    found = {number: job.at(name) for number, name in named.items()}
    for number, path in found.items():
        if named[number] == "-":
            raise job.no_audio(told="-")
        if path is None:
            raise InputError(
                f"the audio of song {number} of {job.job_id}, {named[number]}, is not there",
                "without it there is nothing to compare with; leave out --verify",
                code="not_found",
            )
    if not found:
        raise job.no_audio()
    return {number: path for number, path in found.items() if path is not None}


def _same(output: Output, job: KnownJob, outcome: Outcome, before: dict[int, Path]) -> Result:
    paths = [str(before[number]) for number in sorted(before)]
    output.say("the same bytes came out")
    return Result(
        data={"job_id": job.job_id, "verified": True, "audio_paths": paths},
        lines=tuple(paths),
        warnings=outcome.warnings,
    )


def _difference(
    job: KnownJob, outcome: Outcome, number: int, before: Path, made: str | None
) -> UnusableResult:
    reasons = "; ".join(_changed(job, outcome)) or "nothing that the records know of has changed"
    result = f"{made} is not the same as {before}" if made else f"{before} was not made again"
    return UnusableResult(
        f"song {number} of {job.job_id} differs: {result}", f"why: {reasons}", code="differs"
    )


def _changed(job: KnownJob, outcome: Outcome) -> list[str]:
    """What may be the reason: other checkpoints and sounds, programs, hardware."""
    found = [
        warning.message
        for warning in outcome.warnings
        if warning.code in ("checkpoint_changed", "source_changed")
    ]
    found += _other_sounds(job, outcome)
    for part in ("versions", "hardware"):
        was, now = job.record.get(part), outcome.record[part]
        was = was if isinstance(was, dict) else {}
        found += [
            f"{name} was {was.get(name)} and is {value}"
            for name, value in now.items()
            if name != "residency" and was.get(name) != value
        ]
    return list(dict.fromkeys(found))


def _other_sounds(job: KnownJob, outcome: Outcome) -> Iterator[str]:
    """What the job heard and is another sound by now, which was named for this comparison."""
    told = job.record.get("sources")
    for name, now in outcome.record["sources"].items():
        was = told.get(name) if isinstance(told, dict) else None
        if not isinstance(was, dict) or was.get("sha256") != now["sha256"]:
            yield f"{name} is not the sound that {job.job_id} used"


def _result(outcome: Outcome, **rest: Any) -> Result:
    return Result(
        data=outcome.record,
        lines=tuple(map(str, outcome.paths)),
        warnings=outcome.warnings,
        **rest,
    )


command = Verb(
    "replay",
    [
        job_argument(),
        *field_options(),
        GroupedOption(
            ["--verify"], RUN, is_flag=True,
            help="compare with the files of the job; exit code 9 where they differ",
        ),
        *run_options(),
    ],
    callback=verb_callback(replay, "job", "verify"),
    help=HELP,
    short_help="Make an earlier song again; the same or with changes",
)  # fmt: skip
