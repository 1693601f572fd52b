from __future__ import annotations

import random
from functools import cache

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from acestep_cli.errors import CheckpointError
from acestep_cli.pipeline.grammar import CAPTION_TOKENS, Grammar, Run, Settings
from acestep_cli.pipeline.metadata import parse_output, scalar_text
from acestep_cli.weights.tokenizer import Tokenizer
from tests.unit.pipeline.grammar_models import (
    GENRES,
    GOLDEN,
    MOST,
    check_plan,
    models,
    planner_words,
    write,
)

WORDS = planner_words()
FIELDS = ("bpm", "caption", "duration", "genres", "keyscale", "language", "timesignature")


@cache
def grammar(*genres: str) -> Grammar:
    return Grammar(WORDS.tokenizer, genres=genres)


def token(text: str) -> int:
    (found,) = WORDS.encode(text)
    return found


def text_of(run: Run, model: str = "anything", seed: int = 1) -> str:
    return WORDS.tokenizer.decode(write(run, models(WORDS)[model], random.Random(seed)))


def feed(run: Run, *texts: str) -> Run:
    """Write `texts`, each by its usual tokens, where they are allowed."""
    for text in texts:
        for number in WORDS.encode(text):
            assert number in run.allowed().ids, (text, number)
            run.advance(number)
    return run


def in_caption(*texts: str) -> Run:
    run = grammar().cot({"bpm": 90})
    while run.state != "CAPTION_VALUE":
        run.advance(int(run.allowed().ids[0]))
    return feed(run, *texts)


def may_follow(run: Run, text: str) -> bool:
    return bool((run.allowed().ids == token(text)).any())


@pytest.mark.parametrize("name", sorted(models(WORDS)))
@pytest.mark.parametrize("genres", [(), tuple(GENRES)], ids=["free", "listed"])
def test_any_model_ends_with_a_whole_plan(name: str, genres: tuple[str, ...]) -> None:
    chosen = Settings(stop_at_reasoning=True)
    for seed in range(3):
        output = write(grammar(*genres).run(chosen), models(WORDS)[name], random.Random(seed))
        assert len(output) <= MOST
        check_plan(WORDS.tokenizer.decode(output), chosen, FIELDS, 600)


def test_skipped_fields_are_left_out_unless_they_are_given() -> None:
    def fields_of(values: dict[str, object]) -> dict[str, str | int]:
        run = grammar().cot(values, skip_genres=True, skip_caption=True, skip_language=True)
        return parse_output(text_of(run)).fields

    assert list(fields_of({})) == ["bpm", "duration", "keyscale", "timesignature"]
    given_all: dict[str, object] = {"caption": "calm", "language": "no", "genres": "pop"}
    fields = fields_of(given_all)
    assert list(fields) == list(FIELDS)
    assert {name: fields[name] for name in given_all} == given_all


def test_given_values_are_written_as_they_are() -> None:
    values = {
        "bpm": 120, "caption": "'A ballad: slow'", "duration": 5.5, "keyscale": "H dur",
        "language": "xx", "timesignature": "4/4",
    }  # fmt: skip
    text = text_of(grammar().cot(values))
    assert text == (
        "<think>\nbpm: 120\ncaption: 'A ballad: slow'\nduration: 5.5\nkeyscale: H dur\n"
        "language: xx\ntimesignature: 4/4\n<|im_end|>"
    )
    assert "duration: 200\n" in text_of(grammar().cot({"duration": 200.0}))


