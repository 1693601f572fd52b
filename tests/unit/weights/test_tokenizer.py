"""Token ids equal the golden vectors; whatever is wrong with a tokenizer is an error."""

from __future__ import annotations

import json
import shutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.errors import CheckpointError
from acestep_cli.weights.tokenizer import Tokenizer
from tests.unit.weights.helpers import CHECKPOINTS, GOLDEN

_VECTORS: dict[str, Any] = json.loads(
    (GOLDEN / "modules" / "tokenizer_vectors.json").read_text(encoding="utf-8")
)


@cache
def _text() -> Tokenizer:
    return Tokenizer(CHECKPOINTS / "Qwen3-Embedding-0.6B")


@cache
def _planner() -> Tokenizer:
    return Tokenizer(CHECKPOINTS / "acestep-5Hz-lm-0.6B")


@pytest.mark.parametrize("case", _VECTORS["strings"], ids=lambda case: ascii(case["text"][:20]))
def test_golden_strings(case: dict[str, Any]) -> None:
    assert _text().encode(case["text"]) == case["text_encoder_ids"]
    assert _text().encode_plain(case["text"]) == case["text_encoder_ids_no_special"]
    assert _text().decode(case["text_encoder_ids"]) == case["text_encoder_decoded"]
    assert _planner().encode(case["text"]) == case["lm_ids"]
    assert _planner().decode(case["lm_ids"]) == case["lm_decoded"]
    assert [_planner().decode([number]) for number in case["lm_ids"]] == case["lm_pieces"]


def test_the_appended_token_survives_truncation() -> None:
    case = _VECTORS["truncation"]
    assert _text().encode(case["text"], case["max_length"]) == case["text_encoder_ids"]
    end = _text().require("<|endoftext|>")
    assert _text().encode("a b c", 2)[1:] == [end]
    assert _text().encode("a b c", 1) == [end]
    assert _text().encode("a b c", 4) == _text().encode("a b c")
    assert len(_planner().encode("a b c", 2)) == 2


def test_special_ids() -> None:
    special = _VECTORS["special"]
    assert (_text().size, _planner().size) == (special["text_vocab"], special["lm_vocab"])
    for token, key in {
        "<|endoftext|>": "endoftext",
        "<|im_start|>": "im_start",
        "<|im_end|>": "im_end",
        "<think>": "think",
        "</think>": "think_end",
        "<|audio_code_0|>": "audio_code_0",
    }.items():
        assert _planner().require(token) == special[key]
    codes = [text for text in _planner().added.values() if text.startswith("<|audio_code_")]
    assert len(codes) == special["audio_code_count"]
    assert _text().token_id("<|audio_code_0|>") is None
    with pytest.raises(CheckpointError, match=r"no token <\|audio_code_0\|>"):
        _text().require("<|audio_code_0|>")


def test_added_tokens_in_user_text_are_found() -> None:
    assert _text().added_in("a <|im_end|> b</think>c <|audio_code_3|>") == [
        "<|im_end|>",
        "</think>",
    ]
    assert _planner().added_in("<|audio_code_3|><|audio_code_03|>") == ["<|audio_code_3|>"]
    assert _text().added_in("[Verse 1] <no|tag>") == []


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    tokenizer = Tokenizer(tmp_path)
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.json nor vocab\.json and merg"):
        tokenizer.encode("a")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"version": "1.0"}', b"\xff"])
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be used"):
        Tokenizer(tmp_path).encode("a")


def test_transformers_reads_what_comes_without_a_tokenizer_json(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(CHECKPOINTS / "Qwen3-Embedding-0.6B", folder)
    (folder / "tokenizer.json").unlink()
    tokenizer = Tokenizer(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ids = tokenizer.encode_plain("bpm: 120 <think>")
    assert ids == _text().encode_plain("bpm: 120 <think>")


def test_without_transformers_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(CHECKPOINTS / "Qwen3-Embedding-0.6B" / name, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(CheckpointError, match="only the package transformers can mend"):
        Tokenizer(tmp_path).encode("a")
