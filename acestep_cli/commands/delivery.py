"""Where a command's sound goes beside the record: a named file, stdout, a picture, the speakers.

All of it is looked at before anything is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acestep_cli.errors import AceStepError, Cancelled, ExitCode, OutputError, UsageError
from acestep_cli.files import is_folder
from acestep_cli.jobs import JobRecord
from acestep_cli.request import BY_NAME, read_values
from acestep_cli.request.names import check_template, is_template, literal_suffix
from acestep_cli.term.output import Output

if TYPE_CHECKING:
    from acestep_cli.commands.making import RunChoices

STDOUT = "-"
_PICTURE = ".png"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The file that the audio is written to (None: beside the record), whether it only passes
    through that file on its way to stdout, and the file of its picture (None: no picture)."""

    file: Path | None = None
    to_stdout: bool = False
    picture: Path | None = None


@contextmanager
def delivery(choices: RunChoices, output: Output, *, items: int, ending: str) -> Iterator[Delivery]:
    """What `choices` ask for, for a job of `items` files that end with `ending`.

    UsageError for what does not go together. A file on its way to stdout lies in a folder that goes
    away with this block.
    """
    _refuse_pairs(choices)
    if choices.plan_only and choices.output_file is not None:
        raise UsageError(
            "--plan-only and -o do not go together: no sound is made",
            "leave one of them out; `--plan-only > plan.json` keeps the plan",
        )
    picture = _picture(choices.plot)
    if choices.output_file != STDOUT:
        yield Delivery(named_file(choices.output_file), picture=picture)
        return
    _refuse_stdout(output, items)
    import tempfile  # half of what this module costs, and needed here alone

    with tempfile.TemporaryDirectory(prefix="acestep-") as folder:
        yield Delivery(Path(folder) / f"song.{ending}", to_stdout=True, picture=picture)


def named_file(text: str | None, flag: str = "-o") -> Path | None:
    """The file that `flag` names, None where it names none; its parts are checked.

    UsageError for what can be no file, OutputError for a folder.
    """
    if text is None or text == STDOUT:
        return None
    file = Path(text)
    if file.name in ("", "..") or text.endswith(("/", os.sep)):
        raise UsageError(f"{flag} {text!r} names no file", f"give {flag} FILE")
    if is_folder(file):
        raise OutputError(
            f"{flag} {text!r} names no file: it is a folder", f"name a file in it with {flag}"
        )
    if is_template(text):
        check_template(text, flag)
    return file


def format_of(text: str | None) -> str | None:
    """The format that the ending of -o names, None where it has none; UsageError for another."""
    if text is None or text == STDOUT:
        return None
    ending = literal_suffix(text)[1:]
    if not ending:
        return None
    if ending.lower() == "aac":
        raise UsageError(
            f"-o {text!r} asks for a bare AAC stream, and AAC is written into .m4a files only",
            f"name it {text[: -len(ending)]}m4a",
        )
    try:
        read_values({"audio_format": ending})
    except UsageError as error:
        formats = [str(name) for name in BY_NAME["audio_format"].choices]
        raise UsageError(
            f"-o {text!r} ends with .{ending}, which is no format; these are: {', '.join(formats)}",
            f"name it {text}.{formats[0]}, say, or give --audio-format",
        ) from error
    return ending


def played(paths: Sequence[Path]) -> str:
    """Play `paths` one after another; why it was not done, empty when it was. Ctrl-C ends the
    listening and not more."""
    from acestep_cli.audio.play import play

    try:
        return play(paths)
    except (Cancelled, KeyboardInterrupt):
        return ""


def record_loss(folder: Path, values: Mapping[str, Any], error: OSError | Cancelled) -> None:
    """Let the record in `folder`, whose job ended with `values`, tell that the song did not reach
    stdout because of `error`: failed with 6, or 141 where the reader left; cancelled by a signal.
    A record that cannot be written stays as it is."""
    job_id = values["job_id"]
    JobRecord.resume(folder / f"{job_id}.json", values).lose(_loss(job_id, error))


def _loss(job_id: str, error: OSError | Cancelled) -> AceStepError:
    if isinstance(error, Cancelled):
        return error
    hint = f"make it again: `acestep replay {job_id}`"
    if not isinstance(error, BrokenPipeError):
        reason = error.strerror or type(error).__name__
        return OutputError(f"cannot write the song to stdout: {reason}", hint)
    left = AceStepError(
        "the reader of stdout left before it had the whole song", hint, code="closed_pipe"
    )
    left.exit_code = ExitCode.PIPE
    return left


def _picture(text: str | None) -> Path | None:
    if text is None:
        return None
    file = named_file(text, "--plot")
    if file is None or file.suffix.lower() != _PICTURE:
        raise UsageError(f"--plot {text!r} is no name of a picture", "give --plot FILE.png")
    return file


# What cannot be typed together, and why.
_PAIRS: Mapping[tuple[str, str], str] = {
    ("no_wait", "output_file"): "nobody would read the sound",
    ("no_wait", "play"): "there is nothing to play yet",
    ("no_wait", "events"): "`acestep status JOB` tells how far it came",
    ("no_wait", "dry_run"): "nothing is started",
    ("dry_run", "events"): "nothing happens",
    ("dry_run", "play"): "nothing is made",
    ("plan_only", "play"): "no sound is made",
    ("plan_only", "plot"): "no sound is made",
    ("play", "output_file"): "the sound goes to stdout alone",
}
_FLAGS = {
    "no_wait": "--no-wait", "play": "--play", "events": "--events", "dry_run": "--dry-run",
    "plan_only": "--plan-only", "plot": "--plot", "output_file": "-o -",
}  # fmt: skip


def _refuse_pairs(choices: RunChoices) -> None:
    for pair, reason in _PAIRS.items():
        if all(_is_given(choices, name) for name in pair):
            first, second = (_FLAGS[name] for name in pair)
            raise UsageError(
                f"{first} and {second} do not go together: {reason}", "leave one of them out"
            )


def _is_given(choices: RunChoices, name: str) -> bool:
    value = getattr(choices, name)
    return value == STDOUT if name == "output_file" else bool(value)


def _refuse_stdout(output: Output, items: int) -> None:
    if output.json:
        raise UsageError(
            "-o - and --json both claim stdout", "leave one of them out, or name a file with -o"
        )
    if items > 1:
        raise UsageError(
            f"-o - takes one song and {items} are to be made", "name a file with -o instead"
        )
    if output.answer.isatty():
        raise UsageError(
            "-o - would write audio to the terminal", "pipe it somewhere, or name a file with -o"
        )
