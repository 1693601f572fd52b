"""The planner's texts are the package's prompts, and its exported rows are what was trained."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from acestep_cli.demo import configs
from acestep_cli.demo.vocabulary import write_tokenizer
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.pipeline.grammar_tables import Tables
from acestep_cli.pipeline.metadata import parse_output
from acestep_cli.weights.tokenizer import Tokenizer
from tests.unit.training.test_band import recipe
from training.band.compose import compose
from training.band.score import Score
from training.band.styles import STYLES
from training.band.tuning import clock_bpm
from training.planner import texts
from training.planner.network import PLANNER, Planner
from training.planner.train import _songs as songs_of
from training.planner.train import padded
from training.renderer.reading import FIRST_BEAT
from training.renderer.weights import set_first_weights

CODES = (5, 63_999, 17, 17)
HEARD = (6, 18)


@pytest.fixture(scope="module")
def score() -> Score:
    return compose(recipe(meter=3), 10.0, np.random.default_rng(0))


def sequence(kind: str, score: Score) -> texts.Sequence:
    return texts.sequence_of(score, CODES, HEARD, np.random.default_rng(1), {kind: 1.0})


@pytest.mark.parametrize("kind", ["generate", "expand", "format", "understand"])
def test_the_answer_tells_the_song(kind: str, score: Score) -> None:
    row = sequence(kind, score)
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


def test_without_words_only_codes_are_learnt(score: Score) -> None:
    row = sequence("unconditional", score)
    first = texts.first_code_id()
    assert row.ids[row.answer :] == (*(first + code for code in CODES), texts.end_id())


def test_a_text_alone_ends_before_the_codes(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "WITHOUT_CODES", {"generate": 1.0})
    row = texts.text_of(score, np.random.default_rng(1))
    answer = texts.tokenizer().decode(list(row.ids[row.answer :]), skip_special_tokens=False)
    assert answer.endswith("</think>\n\n")


def test_the_beat_is_told_at_the_last_token_before_codes(
    score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "WITHOUT_CODES", {"generate": 1.0})
    row = sequence("generate", score)
    assert row.ids[row.before_codes + 1] == texts.first_code_id() + CODES[0]
    assert clock_bpm(FIRST_BEAT + row.beat) == pytest.approx(score.recipe.bpm, rel=0.022)
    alone = texts.text_of(score, np.random.default_rng(1))
    assert (alone.beat, alone.before_codes) == (row.beat, len(alone.ids) - 1)
    assert sequence("understand", score).beat == -1


def test_the_beat_is_to_be_known_before_every_code(
    score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "WITHOUT_CODES", {"generate": 1.0})
    row, alone = sequence("generate", score), texts.text_of(score, np.random.default_rng(1))
    heard = sequence("understand", score)
    ids, targets, beats = padded([row, alone, heard])
    is_code = targets >= texts.first_code_id()
    assert torch.equal(beats[0] >= 0, is_code[0] | (targets[0] == texts.end_id()))
    assert torch.nonzero(beats[1] >= 0).tolist() == [[alone.before_codes]]
    assert set(beats[0].tolist()) == {-1, row.beat} and (beats[2] == -1).all()
    assert ids.shape == targets.shape == beats.shape


def test_names_of_fields_are_spelled_as_the_grammar_forces_them(score: Score) -> None:
    row = sequence("format", score)
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), base=None, audio_codes=64, appends_end=False)
        tables = Tables(Tokenizer(Path(folder)))
        names = tables.names
    text = texts.tokenizer().decode(list(row.ids), skip_special_tokens=False)
    encoded = tuple(texts.tokenizer().encode("genres:").ids)
    assert names["genres"] != encoded
    found = [place for place in range(len(row.ids)) if row.ids[place:][:4] == names["genres"]]
    assert len(found) == 1
    before, behind = row.ids[: found[0]], row.ids[found[0] + len(names["genres"]) :]
    # Every other name is spelled as the whole text is encoded.
    assert [*before, *encoded, *behind] == texts.tokenizer().encode(text).ids


def test_exported_rows_give_the_same_states(score: Score) -> None:
    planner = Planner(texts.first_code_id())
    set_first_weights(planner, 0)
    tensors = planner.tensors()
    rows = len(tensors["model.embed_tokens.weight"])
    package = Qwen3Model(
        Qwen3Config.from_json(configs.qwen_config(PLANNER, rows, pad_id=0, eos_id=0))
    )
    package.load_state_dict({name.removeprefix("model."): v for name, v in tensors.items()})
    ids = torch.tensor([sequence("generate", score).ids])
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


def test_six_eighths_are_read_more_often_than_songs_have_them() -> None:
    songs = [score.recipe for score in songs_of(400, 2, np.random.default_rng(4))]
    able = [song.meter for song in songs if 6 in STYLES[song.style].bars]
    assert 0.3 < able.count(6) / len(able) < 0.5
    assert 6 not in {song.meter for song in songs if 6 not in STYLES[song.style].bars}
