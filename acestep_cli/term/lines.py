"""The plain voice: whole lines, for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from acestep_cli.events import (
    Adjusted,
    Event,
    JobStarted,
    Noted,
    Planned,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.term import words

# A log of a long song stays readable; a log of a short one shows no progress at all.
_SECONDS_BETWEEN_LINES = 10.0


@dataclass(slots=True)
class _Running:
    started: float
    spoken: float
    total: float | None
    unit: str


class LineVoice:
    """An observer that writes one line when a stage starts and ends, and a few in between."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        colour: bool = False,
        numbered: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._colour = colour
        self._numbered = numbered
        self._clock = clock
        self._running: dict[tuple[str, int | None], _Running] = {}

    def __call__(self, event: Event) -> None:
        """Write what `event` is worth."""
        if isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, StageProgress):
            self._progress(event)
        elif isinstance(event, StageFinished):
            self._running.pop((event.stage, event.item), None)
            name = words.stage_name(event.stage, event.item, numbered=self._numbered)
            self._write(f"{name} done in {words.clock(event.seconds)}\n")
        elif line := remark(event, colour=self._colour, numbered=self._numbered):
            self._write(line + "\n")

    def _start(self, event: StageStarted) -> None:
        now = self._clock()
        self._running[event.stage, event.item] = _Running(now, now, event.total, event.unit)
        amount = f": {event.total:g} {event.unit}".rstrip() if event.total is not None else ""
        self._write(
            f"{words.stage_name(event.stage, event.item, numbered=self._numbered)}{amount}\n"
        )

    def _progress(self, event: StageProgress) -> None:
        running = self._running.get((event.stage, event.item))
        now = self._clock()
        if running is None or now - running.spoken < _SECONDS_BETWEEN_LINES:
            return
        running.spoken = now
        elapsed = now - running.started
        total = event.total if event.total is not None else running.total
        parts = [
            words.count(event.done, total, running.unit),
            words.rate(event.done, elapsed, running.unit),
            f"{words.clock(elapsed)} gone",
        ]
        if total is not None and event.done > 0:
            left = elapsed / event.done * max(total - event.done, 0)
            parts.append(f"about {words.clock(left)} left")
        name = words.stage_name(event.stage, event.item, numbered=self._numbered)
        self._write(f"{name} {', '.join(part for part in parts if part)}\n")


def remark(event: Event, *, colour: bool, numbered: bool = False) -> str:
    """The lines for an event that says something; empty for all others."""
    if isinstance(event, Planned):
        name = f"plan {event.index + 1}:" if numbered else "plan:"
        indented = "\n      ".join(words.song_lines(event.metas, event.codes))
        return f"{words.paint(name, words.CYAN, colour)} {indented}"
    if isinstance(event, JobStarted):
        return f"{words.paint('job:', words.CYAN, colour)} {event.job_id}"
    if isinstance(event, Noted):
        return f"{words.paint('note:', words.CYAN, colour)} {words.on_one_line(event.message)}"
    if isinstance(event, Warned):
        message = words.on_one_line(event.message)
        return f"{words.paint('warning:', words.YELLOW, colour)} {message}"
    if isinstance(event, Adjusted):
        change = f"{event.what} {event.before} -> {event.after}: {event.reason}"
        return f"{words.paint('adjusted:', words.YELLOW, colour)} {words.on_one_line(change)}"
    return ""
