"""Jobs in words, and the options that every command about jobs has.

A record may hold anything: what has not the kind that it should have is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from acestep_cli.commands.completing import complete_job
from acestep_cli.commands.options import field_options
from acestep_cli.commands.verb import config_option
from acestep_cli.config import resolve
from acestep_cli.errors import AceStepError, UsageError
from acestep_cli.jobs.history import History, KnownJob
from acestep_cli.request import BY_NAME
from acestep_cli.term.output import Output
from acestep_cli.term.table import columns_of, cut
from acestep_cli.term.words import clock, on_one_line, song_lines

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# More seconds, or beats per minute, than any song has.
_MOST = 86_400
_KINDS: dict[str, type | tuple[type, ...]] = {
    "caption": str,
    "lyrics": str,
    "bpm": int,
    "keyscale": str,
    "timesignature": str,
    "duration": (int, float),
    "language": str,
    "genres": str,
}


def job_argument(*, many: bool = False) -> click.Argument:
    """JOB, or several of them; left out it is None, which the command must speak of."""
    if many:
        return click.Argument(["jobs"], nargs=-1, metavar="JOB...", shell_complete=complete_job)
    return click.Argument(["job"], required=False, metavar="JOB", shell_complete=complete_job)


def folder_options() -> list[click.Parameter]:
    """Where jobs are looked for."""
    return [
        *field_options([BY_NAME["save_dir"]]),
        config_option(),
    ]  # fmt: skip


def history_of(save_dir: str | None, config_file: str | None, *, use_files: bool = True) -> History:
    """The jobs of the output folder that the flags, the environment or the settings name."""
    resolved = resolve(
        {"save_dir": save_dir}, config_file=config_file, environ=os.environ, use_files=use_files
    )
    return History(resolved.settings.output_dir)


def found_jobs(history: History, names: tuple[str, ...] | None, example: str) -> list[KnownJob]:
    """The jobs of `names`, each once. UsageError for none at all, naming the newest one."""
    if not names:
        newest = next(iter(history.ids()), None)
        hint = f"write `{example} {newest}`, or `last` for it" if newest else "see `acestep jobs`"
        raise UsageError("no job is named", hint)
    found = {job.path.absolute(): job for job in map(history.find, names)}
    return list(found.values())


def columns(output: Output) -> int | None:
    """The width of the terminal that takes the answer; None for a pipe or a file."""
    return columns_of(output.answer, os.environ)


def told(job: KnownJob, width: int | None) -> tuple[str, ...]:
    """The lines that tell of `job`; on a terminal of `width` columns captions are cut, and nothing
    that somebody may want to copy."""
    return tuple(
        cut(f"{label}: {on_one_line(text)}", width if label == "caption" else None)
        for label, text in _facts(job)
    )


def _facts(job: KnownJob) -> Iterator[tuple[str, str]]:
    record = job.record
    yield "job", job.job_id
    yield "state", f"{job.state}, {progress(job)}" if job.is_open else job.state
    yield "created", f"{record.get('created_at')} ({age(job)} ago)"
    items = job.items()
    for number, item in enumerate(items, 1):
        yield f"song {number}" if len(items) > 1 else "song", _song(item)
        if caption := metas_of(item).get("caption"):
            yield "caption", caption
        if places := _sections(item):
            yield "sections (estimated)", places
    for name, path in job.audio():
        yield "file", _file(job, name, path)
    if job.state == "dead":
        yield "error", "its process is gone and has told of no end"
        yield "hint", f"make it again with `acestep replay {job.job_id}`"
    elif job.error:
        yield "error", str(job.error.get("message"))
        if hint := job.error.get("hint"):
            yield "hint", str(hint)


def _file(job: KnownJob, name: str, path: Path | None) -> str:
    if path is None:
        return name if name == "-" else f"{name} (is not there now)"
    taken = job.is_song(digest_of(path)) is False
    return f"{path} (holds another song by now)" if taken else str(path)


def digest_of(path: Path) -> str | None:
    """The digest that an audio file has in its tags, None without one."""
    from acestep_cli.audio.tagging import read_tags

    with suppress(AceStepError, OSError, ValueError):
        return read_tags(path).digest or None
    return None


def _sections(item: Mapping[str, Any]) -> str:
    """Where the sections of the lyrics lie, as far as the words tell."""
    from acestep_cli.lyrics.placing import estimated_sections

    metas = metas_of(item)
    words, seconds = metas.get("lyrics"), metas.get("duration")
    if not words or not seconds:
        return ""
    places = estimated_sections(words, float(seconds))
    return " · ".join(f"{name} {int(at // 60)}:{int(at % 60):02}" for name, at in places)


def command_of(job: KnownJob) -> str:
    """The command that made the job: `generate`, `cover`, ..."""
    words = job.record.get("command")
    words = words[1:] if isinstance(words, list) else []
    return next((word for word in words if isinstance(word, str) and word[:1] != "-"), "")


def progress(job: KnownJob) -> str:
    """How far a job came: `waiting`, or its stage and how much of that is done."""
    stage, share = job.record.get("stage"), share_of(job)
    return f"{stage} {share:.0%}" if isinstance(stage, str) else "waiting"


def share_of(job: KnownJob) -> float:
    """The share (0 to 1) of the stage that is done."""
    share = job.record.get("progress")
    return float(min(max(share, 0), 1)) if isinstance(share, (int, float)) else 0.0


def metas_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a song, as far as it can be that."""
    metas = item.get("metas")
    if not isinstance(metas, Mapping):
        return {}
    return {name: metas[name] for name, kind in _KINDS.items() if _is(metas.get(name), kind)}


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    """Whether `value` is of `kind` and, as a number, one that a song can have."""
    if isinstance(value, (int, float)) and (isinstance(value, bool) or not 0 <= value <= _MOST):
        return False
    return isinstance(value, kind)


def caption_of(job: KnownJob) -> str:
    """The caption of the first song as it was planned, else what was asked for."""
    for item in job.items():
        if caption := metas_of(item).get("caption"):
            return str(caption)
    asked = job.record.get("request")
    asked = asked if isinstance(asked, Mapping) else {}
    words = (asked.get(name) for name in ("caption", "description", "task_type"))
    return next((word for word in words if isinstance(word, str) and word), "")


def length_of(job: KnownJob) -> str:
    """The length of the songs, where it is known and they have one."""
    lengths = {metas_of(item).get("duration") for item in job.items()}
    (seconds,) = lengths if len(lengths) == 1 else (None,)
    return "" if seconds is None else clock(seconds)


def created(job: KnownJob) -> datetime:
    """The moment at which the job was asked for; the longest ago for one that nobody can read."""
    try:
        moment = datetime.fromisoformat(str(job.record.get("created_at")))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def age(job: KnownJob) -> str:
    """How long ago that was: `12 s`, `5 min`, `3 h`, `2 d`."""
    seconds = max(0.0, (datetime.now(UTC) - created(job)).total_seconds())
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _song(item: Mapping[str, Any]) -> str:
    metas = {**metas_of(item), "caption": "", "lyrics": ""}
    track, seed = item.get("track"), item.get("seed")
    facts = [str(track) if track else "", f"seed {seed}", *song_lines(metas, 0)]
    return " · ".join(fact for fact in facts if fact)


def listed(job: KnownJob, width: int | None) -> list[str]:
    """The audio of `job`, where a file is gone as the record tells it. On a terminal, which has a
    `width`, names are escaped that it would obey."""
    return [
        on_one_line(name) if path is None or width is not None else str(path)
        for name, path in job.audio()
    ]
