"""The planner's texts are the package's prompts, and its exported rows are what was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acestep_cli.demo import configs
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.pipeline.metadata import parse_output
from tests.unit.training.test_band import recipe
from training.band.compose import compose
from training.band.score import Score
from training.band.tuning import clock_bpm
from training.planner import texts
from training.planner.network import PLANNER, Planner
from training.renderer.reading import FIRST_BEAT
from training.renderer.weights import set_first_weights

CODES = (5, 63_999, 17, 17)
HEARD = (6, 18)


@pytest.fixture(scope="module")
def score() -> Score:
    return compose(recipe(meter=3), 10.0, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["generate", "expand", "format", "understand"])
def test_the_answer_tells_the_song(
    kind: str, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_SHARES", {kind: 1.0})
    row = texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1))
    decode = texts.tokenizer().decode
    prompt = decode(list(row.ids[: row.answer]), skip_special_tokens=False)
    answer = decode(list(row.ids[row.answer :]), skip_special_tokens=False)
    assert prompt.endswith("<|im_start|>assistant\n")
    assert answer.startswith("<think>\nbpm: 97\n")
    assert answer.endswith("<|im_end|>")
    fields = parse_output(answer).fields
    assert fields["keyscale"] == "D minor"
    assert fields["timesignature"] == "3"
    assert fields["duration"] == "10"
    if kind == "generate":
        assert answer.endswith(f"</think>\n\n{texts.codes_text(CODES)}<|im_end|>")
    else:
        assert fields["genres"] == "rock"
        assert "# Lyric\n[verse]" in answer
    assert (texts.codes_text(HEARD) in prompt) == (kind == "understand")
    assert texts.codes_text(CODES) not in prompt


def test_without_words_only_codes_are_learnt(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_SHARES", {"unconditional": 1.0})
    row = texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1))
    first = texts.first_code_id()
    assert row.ids[row.answer :] == (*(first + code for code in CODES), texts.end_id())


def test_a_text_alone_ends_before_the_codes(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_TEXTS", ("generate",))
    row = texts.text_of(score, np.random.default_rng(1))
    answer = texts.tokenizer().decode(list(row.ids[row.answer :]), skip_special_tokens=False)
    assert answer.endswith("</think>\n\n")


def test_the_beat_is_told_at_the_last_token_before_codes(
    score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_SHARES", {"generate": 1.0})
    row = texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1))
    assert row.ids[row.before_codes + 1] == texts.first_code_id() + CODES[0]
    assert clock_bpm(FIRST_BEAT + row.beat) == pytest.approx(score.recipe.bpm, rel=0.022)
    alone = texts.text_of(score, np.random.default_rng(1))
    assert alone.beat in (row.beat, -1)
    monkeypatch.setattr(texts, "_SHARES", {"understand": 1.0})
    assert texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1)).beat == -1


def test_exported_rows_give_the_same_states(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_SHARES", {"generate": 1.0})
    planner = Planner(texts.first_code_id())
    set_first_weights(planner, 0)
    tensors = planner.tensors()
    rows = len(tensors["model.embed_tokens.weight"])
    package = Qwen3Model(
        Qwen3Config.from_json(configs.qwen_config(PLANNER, rows, pad_id=0, eos_id=0))
    )
    package.load_state_dict({name.removeprefix("model."): v for name, v in tensors.items()})
    ids = torch.tensor([texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1)).ids])
    with torch.no_grad():
        assert torch.allclose(planner.hidden(ids), package(ids), atol=1e-4)


def test_a_batch_of_texts_alone_is_learnt_from() -> None:
    planner = Planner(texts.first_code_id())
    set_first_weights(planner, 0)
    ids = torch.tensor([[1, 2, 3]])
    none = torch.full((1, 3), -1)
    text, codes, beat = planner.loss(ids, torch.tensor([[-1, 3, 4]]), none)
    assert codes == 0 and beat == 0
    (text + codes + beat).backward()
    assert planner.model.norm.weight.grad is not None
    assert torch.isfinite(planner.model.norm.weight.grad).all()
