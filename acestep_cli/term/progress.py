"""The drawing voice: one live display on a terminal, with step, elapsed and remaining time.

rich is imported when the first event arrives, so that a run that fails before never pays for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from acestep_cli.events import Event, StageFinished, StageProgress, StageStarted
from acestep_cli.term import words
from acestep_cli.term.lines import remark

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_REDRAWS_PER_SECOND = 5


class BarVoice:
    """An observer that draws the running stages at the bottom and leaves a line for each one done.

    `close` takes the display away; afterwards the terminal is as if plain lines had been written.
    """

    def __init__(self, *, colour: bool, numbered: bool = True) -> None:
        self._colour = colour
        self._numbered = numbered
        self._display: Progress | None = None
        self._tasks: dict[tuple[str, int | None], TaskID] = {}

    def __call__(self, event: Event) -> None:
        """Draw what `event` changes."""
        if self._display is None:
            self._display = _new_display(colour=self._colour)
            self._display.start()
        if isinstance(event, StageStarted):
            self._start(self._display, event)
        elif isinstance(event, StageProgress):
            self._progress(self._display, event)
        elif isinstance(event, StageFinished):
            self._finish(self._display, event)
        elif line := remark(event, colour=self._colour, numbered=self._numbered):
            self._say(self._display, line)

    def close(self) -> None:
        """Stop drawing; stages that did not finish leave nothing behind."""
        if self._display is None:
            return
        for task in self._tasks.values():
            self._display.remove_task(task)
        self._tasks.clear()
        self._display.stop()

    def _start(self, display: Progress, event: StageStarted) -> None:
        name = words.stage_name(event.stage, event.item, numbered=self._numbered)
        amount = words.count(0, event.total, event.unit)
        task = display.add_task(name, total=event.total, amount=amount, unit=event.unit)
        self._tasks[event.stage, event.item] = task

    def _progress(self, display: Progress, event: StageProgress) -> None:
        task = self._tasks.get((event.stage, event.item))
        if task is None:
            return
        shown = display.tasks[display.task_ids.index(task)]
        total = event.total if event.total is not None else shown.total
        unit = shown.fields["unit"]
        amount = words.count(event.done, total, unit)
        if pace := words.rate(event.done, shown.elapsed or 0, unit):
            amount = f"{amount}, {pace}"
        display.update(task, completed=event.done, total=total, amount=amount)

    def _finish(self, display: Progress, event: StageFinished) -> None:
        task = self._tasks.pop((event.stage, event.item), None)
        if task is not None:
            display.remove_task(task)
        name = words.stage_name(event.stage, event.item, numbered=self._numbered)
        self._say(display, f"{name} done in {words.clock(event.seconds)}")

    def _say(self, display: Progress, line: str) -> None:
        from rich.text import Text

        # Text, not markup: a caption may hold square brackets.
        display.console.print(Text.from_ansi(line), soft_wrap=True)


def _new_display(*, colour: bool) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(
        file=sys.stderr, force_terminal=True, no_color=not colour, highlight=False, markup=False
    )
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=_REDRAWS_PER_SECOND,
        # Descriptor 1 is guarded elsewhere; rich must not replace the streams as well.
        redirect_stdout=False,
        redirect_stderr=False,
    )
