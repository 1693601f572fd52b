"""The original's state machine where the recorded runs say nothing. They are in tests/parity."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import CheckpointError
from acestep_cli.pipeline.grammar import Grammar, Run, Settings
from acestep_cli.pipeline.grammar_upstream import UpstreamTables
from tests.unit.pipeline.grammar_models import planner_words, write_tokenizer

WORDS = planner_words()


@cache
def grammar() -> Grammar:
    return Grammar(WORDS.tokenizer, upstream=True)


def scores(likeliest: str) -> Tensor:
    values = torch.zeros(WORDS.tokenizer.size)
    values[WORDS.encode(likeliest)[0]] = 1.0
    return values


def in_caption(*texts: str) -> Run:
    run = grammar().cot({"bpm": 90})
    while run.state != "CAPTION_VALUE":
        run.advance(int(run.allowed().ids[0]))
    for text in texts:
        (token,) = WORDS.encode(text)
        run.advance(token)
    return run


def test_scores_are_asked_for_where_the_original_reads_them() -> None:
    assert not in_caption(" A").needs_scores
    run = in_caption(" A", ".\n")
    assert run.needs_scores
    with pytest.raises(ValueError, match="CAPTION_VALUE needs the scores"):
        run.allowed()
    assert len(run.allowed(scores(" piano")).ids) < len(run.allowed(scores("duration")).ids)
    run.advance(WORDS.encode("duration")[0])
    assert not run.needs_scores  # the caption is being left


@pytest.mark.parametrize(
    ("likeliest", "state"), [("language", "LANGUAGE_VALUE"), (" ", "DURATION_NAME")]
)
def test_a_newline_in_the_name_behind_the_caption_begins_it_anew(
    likeliest: str, state: str
) -> None:
    run = in_caption(" A", ".\n")
    run.allowed(scores("duration"))
    for text in ("duration", "\n"):
        run.advance(WORDS.encode(text)[0])
    assert run.needs_scores
    everything = run.allowed(scores(likeliest))
    assert len(everything.ids) == WORDS.tokenizer.size  # still no rule for the name
    for text in ("language", ":"):
        run.advance(WORDS.encode(text)[0])
    assert run.state == state


def test_a_target_is_spelled_digit_by_digit(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, [("4", "7")])
    assert len(tokenizer.encode_plain("47")) == 1
    settings = Settings("codes", target=47.9, thought=False, skip_caption=True)
    run, written = Grammar(tokenizer, upstream=True).run(settings), []
    while run.state != "GENRES_NAME":
        allowed, state = run.allowed().ids, run.state
        if state == "DURATION_VALUE":
            written.append(tokenizer.decode([int(allowed)]))
        run.advance(int(allowed[-1]))
    assert written == ["4", "7", "\n"]


def test_a_target_of_nothing_is_none() -> None:
    end = WORDS.special["<|im_end|>"]
    assert len(grammar().codes(-1).allowed().ids) == 64_001
    assert end in grammar().codes(-1).allowed().ids


def test_a_language_is_the_likeliest_of_the_list() -> None:
    run = grammar().cot(skip_caption=True)
    while run.state != "LANGUAGE_VALUE":
        run.advance(int(run.allowed().ids[0]))
    assert run.needs_scores
    assert run.allowed(scores(" ja")).ids.tolist() == list(WORDS.encode(" ja"))


def test_genres_end_where_no_token_goes_on() -> None:
    tables = UpstreamTables(grammar().tables, ["bajo", "ba京"])
    assert "j" in {WORDS.tokenizer.decode([token]) for token in tables.genre("ba").ids.tolist()}
    only = UpstreamTables(grammar().tables, ["ba京"])
    assert only.genre("ba").ids.tolist() == [WORDS.newline]


def test_codes_may_be_none_at_all() -> None:
    end = WORDS.special["<|im_end|>"]
    assert grammar().codes(0.19).allowed().ids.tolist() == [end]
    run = grammar().codes()
    assert run.state == "THINK_TAG"
    assert end in run.allowed().ids
    assert run.state == "CODES_GENERATION"


@pytest.mark.parametrize("upstream", [False, True])
def test_names_are_spelled_with_the_longest_single_tokens(tmp_path: Path, upstream: bool) -> None:
    tokenizer = write_tokenizer(tmp_path, [("p", "m"), ("b", "p")])
    assert [tokenizer.decode([number]) for number in tokenizer.encode_plain("bpm:")] == [
        "b", "pm", ":",
    ]  # fmt: skip
    run = Grammar(tokenizer, upstream=upstream).cot()
    written = []
    while run.state != "BPM_VALUE":
        written.append(int(run.allowed().ids[0]))
        run.advance(written[-1])
    assert [tokenizer.decode([number]) for number in written] == [
        "<think>", "\n", "bp", "m", ":",
    ]  # fmt: skip


def test_a_checkpoint_without_all_codes_is_refused(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, [])
    with pytest.raises(CheckpointError, match=r"audio_code_0\|"):
        Grammar(tokenizer).codes().allowed()
