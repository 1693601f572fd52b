"""The plain voice: a few whole lines, whatever the number of steps."""

from __future__ import annotations

from acestep_cli.events import (
    Adjusted,
    ItemFinished,
    Noted,
    Planned,
    StageFinished,
    StageProgress,
    StageStarted,
    Warned,
)
from acestep_cli.term.lines import LineVoice, remark


class Log:
    """A voice on a clock that is moved by hand, and what it said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.voice = LineVoice(self.lines.append, clock=lambda: self.now)


def test_a_short_stage_is_two_lines() -> None:
    log = Log()
    log.voice(StageStarted("compose", total=8, unit="steps"))
    for step in range(1, 9):
        log.now += 0.5
        log.voice(StageProgress("compose", step))
    log.voice(StageFinished("compose", 4.0))
    assert log.lines == ["compose: 8 steps\n", "compose done in 4.0 s\n"]


def test_a_long_stage_says_how_long_it_will_take() -> None:
    log = Log()
    log.voice(StageStarted("compose", total=100, unit="steps", item=1))
    for step in range(1, 101):
        log.now += 1
        log.voice(StageProgress("compose", step, item=1))
    assert log.lines[1] == "compose 2 10/100 steps, 10 s gone, about 1:30 left\n"
    assert len(log.lines) == 1 + 10


def test_a_stage_of_unknown_length() -> None:
    log = Log()
    log.voice(StageStarted("plan", unit="tokens"))
    log.now = 20
    log.voice(StageProgress("plan", 300))
    assert log.lines == ["plan\n", "plan 300 tokens, 15.0 tokens/s, 20 s gone\n"]


def test_progress_without_a_start_and_items_are_no_lines() -> None:
    log = Log()
    log.voice(StageProgress("plan", 1))
    log.voice(ItemFinished(0, "a.mp3"))
    assert log.lines == []


def test_words_of_remarks() -> None:
    assert remark(Noted("seed 7"), colour=False) == "note: seed 7"
    assert remark(Warned("code", "too short"), colour=False) == "warning: too short"
    adjusted = Adjusted("tile", 64, 32, "too little memory")
    assert remark(adjusted, colour=False) == "adjusted: tile 64 -> 32: too little memory"
    assert remark(StageStarted("load"), colour=False) == ""
    assert remark(Noted("x"), colour=True) == "\x1b[36mnote:\x1b[0m x"


def test_remarks_are_lines() -> None:
    log = Log()
    log.voice(Noted("no planner is used"))
    assert log.lines == ["note: no planner is used\n"]


def test_a_plan_is_shown_with_its_lyrics_indented() -> None:
    event = Planned(1, {"caption": "folk", "bpm": 90, "lyrics": "[verse]\nla"}, 0)
    text = "folk\n      90 bpm\n      [verse]\n      la"
    assert remark(event, colour=False) == f"plan: {text}"
    assert remark(event, colour=False, numbered=True) == f"plan 2: {text}"


def test_remarks_cannot_command_a_terminal() -> None:
    for event in (
        Noted("a file \x1b[31m\r"),
        Warned("odd", "a file \x1b[31m\r"),
        Adjusted("dtype", "a", "b", "a file \x1b[31m\r"),
    ):
        said = remark(event, colour=False)
        assert said.endswith("a file \\x1b[31m\\r")
