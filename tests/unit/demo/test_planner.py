"""The tiny planner: its tokenizer can spell a plan, and it comes in every published form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acestep_cli.config import Settings
from acestep_cli.demo.sizes import AUDIO_CODES, TINY, QwenSizes, StackSizes
from acestep_cli.demo.tiny import build_qwen
from acestep_cli.hardware.devices import Device
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.pipeline.language import open_language
from acestep_cli.weights.folder import open_folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.planners import planner_values
from acestep_cli.weights.tokenizer import Tokenizer

PLANNER = QwenSizes(StackSizes(width=16, mlp=24, heads=2, kv_heads=1, head_dim=8), 1, audio_codes=9)
CPU = Device("cpu", 0, "a CPU", Memory(GIB, GIB), bfloat16=False)


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Tokenizer:
    return Tokenizer(tiny / TINY.planner_name)


def test_what_a_plan_is_spelt_with_has_the_published_ids(tokenizer: Tokenizer) -> None:
    for text, number in {"\n": 198, " ": 220, ".": 13, ",": 11, "`": 63, ":": 25}.items():
        assert tokenizer.encode_plain(text) == [number]
    assert [tokenizer.encode_plain(digit) for digit in "0123456789"] == [
        [number] for number in range(15, 25)
    ]
    assert tokenizer.encode_plain("128") == [16, 17, 23]  # digits never merge


def test_every_printable_character_is_one_token(tokenizer: Tokenizer) -> None:
    for code in range(0x20, 0x7F):
        [number] = tokenizer.encode_plain(chr(code))
        assert tokenizer.decode([number]) == chr(code)


def test_a_plan_comes_back_as_it_was(tokenizer: Tokenizer) -> None:
    plan = (
        "<think>\nbpm: 128\ncaption: 'a warm 90s groove; \"soft\" strings'\nduration: 240\n"
        "genres: lo-fi, synth-pop\nkeyscale: F♯ minor\nlanguage: yue\ntimesignature: 4\n</think>"
        "\n\n<|audio_code_0|><|audio_code_63999|><|audio_code_65534|><|im_end|>"
    )
    ids = tokenizer.encode_plain(plan)
    assert tokenizer.decode(ids) == plan
    first = tokenizer.require("<|audio_code_0|>")
    assert ids[-4:] == [first, first + 63_999, first + 65_534, tokenizer.require("<|im_end|>")]
    assert ids[0] == tokenizer.require("<think>")
    assert tokenizer.require("</think>") == first - 1  # the codes follow the other added tokens
    assert tokenizer.size == first + AUDIO_CODES


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize("model_prefix", [True, False])
def test_heads_and_prefixes_of_all_published_kinds(
    tmp_path: Path, is_tied: bool, model_prefix: bool
) -> None:
    sizes = replace(PLANNER, is_tied=is_tied, model_prefix=model_prefix)
    build_qwen(tmp_path / "planner", sizes)
    folder = open_folder("planner", "planner", tmp_path / "planner")
    names = read_index(folder.path).names()
    assert ("lm_head.weight" in names) == (not is_tied)
    assert ("model.norm.weight" in names) == model_prefix != ("norm.weight" in names)
    assert planner_values(folder) == read_index(folder.path).values()
    assert folder.config["tie_word_embeddings"] is is_tied
    policy, _ = choose_policy(Settings(), {}, devices=[CPU], cores=1, environ={})
    language = open_language(folder, policy)
    decoder = language.decoder(1, 8)
    scores = decoder.head(torch.arange(language.config.vocabulary))(decoder.start([range(5)]))
    assert scores.shape == (1, language.config.vocabulary)
    assert torch.isfinite(scores).all() and scores.std() > 0.5
