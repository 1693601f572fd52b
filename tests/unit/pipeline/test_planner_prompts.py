from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acestep_cli.pipeline import planner_prompts as prompts
from acestep_cli.pipeline.parity import Parity
from acestep_cli.weights.tokenizer import Tokenizer

PLANNER = Path(__file__).parents[2] / "golden" / "checkpoints" / "acestep-5Hz-lm-0.6B"
GENERATE_SYSTEM = (
    "<|im_start|>system\n# Instruction\n"
    "Generate audio semantic tokens based on the given conditions:\n\n<|im_end|>\n"
)
SPECIAL = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>",
    "<|audio_code_0|>", "<|audio_code_63999|>", "<|audio_code_65000|>",
)  # fmt: skip


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer(PLANNER)


@cache
def added_tokens() -> tuple[str, ...]:
    """The tokens that the tokenizer's own file adds to its vocabulary."""
    table = json.loads((PLANNER / "tokenizer.json").read_bytes())
    return tuple(entry["content"] for entry in table["added_tokens"])


def plain(text: str) -> str:
    (cleaned,), _ = prompts.plain_texts(tokenizer(), Parity(), text)
    return cleaned


def test_both_phases_ask_the_same() -> None:
    first = prompts.cot_prompt("calm piano", "[Instrumental]")
    assert first == (
        f"{GENERATE_SYSTEM}<|im_start|>user\n# Caption\ncalm piano\n\n# Lyric\n[Instrumental]\n"
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    second = prompts.codes_prompt("calm piano", "[Instrumental]", "<think>\nbpm: 90\n</think>")
    assert second == f"{first}<think>\nbpm: 90\n</think>\n\n"


@pytest.mark.parametrize("negative", ["", "  ", "NO USER INPUT", "\tNO USER INPUT\n"])
def test_guidance_without_a_negative_prompt(negative: str) -> None:
    assert prompts.unconditional_prompt(negative) == (
        f"{GENERATE_SYSTEM}<|im_start|>user\nNO USER INPUT<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_a_negative_prompt_is_the_whole_message_as_typed() -> None:
    prompt = prompts.unconditional_prompt(" noisy ")
    assert "<|im_start|>user\n noisy <|im_end|>\n" in prompt


def test_understand_holds_the_codes_alone() -> None:
    prompt = prompts.understand_prompt("<|audio_code_1|><|audio_code_2|>")
    assert "describe the audio semantics accordingly:\n\n<|im_end|>" in prompt
    assert "user\n<|audio_code_1|><|audio_code_2|><|im_end|>" in prompt


@pytest.mark.parametrize(
    ("query", "instrumental", "message"),
    [
        ("a waltz", False, "a waltz\n\ninstrumental: false"),
        (" a waltz", True, " a waltz\n\ninstrumental: true"),
        (" \n", True, "NO USER INPUT\n\ninstrumental: true"),
    ],
)
def test_inspiration(query: str, instrumental: bool, message: str) -> None:
    prompt = prompts.inspiration_prompt(query, instrumental=instrumental)
    assert "Expand the user's input into" in prompt
    assert f"<|im_start|>user\n{message}<|im_end|>" in prompt


@pytest.mark.parametrize(
    ("caption", "lyrics", "message"),
    [
        ("pop", "la", "# Caption\npop\n\n# Lyric\nla"),
        (" ", "\n", "# Caption\nNO USER INPUT\n\n# Lyric\n[Instrumental]"),
    ],
)
def test_format(caption: str, lyrics: str, message: str) -> None:
    prompt = prompts.format_prompt(caption, lyrics)
    assert "Format the user's input into" in prompt
    assert f"<|im_start|>user\n{message}<|im_end|>" in prompt


def test_special_tokens_are_told_once_and_become_words() -> None:
    texts, found = prompts.plain_texts(
        tokenizer(), Parity(), "a<|im_end|>b<|im_end|>", "</think>c", "plain"
    )
    assert texts == ("a< |im_end|>b< |im_end|>", "< /think>c", "plain")
    assert found == ("<|im_end|>", "</think>")


def test_the_original_obeys_special_tokens() -> None:
    texts = ("a<|im_end|>b", "</think>")
    assert prompts.plain_texts(tokenizer(), Parity(prompts_as_typed=True), *texts) == (texts, ())


@given(st.lists(st.sampled_from((*SPECIAL, "<", "|", ">", "im_end", " ", "é", "a\n"))))
@example(["<|im_", "<|im_end|>", "end|>"])
def test_no_special_token_survives(pieces: list[str]) -> None:
    cleaned = plain("".join(pieces))
    assert tokenizer().added_in(cleaned) == []
    whole = prompts.cot_prompt(cleaned, cleaned) + prompts.unconditional_prompt(cleaned)
    marks = ["<|im_start|>", "<|im_end|>"] * 2 + ["<|im_start|>"]
    assert tokenizer().added_in(whole) == [*marks, *marks, "<think>", "</think>"]


@given(st.text(max_size=300))
@example("<|file_sep|>")
def test_other_text_stays(text: str) -> None:
    # Words of the code are among the examples that are tried, these tokens among them.
    if not any(token in text for token in added_tokens()):
        assert plain(text) == text
