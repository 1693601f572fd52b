"""The sound that an edit works on or follows: a file, stdin, or a song that was made before.

Read once, before torch is there, as it is: its own rate, channels and depth.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli.audio import Audio, Tags, read_audio
from acestep_cli.audio.read import MODEL_RATE, for_model
from acestep_cli.errors import InputError, UsageError
from acestep_cli.files import is_file
from acestep_cli.jobs import is_job_id
from acestep_cli.jobs.history import LAST, History, KnownJob
from acestep_cli.request import BY_NAME
from acestep_cli.request.problems import BadValue
from acestep_cli.request.validate import check
from acestep_cli.request.values import read_value

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

STDIN = "-"
SHORTEST_SECONDS = 0.1
# Ten minutes of stereo sound at 96 kHz in 32 bits.
MOST_BYTES = 512 << 20
# An id, enough of its beginning to hold the day, or the newest job's name.
_LIKE_A_JOB = re.compile(r"last|\d{8}(-\d{0,6}(-[a-z2-7]{0,4})?)?", re.ASCII)
# Names of a record's metas and of tags for the parameters that they are the defaults of.
_METAS = {
    "caption": "caption",
    "lyrics": "lyrics",
    "bpm": "bpm",
    "keyscale": "keyscale",
    "timesignature": "timesignature",
    "language": "vocal_language",
}
_TAGS = {
    "caption": "caption",
    "lyrics": "lyrics",
    "bpm": "bpm",
    "key": "keyscale",
    "time_signature": "timesignature",
    "language": "vocal_language",
}


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A sound that was read.

    name: what messages call it; audio: as it is; path: None for stdin; sha256: of the file's bytes;
    job: the song of a job that it is, as `open_source` reads it, None for what is none; latents:
    the file that keeps what the sound was decoded from, None without one, and its `latents_sha256`;
    values: typed parameters that its record or tags give.
    """

    name: str
    audio: Audio
    path: Path | None
    sha256: str
    job: str | None = None
    latents: Path | None = None
    latents_sha256: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many samples `for_networks` has."""
        return -(-int(self.audio.samples.shape[1]) * MODEL_RATE // self.audio.sample_rate)

    @property
    def seconds(self) -> float:
        """How long it is for the networks."""
        return self.length / MODEL_RATE

    def for_networks(self) -> Samples:
        """The sound as the networks hear it: float32 [2, S] at 48 kHz."""
        import numpy as np

        return for_model(np.asarray(self.audio.samples, np.float32), self.audio.sample_rate)


def open_source(text: str, folder: Path, noun: str = "the source") -> Source:
    """The sound that `text` names: an audio file, `-` for stdin, or a job of `folder` by its id,
    the beginning of it, or `last`.

    A job with several songs is its first; `<job_id>_2` is the second. `noun` is what messages call
    it where it has no name. InputError for a sound that cannot be read or used (missing, a folder,
    no audio, cut short, silent, under 0.1 s, over 600 s, not finite), UsageError for a job that is
    not there, and for the beginning of several.
    """
    if text == STDIN:
        data = read_stdin(noun)
        return _source(f"{noun} on stdin", data, None, hashlib.sha256(data).hexdigest())
    path = Path(text)
    job = None if is_file(path) else _job(text, folder)
    if job is not None:
        return _of_job(*job)
    return _source(text, path, path)


def _job(text: str, folder: Path) -> tuple[KnownJob, int] | None:
    """The job of `folder` and the number of the song that `text` means; None where it is written
    like none, or is a number that begins no id."""
    name, _, number = text.partition("_")
    if not (_LIKE_A_JOB.fullmatch(name) and (number.isdecimal() or text == name)):
        return None
    history = History(folder)
    whole = name == LAST or is_job_id(name)
    if not whole and not any(one.startswith(name) for one in history.ids()):
        return None
    return history.find(name), int(number[:4] or 1)


def _source(
    name: str,
    content: Path | bytes,
    path: Path | None,
    sha256: str | None = None,
    job: str | None = None,
    latents: Path | None = None,
    values: Mapping[str, Any] | None = None,
) -> Source:
    audio = read_audio(content, name=name, exact=True)
    _refuse(name, audio)
    return Source(
        name=name,
        audio=audio,
        path=path,
        sha256=sha256 or _hash(content, name),
        job=job,
        latents=latents,
        latents_sha256=None if latents is None else _hash(latents, str(latents)),
        values=_usable(_of_tags(audio.tags) if values is None else values),
    )


def _refuse(name: str, audio: Audio) -> None:
    """InputError for what holds no music."""
    from acestep_cli.audio.level import SILENCE, peak

    if audio.seconds < SHORTEST_SECONDS:
        raise InputError(
            f"{name} is {audio.seconds:.3f} s long and must have {SHORTEST_SECONDS:g} s or more",
            "choose a longer recording",
            code="audio_too_short",
        )
    if peak(audio.samples) < SILENCE:
        raise InputError(
            f"{name} is silent: no sample reaches {SILENCE:g} of full scale",
            "choose another recording",
            code="silent_audio",
        )


def read_stdin(noun: str = "the source") -> bytes:
    """All of stdin, which `noun` is to come from; InputError where nothing is piped in, or more
    than 512 MiB."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            f"{noun} is to come from stdin, where nothing is piped in", "name a file instead of -"
        )
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(f"stdin holds more than {MOST_BYTES >> 20} MiB", "give it as a file")
    return data


def _of_job(job: KnownJob, number: int) -> Source:
    items = job.items()
    if not 1 <= number <= len(items):
        raise UsageError(
            f"the job {job.job_id} has {len(items)} songs and no song {number}", "see its record"
        )
    item = items[number - 1]
    written = item.get("path")
    if not isinstance(written, str) or not written:
        raise job.no_audio(f"audio of song {number}")
    path = job.at(written)
    if written == "-":
        raise job.no_audio(f"audio of song {number}", told=written)
    if path is None:
        raise InputError(
            f"the audio of the job {job.job_id}, {written}, is not there any more",
            "give the file itself",
            code="not_found",
        )
    latents = job.folder / f"{job.job_id}_{number}.latents.safetensors"
    metas = item.get("metas")
    source = _source(
        str(path),
        path,
        path,
        job=job.job_id if number == 1 else f"{job.job_id}_{number}",
        latents=latents if is_file(latents) else None,
        values=_renamed(metas if isinstance(metas, Mapping) else {}, _METAS),
    )
    if job.is_song(source.audio.tags.digest) is False:
        # A later run wrote over it, and the record's words are not those of that song.
        raise InputError(
            f"the file {path} of the job {job.job_id} holds another song by now",
            f"name the file itself, or make the song again: `acestep replay {job.job_id}`",
            code="another_song",
        )
    return source


def _hash(content: Path | bytes, name: str) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    try:
        with content.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{name} cannot be read: {error.strerror}", "check the permissions of the file"
        ) from error


def _of_tags(tags: Tags) -> dict[str, Any]:
    return _renamed({name: getattr(tags, name) for name in _TAGS}, _TAGS)


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in values.items() if name in names}


def _usable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that a person could have typed: any program may have written the rest."""
    typed: dict[str, Any] = {}
    for name, raw in values.items():
        row = BY_NAME[name]
        if raw is None or raw == "":
            continue
        try:
            value = read_value(row, raw)[name]
        except BadValue:
            continue
        if not list(check(row, value)):
            typed[name] = value
    return typed
