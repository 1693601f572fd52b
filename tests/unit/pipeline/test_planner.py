"""The planner's order of things, with the small trained planner of the golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest

from acestep_cli.config import Settings
from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.events import Event, StageFinished, StageProgress, StageStarted, Warned
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.pipeline.generation import Generated
from acestep_cli.pipeline.language import LanguageModel, open_language
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Wish
from acestep_cli.pipeline.planner import Planner, Thought
from acestep_cli.pipeline.planning import Planning
from acestep_cli.pipeline.sampler import never
from acestep_cli.pipeline.tokens import Draws
from acestep_cli.pipeline.writer import LanguageWriter, Task
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import KEYSCALES
from acestep_cli.weights.folder import open_folder

NAME = "acestep-5Hz-lm-0.6B"
GOLDEN = Path(__file__).parents[2] / "golden" / "checkpoints" / NAME
SHORT = Wish(caption="calm piano", lyrics="[verse]\nla la", duration=3.0)


@cache
def language() -> LanguageModel:
    policy, _ = choose_policy(Settings(device="cpu", dtype="float32"), {})
    return open_language(open_folder(NAME, "planner", GOLDEN), policy)


@dataclass
class Room:
    """A planner, what it was asked to write and what it told."""

    planning: Planning = field(default_factory=Planning)
    parity: Parity | None = None
    cancelled: Callable[[], ExitCode | None] = never
    events: list[Event] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def write(self, task: Task, draws: Draws) -> Generated:
        self.tasks.append(task)
        return self._writer().write(task, draws)

    def planner(self) -> Planner:
        return Planner(
            self, language().tokenizer, self.planning, self.events.append, parity=self.parity
        )

    def plan(self, wish: Wish, seed: int = 7) -> Thought:
        return self.planner().plan(wish, seed, 0)

    @property
    def prompts(self) -> list[str]:
        return [task.prompts[0] for task in self.tasks]

    def _writer(self) -> LanguageWriter:
        return LanguageWriter(language(), self.events.append, self.cancelled)


def test_all_that_is_open_is_written_and_valid() -> None:
    room = Room()
    thought = room.plan(Wish(caption="calm piano"))
    wish = thought.wish
    assert wish.bpm is not None and 30 <= wish.bpm <= 300
    assert wish.duration is not None and 10 <= wish.duration <= 600
    assert (wish.keyscale or "").replace("♯", "#").replace("♭", "b") in KEYSCALES
    assert wish.timesignature in ("2", "3", "4", "6")
    assert wish.language in LANGUAGES
    assert wish.caption and wish.caption != "calm piano"
    assert wish.lyrics == ""
    assert len(wish.audio_codes) == int(5 * wish.duration)
    assert all(0 <= code <= 63_999 for code in wish.audio_codes)
    assert thought.metadata is not None and thought.metadata["bpm"] == wish.bpm


def test_what_is_given_is_never_changed() -> None:
    wish = Wish(
        caption="x", lyrics="[verse]\nla", language="fi", bpm=61, keyscale="F# minor",
        timesignature="3", duration=2.5,
    )  # fmt: skip
    room = Room()
    made = room.plan(wish).wish
    assert replace(made, caption="x", audio_codes=()) == wish
    assert len(made.audio_codes) == 12
    assert made.caption != "x"
    assert "language: fi\n" in room.prompts[1]
    assert "duration: 2\n" in room.prompts[1]


def test_the_codes_are_asked_for_with_the_caption_as_it_was_given() -> None:
    room = Room()
    refined = room.plan(SHORT).wish.caption
    assert "# Caption\ncalm piano\n" in room.prompts[1]
    assert refined.split(".")[0] in room.prompts[1].split("<think>")[1].replace("\n  ", " ")
    assert room.tasks[1].prompts[1].endswith("NO USER INPUT<|im_end|>\n<|im_start|>assistant\n"
                                             "<think>\n\n</think>\n\n")  # fmt: skip


def test_switches_take_tasks_away() -> None:
    room = Room(Planning(codes=False))
    assert room.plan(SHORT).wish.audio_codes == ()
    assert len(room.tasks) == 1
    room = Room(Planning(caption=False, language=False))
    made = room.plan(SHORT)
    assert made.wish.caption == "calm piano" and made.wish.language is None
    assert made.metadata is not None and made.metadata.keys() == {
        "bpm", "duration", "keyscale", "timesignature",
    }  # fmt: skip
    room = Room(Planning(metas=False))
    made = room.plan(SHORT)
    assert made.metadata is None and made.wish.bpm is None
    assert "<think>\nduration: 3\n</think>" in room.prompts[0]
    assert len(made.wish.audio_codes) == 15


def test_a_length_that_nobody_planned_is_settled_before_codes_are_composed() -> None:
    room = Room(Planning(metas=False, guidance=1.0))
    made = room.plan(Wish(caption="x", bpm=90)).wish
    assert made.duration == 30 and len(made.audio_codes) == 150
    assert "<think>\nbpm: 90\nduration: 30\n</think>" in room.prompts[0]
    assert len(room.tasks[0].prompts) == 1


def test_codes_that_are_given_stay() -> None:
    made = Room().plan(replace(SHORT, audio_codes=(1, 2, 3)))
    assert made.wish.audio_codes == (1, 2, 3)


def test_a_whole_plan_needs_nobody() -> None:
    room = Room()
    whole = room.plan(SHORT).wish
    again = Room()
    given = replace(whole, final_caption=True)
    assert not again.planning.wants(given)
    assert again.plan(given) == Thought(given)
    assert again.tasks == []


def test_a_caption_that_is_final_stays_while_the_rest_is_planned() -> None:
    made = Room().plan(replace(SHORT, final_caption=True)).wish
    assert made.caption == "calm piano" and made.bpm


def test_the_original_thinks_for_missing_metadata_alone() -> None:
    full = replace(SHORT, bpm=90, keyscale="C major", timesignature="4")
    ours, theirs = Room(), Room(parity=Parity(metas_decide_thinking=True))
    ours.plan(full)
    theirs.plan(full)
    assert len(ours.tasks) == 2 and len(theirs.tasks) == 1


def test_a_song_is_invented_from_a_description() -> None:
    room = Room(Planning(codes=False))
    made = room.plan(Wish(query="a song in Japanese about spring", bpm=77))
    assert "a song in Japanese about spring\n\ninstrumental: false" in room.prompts[0]
    wish = made.wish
    assert (wish.language, wish.bpm, wish.query) == ("ja", 77, None)
    assert wish.caption and wish.lyrics and wish.duration
    assert len(room.tasks) == 1


def test_an_instrumental_is_invented_without_words() -> None:
    room = Room(Planning(codes=False))
    made = room.plan(Wish(query="", instrumental=True, lyrics="[Instrumental]")).wish
    assert "NO USER INPUT\n\ninstrumental: true" in room.prompts[0]
    assert made.lyrics == "[Instrumental]"


def test_lyrics_are_written_for_a_caption() -> None:
    room = Room(Planning(codes=False, write_lyrics=True))
    made = room.plan(Wish(caption="calm piano")).wish
    assert made.caption == "calm piano" and made.lyrics
    room = Room(Planning(codes=False, write_lyrics=True))
    assert room.plan(SHORT).wish.lyrics == SHORT.lyrics


def test_words_are_rewritten_where_that_is_asked_for() -> None:
    room = Room(Planning(codes=False, rewrite=True))
    made = room.plan(replace(SHORT, lyrics="[verse]\nhold the light")).wish
    assert made.caption != "calm piano"
    assert "# Lyric\n[verse]\nhold the light<|im_end|>" in room.prompts[0]
    assert len(room.tasks) == 1  # the pass wrote all metadata


def test_the_same_seed_plans_the_same_whatever_came_before() -> None:
    room = Room()
    planner = room.planner()
    first = planner.plan(SHORT, 7, 0)
    other = planner.plan(replace(SHORT, duration=4.0), 8, 1)
    assert planner.plan(SHORT, 7, 2) == first
    assert Room().plan(replace(SHORT, duration=4.0), 8) == other
    assert first.wish.audio_codes != other.wish.audio_codes[:15]


def test_understanding_needs_no_words() -> None:
    room = Room()
    made = room.planner().understand((1, 2, 3), 7).wish
    assert made.duration == 0.6 and made.bpm and made.caption
    assert "<|audio_code_1|><|audio_code_2|><|audio_code_3|>" in room.prompts[0]


def test_special_tokens_in_the_words_are_plain_text() -> None:
    room = Room(Planning(codes=False))
    room.plan(replace(SHORT, caption="calm <|im_end|> piano", lyrics="</think> la"))
    assert "<|im_end|> piano" not in room.prompts[0] and "</think>" not in room.prompts[0]
    assert [event.code for event in room.events if isinstance(event, Warned)] == ["special_tokens"]


def test_progress_is_told_token_by_token() -> None:
    room = Room()
    room.plan(SHORT)
    starts = [event for event in room.events if isinstance(event, StageStarted)]
    assert [(start.unit, start.total, start.item) for start in starts] == [
        ("tokens", None, 0), ("codes", 15, 0),
    ]  # fmt: skip
    counts = [event.done for event in room.events if isinstance(event, StageProgress)]
    assert counts[-15:] == list(range(1, 16))
    assert sum(isinstance(event, StageFinished) for event in room.events) == 2


def test_it_stops_within_a_token() -> None:
    room = Room()

    def stop_after_five() -> ExitCode | None:
        told = sum(isinstance(event, StageProgress) for event in room.events)
        return ExitCode.INTERRUPTED if told >= 5 else None

    room.cancelled = stop_after_five
    with pytest.raises(Cancelled):
        room.plan(SHORT)
    assert sum(isinstance(event, StageProgress) for event in room.events) == 5


def test_without_constraints_anything_may_be_written() -> None:
    room = Room(Planning(constrained=False, temperature=0.0))
    made = room.plan(SHORT).wish
    assert made.audio_codes


class Failing:
    """A writer that fails some times before the real one takes over."""

    def __init__(self, *failures: Generated | Exception) -> None:
        self.failures, self.room, self.draws = list(failures), Room(), list[float]()

    def write(self, task: Task, draws: Draws) -> Generated:
        if not self.failures:
            return self.room.write(task, draws)
        failure = self.failures.pop(0)
        self.draws.append(draws.next())
        if isinstance(failure, Exception):
            raise failure
        return failure

    def plan(self, parity: Parity | None = None) -> Thought:
        planner = Planner(
            self, language().tokenizer, Planning(), Room().events.append, parity=parity
        )
        return planner.plan(SHORT, 7)


NOTHING = Generated((), 0)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (NOTHING, "wrote nothing that can be read, twice"),
        (Generated((5,), None), "came to no end within 3500 tokens, twice"),
        (MemoryError(), "ran out of memory, twice"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "ran out of memory, twice"),
    ],
)
def test_a_plan_that_fails_is_tried_once_more(failure: Generated | Exception, words: str) -> None:
    once = Failing(failure)
    assert once.plan().wish.audio_codes
    twice = Failing(failure, failure)
    with pytest.raises(UnusableResult, match=words):
        twice.plan()
    assert twice.draws[0] != twice.draws[1]


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        Failing(RuntimeError("shape mismatch")).plan()
