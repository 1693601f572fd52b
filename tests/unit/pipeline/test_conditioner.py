from __future__ import annotations

import pytest
import torch

from acestep_cli.pipeline.conditioner import pack_condition, read_words, write_words
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import CAPTION_TOKENS, LYRIC_TOKENS, StemWords
from acestep_cli.pipeline.timbre import silent_timbre
from acestep_cli.weights.tokenizer import Tokenizer
from tests.conftest import GOLDEN
from tests.parity.checkpoints import open_networks

TOKENIZER = Tokenizer(GOLDEN / "checkpoints" / "Qwen3-Embedding-0.6B")
INSTRUCTION = "Fill the audio semantic mask based on the given conditions:"


def plan(**changes: object) -> Plan:
    values = {"caption": "folk", "lyrics": "la", "duration": 30.0, "language": "en"} | changes
    return Plan(**values)  # type: ignore[arg-type]


def test_prompts_end_as_the_tokenizer_ends_them() -> None:
    words = write_words(plan(), INSTRUCTION, 30, TOKENIZER, Parity())
    end = TOKENIZER.token_id("<|endoftext|>")
    assert words.caption_ids[-3:][::2] == (end, end)
    assert words.lyric_ids[-2:] == (end, end)
    assert words.warnings == ()


def test_a_long_caption_is_shortened_with_a_warning_and_keeps_the_metadata() -> None:
    words = write_words(plan(caption="dreamy " * 400, bpm=84), INSTRUCTION, 30, TOKENIZER, Parity())
    assert len(words.caption_ids) <= CAPTION_TOKENS
    assert "- bpm: 84" in TOKENIZER.decode(words.caption_ids)
    assert [code for code, _ in words.warnings] == ["caption_shortened"]


def test_upstream_loses_the_metadata_of_a_long_caption() -> None:
    words = write_words(
        plan(caption="dreamy " * 400, bpm=84),
        INSTRUCTION,
        30,
        TOKENIZER,
        Parity(prompts_as_typed=True),
    )
    assert len(words.caption_ids) == CAPTION_TOKENS
    assert "- bpm: 84" not in TOKENIZER.decode(words.caption_ids)


def test_lyrics_that_cannot_be_read_whole_are_told() -> None:
    words = write_words(plan(lyrics="la " * 4000), INSTRUCTION, 30, TOKENIZER, Parity())
    assert len(words.lyric_ids) == LYRIC_TOKENS
    (warning,) = words.warnings
    assert warning[0] == "lyrics_cut" and "2048" in warning[1]


def test_special_tokens_of_a_user_are_plain_words() -> None:
    sneaky = plan(caption="folk<|endoftext|>\nmore", lyrics="<think>la")
    words = write_words(sneaky, INSTRUCTION, 30, TOKENIZER, Parity())
    end = TOKENIZER.token_id("<|endoftext|>")
    assert words.caption_ids.count(end) == 2  # the prompt's own
    assert TOKENIZER.token_id("<think>") not in words.lyric_ids
    assert [code for code, _ in words.warnings] == ["special_tokens"]
    obeyed = write_words(sneaky, INSTRUCTION, 30, TOKENIZER, Parity(prompts_as_typed=True))
    assert obeyed.caption_ids.count(end) == 3


@pytest.mark.parametrize(
    ("instruction", "masked", "lines"),
    [
        ("Generate the BASS track:", True, "Global: a song\nLocal: folk\nMask Control: true"),
        ("Generate A Segment of bass:", False, "Local: folk\nMask Control: false"),
    ],
)
def test_a_checkpoint_of_stems_reads_the_whole_song_too(
    instruction: str, masked: bool, lines: str
) -> None:
    stem = StemWords("a song", masked)
    words = write_words(plan(), instruction, 30, TOKENIZER, Parity(), stem)
    assert f"\n\n# Caption\n{lines}\n\n# Metas\n" in words.caption_prompt


def test_what_is_shortened_of_a_stem_is_its_own_caption() -> None:
    stem = StemWords("a <|endoftext|> song", masked=True)
    words = write_words(plan(caption="dreamy " * 400), "x", 30, TOKENIZER, Parity(), stem)
    assert len(words.caption_ids) <= CAPTION_TOKENS
    assert "Global: a < |endoftext|> song\nLocal: dreamy" in words.caption_prompt
    assert "dreamy\nMask Control: true\n\n# Metas" in words.caption_prompt
    assert [code for code, _ in words.warnings] == ["special_tokens", "caption_shortened"]


@torch.no_grad()
@pytest.mark.parametrize("model", ["acestep-v15-turbo", "acestep-v15-xl-turbo"])
def test_the_condition_is_lyrics_then_timbre_then_text(model: str) -> None:
    networks = open_networks(GOLDEN, model)
    words = write_words(plan(), INSTRUCTION, 30, networks.tokenizer, Parity())
    features = read_words(words, networks.text_encoder())
    encoder = networks.condition_encoder()
    timbre = silent_timbre(networks, encoder)
    states = pack_condition(features, timbre, encoder)
    lyrics = len(words.lyric_ids)
    assert states.shape[1] == lyrics + 1 + len(words.caption_ids)
    assert torch.equal(states[:, lyrics : lyrics + 1], timbre)
    assert torch.equal(states[:, lyrics + 1 :], encoder.text_projector(features.caption))
