"""`acestep jobs`: all jobs of the output folder, and what can be done with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from acestep_cli.commands.amounts import span, whole_number
from acestep_cli.commands.completing import complete_words
from acestep_cli.commands.job_words import (
    age,
    caption_of,
    columns,
    command_of,
    created,
    folder_options,
    found_jobs,
    history_of,
    job_argument,
    length_of,
    progress,
)
from acestep_cli.commands.jobs_acting import CANCEL, REMOVE, WAIT
from acestep_cli.commands.verb import RUN, GroupedOption, Verb, VerbGroup
from acestep_cli.errors import UsageError
from acestep_cli.jobs.history import STATES, History, KnownJob
from acestep_cli.term.output import Output, Result
from acestep_cli.term.table import table

GROUP_HELP = """List jobs; show or cancel or await or remove them.

Without the name of a command the jobs of the output folder are listed, the newest first.

\b
Examples:
  acestep jobs --state failed --limit 5
  acestep jobs wait last
"""
LIST_HELP = """List the jobs of the output folder, the newest first.

One line for each: id, state, age, length, the command that made it and the caption. A job whose
process is gone is dead.

\b
Examples:
  acestep jobs list --state running
  acestep jobs list --since 2h --json
  acestep jobs list --limit 500 | grep -i folk
"""
SHOW_HELP = """Show the whole record of a job.

JOB is its id, the beginning of it, last for the newest one, or the path of a record.

\b
Examples:
  acestep jobs show last
  acestep jobs show 20261121-093012-k3fq --json
"""
_MOST_LISTED = 1_000_000


def list_jobs(
    output: Output,
    state: tuple[str, ...] | None,
    limit: str | None,
    since: str | None,
    save_dir: str | None,
    config_file: str | None,
) -> Result:
    """The jobs that pass the filters, the newest first."""
    history, most = history_of(save_dir, config_file), whole_number("--limit", limit, _MOST_LISTED)
    wanted = _states(state)
    after = None if since is None else datetime.now(UTC) - span("--since", since)
    chosen = list(islice(_filtered(history, wanted, after), most))
    if history.passed_over:
        files = "file is no record" if history.passed_over == 1 else "files are no records"
        output.say(f"note: {history.passed_over} JSON {files} in {history.folder}")
    if not chosen:
        output.say(f"no jobs in {history.folder}{' are like that' if wanted or after else ''}")
    return Result(data=[_brief(job) for job in chosen], lines=_table(output, chosen))


def _filtered(
    history: History, states: frozenset[str], after: datetime | None
) -> Iterator[KnownJob]:
    # Ids sort by the second in which they were taken; what a record says of it may be anything.
    oldest = "" if after is None else f"{after:%Y%m%d-%H%M%S}"
    for job in history:
        if job.path.stem < oldest:
            return
        if (after is None or created(job) >= after) and (not states or job.state in states):
            yield job


def _table(output: Output, jobs: list[KnownJob]) -> tuple[str, ...]:
    width = columns(output)
    rows = [
        (
            job.job_id,
            f"{job.state} {progress(job)}" if job.is_open and width else job.state,
            age(job),
            length_of(job),
            command_of(job),
            caption_of(job),
        )
        for job in jobs
    ]
    heads = [("JOB", "STATE", "AGE", "LENGTH", "COMMAND", "CAPTION")] if width and rows else []
    return tuple(table([*heads, *rows], width))


def _brief(job: KnownJob) -> dict[str, Any]:
    record = job.record
    kept = ("created_at", "finished_at", "stage", "progress", "exit_code", "error", "command")
    return {
        "job_id": job.job_id,
        "state": job.state,
        "caption": caption_of(job),
        "audio_paths": [name for name, _ in job.audio()],
        "record": str(job.path),
        **{name: record.get(name) for name in kept},
    }


def show(output: Output, job: str | None, save_dir: str | None, config_file: str | None) -> Result:
    """The record, as readable JSON or in the envelope."""
    import json

    names = (job,) if job is not None else None
    (found,) = found_jobs(history_of(save_dir, config_file), names, "acestep jobs show")
    text = json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False, indent=2)
    return Result(data=found.as_dict(), lines=tuple(map(_visible, text.splitlines())))


def _visible(line: str) -> str:
    """`line` of JSON with what a terminal would obey written as JSON can write it too."""
    import json

    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _states(names: tuple[str, ...] | None) -> frozenset[str]:
    states = {name for text in names or () for name in text.replace(",", " ").lower().split()}
    for name in states:
        if name not in STATES:
            raise UsageError(
                f"--state {name!r} is no state of a job", f"choose from {', '.join(STATES)}"
            )
    return frozenset(states)


_LIST = Verb(
    "list",
    [
        GroupedOption(
            ["--state"], RUN, multiple=True, metavar="STATE,...",
            help="only jobs in these states: queued running succeeded failed cancelled dead",
            shell_complete=complete_words((state, "") for state in STATES),
        ),
        GroupedOption(["--limit", "-n"], RUN, metavar="N", help="only the N newest ones"),
        GroupedOption(
            ["--since"], RUN, metavar="SPAN", help="only jobs of this last span: 15min or 2h or 3d"
        ),
        *folder_options(),
    ],
    callback=list_jobs,
    help=LIST_HELP,
    short_help="List jobs",
)  # fmt: skip
_SHOW = Verb(
    "show",
    [job_argument(), *folder_options()],
    callback=show,
    help=SHOW_HELP,
    short_help="Show the record of a job",
)

command = VerbGroup(
    "jobs",
    [_LIST, _SHOW, WAIT, CANCEL, REMOVE],
    default=_LIST,
    help=GROUP_HELP,
    short_help="List jobs; show or cancel or await or remove them",
)