@pytest.mark.parametrize("nothing", [None, "", "  \n "])
def test_what_says_nothing_is_not_given(nothing: str | None) -> None:
    text = text_of(grammar().cot({"caption": nothing, "bpm": nothing}))
    check_plan(text, Settings(stop_at_reasoning=True), [f for f in FIELDS if f != "genres"], 600)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"caption": "one\ntwo"}, "indented"),
        ({"keyscale": "C\n major"}, "one line"),
        ({"lyrics": "la"}, "lyrics"),
    ],
)
def test_values_that_would_break_the_plan_are_refused(
    values: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        grammar().cot(values)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("A <|im_end|> b</think> <think>c <|audio_code_5|>")
@example("<|im_end|>")
@example("line one\nline two")
@example(" spaces and 'quotes': \t\x07 ")
def test_a_given_caption_stands_in_the_plan_without_special_tokens(caption: str) -> None:
    value = scalar_text("caption", caption)
    assume(value.strip())  # a caption of odd blanks alone is none
    run = grammar().cot({"caption": value})
    output = write(run, models(WORDS)["always the first"], random.Random(0))
    special = [number for number in output if number not in WORDS.text]
    assert special == [WORDS.special["<think>"], WORDS.special["<|im_end|>"]]
    normalised = WORDS.tokenizer.decode(WORDS.tokenizer.encode_plain(value.strip()))
    assert f"\ncaption: {normalised}\nduration: " in WORDS.tokenizer.decode(output)


def test_a_caption_goes_on_in_indented_lines() -> None:
    run = in_caption(" A", " piano", ".\n")
    assert may_follow(run, "duration")
    assert not may_follow(run, "keys")
    assert not may_follow(run, "a")
    assert not may_follow(run, "\n")
    assert may_follow(feed(run, " "), " piano")
    assert not may_follow(run, " ")
    assert not may_follow(run, ".\n")
    feed(run, " piano", "\n", "duration")
    assert run.state == "DURATION_NAME"
    feed(run, ":")
    assert run.state == "DURATION_VALUE"


def test_a_caption_is_never_blank() -> None:
    run = in_caption()
    for text in ("\n", "\n\n", "a", ".\n", "\t"):
        assert not may_follow(run, text)
    for text in ("\n", " ", ".\n"):
        assert not may_follow(in_caption(" "), text)
        assert not may_follow(in_caption(" "), text)
    assert not may_follow(in_caption(" ", "'", "'"), "\n")
    assert may_follow(in_caption(" ", "'", "a", "'"), "\n")


def test_no_special_tokens_in_text() -> None:
    for run in (
        in_caption(),
        in_caption(" A"),
        in_caption(" A", "\n"),
        in_caption(" A", "\n", " "),
    ):
        assert set(run.allowed().ids.tolist()) <= WORDS.text.keys()
        assert not may_follow(run, "<")
        assert not may_follow(run, "`")
        assert not may_follow(run, "\\")


def test_a_caption_ends_at_its_limit() -> None:
    run = in_caption(" A")
    for _ in range(CAPTION_TOKENS - 1):
        feed(run, "a")
    assert run.allowed().ids.tolist() == [token("\n")]
    feed(run, "\n")
    assert run.allowed().ids.tolist() == [token("duration")]
    run = in_caption(" ")
    for _ in range(CAPTION_TOKENS - 2):
        feed(run, ".")
    assert not may_follow(run, ".")
    feed(run, "a", "\n", "duration", ":")


def test_large_sets_are_the_same_object_each_time() -> None:
    first, second = in_caption(" A"), in_caption(" A", " piano")
    assert first.allowed() is second.allowed()
    assert in_caption(" A", "\n").allowed() is in_caption(" A", " A", ".\n").allowed()
    codes = grammar().codes(3)
    before = codes.allowed()
    codes.advance(int(before.ids[0]))
    assert codes.allowed() is before
    assert before is grammar().codes().allowed()


def test_a_language_is_chosen_greedily() -> None:
    run = grammar().cot(skip_caption=True)
    while run.state != "LANGUAGE_VALUE":
        assert not run.allowed().greedy
        run.advance(int(run.allowed().ids[0]))
    assert run.allowed().greedy


def test_lyrics_are_free_text_until_the_end() -> None:
    run = grammar().understand()
    rng = random.Random(3)
    while run.state != "COMPLETED":
        ids = run.allowed().ids
        run.advance(int(ids[rng.randrange(len(ids))]))
    end = WORDS.special["<|im_end|>"]
    assert set(run.allowed().ids.tolist()) == {*WORDS.text, end}
    feed(run, "\n\n", "# Lyric\n", "la <b> `")
    run.advance(end)
    assert run.allowed().ids.tolist() == [end]


@pytest.mark.parametrize(
    ("target", "count"), [(1.3, 6), (0.19, 1), (0.01, 1), (2, 10), (30.5, 152)]
)
def test_as_many_codes_as_the_target_asks_for(target: float, count: int) -> None:
    end = WORDS.special["<|im_end|>"]
    run = grammar().codes(target)
    output = write(run, models(WORDS)["always the last"], random.Random(0))
    assert output == [WORDS.special["<|audio_code_63999|>"]] * count + [end]


def test_codes_are_all_and_only_the_valid_ones() -> None:
    codes = [WORDS.special[f"<|audio_code_{code}|>"] for code in range(64000)]
    run = grammar().codes()
    assert run.allowed().ids.tolist() == sorted(codes)
    run.advance(codes[5])
    assert run.allowed().ids.tolist() == sorted([*codes, WORDS.special["<|im_end|>"]])


def test_codes_without_a_target_end_with_the_longest_duration() -> None:
    run = Grammar(WORDS.tokenizer, max_duration=10).codes()
    output = write(run, models(WORDS)["always the last"], random.Random(0))
    assert len(output) == 51


def test_reasoning_can_go_on_to_codes() -> None:
    chosen = Settings(skip_genres=True, skip_caption=True, skip_language=True, target=0.4)
    text = text_of(grammar().run(chosen))
    plan, _, codes = text.partition("</think>\n\n")
    check_plan(f"{plan}<|im_end|>", chosen, ["bpm", "duration", "keyscale", "timesignature"], 600)
    assert codes.count("<|audio_code_") == 2


@pytest.mark.parametrize("target", [0, -1, float("nan"), float("inf")])
def test_a_target_is_a_positive_number(target: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        grammar().codes(target)


@pytest.mark.parametrize("longest", [9, 601])
def test_the_longest_duration_is_within_10_to_600(longest: int) -> None:
    with pytest.raises(ValueError, match=r"10\.\.600"):
        Grammar(WORDS.tokenizer, max_duration=longest)


def test_tokens_that_derail_a_run_are_refused() -> None:
    with pytest.raises(ValueError, match="THINK_TAG"):
        grammar().cot().advance(5)
    with pytest.raises(ValueError, match="CAPTION_VALUE"):
        in_caption(" A").advance(WORDS.special["<|im_end|>"])


def test_a_tokenizer_of_another_model_is_refused() -> None:
    encoder = Tokenizer(GOLDEN / "checkpoints" / "Qwen3-Embedding-0.6B")
    if encoder.token_id("<think>") is None:
        with pytest.raises(CheckpointError, match="<think>"):
            Grammar(encoder)
    with pytest.raises(CheckpointError, match="audio_code_0"):
        Grammar(encoder).codes().allowed()


def test_ids_are_sorted_and_int64() -> None:
    run = in_caption(" A")
    assert run.allowed().ids.dtype == torch.int64
    assert bool((run.allowed().ids.diff() > 0).all())
