"""The drawing voice, on a stream that is taken for a terminal."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from acestep_cli.events import Event, Noted, StageFinished, StageProgress, StageStarted
from acestep_cli.term.progress import BarVoice


def drawn(monkeypatch: pytest.MonkeyPatch, events: list[Event], *, colour: bool = False) -> str:
    screen = StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    voice = BarVoice(colour=colour)
    for event in events:
        voice(event)
    voice.close()
    return screen.getvalue()


RUN: list[Event] = [
    Noted("no planner is used; [verse] stays as it is"),
    StageStarted("compose", total=8, unit="steps", item=0),
    StageProgress("compose", 3, item=0),
    StageProgress("unknown", 3),
    StageFinished("compose", 12.0, item=0),
    StageStarted("render", total=30, unit="s"),
]


def test_what_stays_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, RUN)
    assert "note: no planner is used; [verse] stays as it is" in text
    assert "compose 1 done in 12 s" in text
    assert "\x1b[?25h" in text.split("done in")[1], "the cursor is shown again"


def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import acestep_cli.term.progress as module

    screen = StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(module, "_REDRAWS_PER_SECOND", 1000)
    voice = BarVoice(colour=False)
    for event in RUN[:3]:
        voice(event)
    assert voice._display is not None
    voice._display.refresh()
    assert "3/8 steps" in screen.getvalue()
    assert "left" in screen.getvalue()
    voice.close()


def test_colour_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[36mnote:" in drawn(monkeypatch, RUN, colour=True)
    assert "\x1b[36m" not in drawn(monkeypatch, RUN, colour=False)


def test_closing_what_never_drew() -> None:
    BarVoice(colour=True).close()
