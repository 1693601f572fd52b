"""The result of a command, said once: paths for people and pipes, one object with `--json`.

What only some runs need is imported where it is needed: every start of the program passes here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from acestep_cli.errors import AceStepError, Cancelled, ExitCode
from acestep_cli.term import streams, words
from acestep_cli.term.signals import StopSignals

if TYPE_CHECKING:
    from acestep_cli.events import Observer, Warned

SCHEMA = "acestep.result/1"


@dataclass(frozen=True, slots=True)
class Result:
    """What a command has to show: `data` for `--json`, `lines` or the bytes of `payload` for
    stdout, `error` where it failed.

    `exit_code` follows `error` unless given. `lost` is called with what stopped `payload` on its
    way to stdout.
    """

    data: Any = None
    lines: tuple[str, ...] = ()
    payload: bytes = b""
    warnings: tuple[Warned, ...] = ()
    error: AceStepError | None = None
    exit_code: ExitCode = ExitCode.OK
    lost: Callable[[OSError | Cancelled], None] | None = None

    def status(self) -> ExitCode:
        """The process status of this result."""
        if self.exit_code is ExitCode.OK and self.error is not None:
            return self.error.exit_code
        return self.exit_code


@dataclass(slots=True)
class Output:
    """The two streams of one process and the switches that every command shares."""

    answer: TextIO
    arguments: tuple[str, ...] = ()
    stop: StopSignals = field(default_factory=StopSignals)
    json: bool = False
    quiet: bool = False
    debug: bool = False
    verbs: tuple[str, ...] = ()

    def say(self, line: str) -> None:
        """Tell a person one line on stderr; `--quiet` keeps it back."""
        if not self.quiet:
            streams.write_talk(line + "\n")

    @contextmanager
    def voice(self, *, items: int = 1) -> Iterator[Observer]:
        """An observer that shows a run: a live display on a terminal, else lines, or nothing.

        Stages carry the number of their item when there are several `items`.
        """
        colour = streams.wants_colour(sys.stderr, os.environ)
        if self.quiet:
            from acestep_cli.events import silent

            yield silent
        elif streams.wants_animation(sys.stderr, os.environ):
            from acestep_cli.term.progress import BarVoice

            bars = BarVoice(colour=colour, numbered=items > 1)
            try:
                yield bars
            finally:
                bars.close()
        else:
            from acestep_cli.term.lines import LineVoice

            yield LineVoice(streams.write_talk, colour=colour, numbered=items > 1)

    def emit(self, result: Result) -> None:
        """Write the answer to stdout and the error to stderr; OSError when stdout is lost."""
        if result.error is not None:
            self._complain(result.error)
        if self.json:
            self.answer.write(_as_line(self._envelope(result)))
        else:
            self.answer.writelines(line + "\n" for line in result.lines)
        self.answer.flush()
        if result.payload:
            self._deliver(result)

    def _deliver(self, result: Result) -> None:
        try:
            self.answer.buffer.write(result.payload)
            self.answer.buffer.flush()
        except (OSError, Cancelled) as error:
            if result.lost is not None:
                result.lost(error)
            raise

    def _envelope(self, result: Result) -> dict[str, Any]:
        status = result.status()
        return {
            "schema": SCHEMA,
            "command": list(self.verbs),
            "ok": status is ExitCode.OK,
            "exit_code": int(status),
            "data": result.data,
            "warnings": [{"code": w.code, "message": w.message} for w in result.warnings],
            "error": result.error.as_dict() if result.error is not None else None,
        }

    def _complain(self, error: AceStepError) -> None:
        if self.debug:
            import traceback

            trace = "".join(traceback.format_exception(error)).rstrip("\n")
            # It quotes what was typed and what files hold.
            harmless = (words.on_one_line(line) for line in trace.split("\n"))
            streams.write_talk("".join(f"{line}\n" for line in harmless))
        colour = streams.wants_colour(sys.stderr, os.environ)
        streams.write_talk(words.complaint(error, colour=colour))


def _as_line(envelope: dict[str, Any]) -> str:
    import json

    # ASCII, so that no encoding of stdout can spoil it.
    return json.dumps(envelope, allow_nan=False) + "\n"
