"""The original's state machine where the recorded runs say nothing. They are in tests/parity."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from acestep_cli.errors import CheckpointError
from acestep_cli.pipeline.grammar import Grammar, Run
from acestep_cli.weights import tokenizer as ours
from tests.unit.pipeline.grammar_models import planner_words
from tests.unit.pipeline.grammar_reference import spelled_bytes

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
    assert not run.needs_scores  # the caption is being left


def test_a_language_is_the_likeliest_of_the_list() -> None:
    run = grammar().cot(skip_caption=True)
    while run.state != "LANGUAGE_VALUE":
        run.advance(int(run.allowed().ids[0]))
    assert run.needs_scores
    assert run.allowed(scores(" ja")).ids.tolist() == list(WORDS.encode(" ja"))


def test_codes_may_be_none_at_all() -> None:
    end = WORDS.special["<|im_end|>"]
    assert grammar().codes(0.19).allowed().ids.tolist() == [end]
    run = grammar().codes()
    assert run.state == "THINK_TAG"
    assert end in run.allowed().ids
    assert run.state == "CODES_GENERATION"


def write_tokenizer(folder: Path, merges: list[tuple[str, str]], added: list[str]) -> None:
    tokens = [*spelled_bytes(), *("".join(pair) for pair in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("upstream", [False, True])
def test_names_are_spelled_with_the_longest_single_tokens(tmp_path: Path, upstream: bool) -> None:
    write_tokenizer(
        tmp_path, [("p", "m"), ("b", "p")], ["<|im_end|>", "<|endoftext|>", "<think>", "</think>"]
    )
    tokenizer = ours.Tokenizer(tmp_path)
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
    write_tokenizer(tmp_path, [], ["<|im_end|>", "<think>", "</think>", "<|audio_code_0|>"])
    with pytest.raises(CheckpointError, match=r"audio_code_1\|"):
        Grammar(ours.Tokenizer(tmp_path)).codes().allowed()
