"""How many audio codes are composed where nobody gave a length."""

from __future__ import annotations

from dataclasses import replace

from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.planning import Planning
from acestep_cli.pipeline.tokens import Draws
from acestep_cli.pipeline.writer import Task
from tests.unit.pipeline.test_planner import SHORT, Room, language


def test_the_original_composes_a_song_of_no_known_length_until_the_codes_end() -> None:
    wish = replace(SHORT, bpm=90, keyscale="C major", timesignature="4", duration=None)
    metas = Planning(metas=False, guidance=1.0)
    ours, theirs = _Scripted(metas), _Scripted(metas, Parity(unplanned_duration=True))
    assert ours.plan(wish).wish.duration == 45  # seconds, for its lyrics
    made = theirs.plan(wish).wish
    assert made.duration is None and made.audio_codes == (0, 1)
    assert [room.tasks[0].total for room in (ours, theirs)] == [225, None]
    assert [room.tasks[0].limit for room in (ours, theirs)] == [235, 3500]
    end, may_end = language().tokenizer.require("<|im_end|>"), []
    for room in (ours, theirs):
        run = room.tasks[0].run
        run.advance(language().tokenizer.require("<|audio_code_0|>"))
        may_end.append(bool((run.allowed().ids == end).any()))
    assert may_end == [False, True]
    assert "duration" in ours.prompts[0] and "duration" not in theirs.prompts[0]


class _Scripted(Room):
    """Writes two codes, whatever it is asked."""

    def write(self, task: Task, draws: Draws) -> Generated:
        self.tasks.append(task)
        first = language().tokenizer.require("<|audio_code_0|>")
        return Generated((first, first + 1), 0)
