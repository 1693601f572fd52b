from __future__ import annotations

import pytest

from acestep_cli.pipeline.plan import Plan
from acestep_cli.pipeline.prompts import (
    caption_prompt,
    fit_caption,
    instruction_for,
    lyric_prompt,
    metas_text,
    neutralise,
)


def _plan(**changes: object) -> Plan:
    values = {"caption": "folk", "lyrics": "", "duration": 30.0, "language": "en"} | changes
    return Plan(**values)  # type: ignore[arg-type]


def test_metadata_nobody_chose_reads_na() -> None:
    assert metas_text(_plan(), 30.9) == (
        "- bpm: N/A\n- timesignature: N/A\n- keyscale: N/A\n- duration: 30 seconds\n"
    )


def test_metadata_in_its_order() -> None:
    plan = _plan(bpm=84, timesignature="3", keyscale="F# minor")
    assert metas_text(plan, 5.5) == (
        "- bpm: 84\n- timesignature: 3\n- keyscale: F# minor\n- duration: 5 seconds\n"
    )


def test_caption_prompt_ends_in_a_newline_behind_the_end_token() -> None:
    prompt = caption_prompt("Do this", "a caption", "- bpm: 84\n")
    assert prompt == (
        "# Instruction\nDo this:\n\n# Caption\na caption\n\n# Metas\n- bpm: 84\n<|endoftext|>\n"
    )


def test_a_whole_prompt_as_caption_gives_its_caption() -> None:
    whole = caption_prompt("Do this:", "the inner one", "- bpm: 84\n")
    assert caption_prompt("X:", whole, "") == caption_prompt("X:", "the inner one", "")


def test_lyric_prompt() -> None:
    assert lyric_prompt("ja", "[verse]\nla") == (
        "# Languages\nja\n\n# Lyric\n[verse]\nla<|endoftext|>"
    )


@pytest.mark.parametrize(
    ("task", "tracks", "expected"),
    [
        ("text2music", (), "Fill the audio semantic mask based on the given conditions:"),
        ("cover", (), "Generate audio semantic tokens based on the given conditions:"),
        ("cover-nofsq", (), "Generate audio semantic tokens based on the given conditions:"),
        ("repaint", (), "Repaint the mask area based on the given conditions:"),
        ("extract", ("vocals",), "Extract the VOCALS track from the audio:"),
        ("extract", (), "Extract the track from the audio:"),
        ("lego", ("drums",), "Generate the DRUMS track based on the audio context:"),
        ("complete", ("bass", "guitar"), "Complete the input track with BASS | GUITAR:"),
        ("complete", (), "Complete the input track:"),
    ],
)
def test_instructions(task: str, tracks: tuple[str, ...], expected: str) -> None:
    assert instruction_for(task, tracks) == expected


def _words(text: str) -> list[int]:
    return [len(word) for word in text.split()]


def test_a_short_caption_stays() -> None:
    prompt, lost = fit_caption("I:", "one two", "- m\n", _words, limit=50)
    assert (prompt, lost) == (caption_prompt("I:", "one two", "- m\n"), 0)


@pytest.mark.parametrize("limit", range(12, 40))
def test_a_long_caption_gives_way_to_the_metadata(limit: int) -> None:
    caption = " ".join(f"word{index}" for index in range(60))
    prompt, lost = fit_caption("I:", caption, "- bpm: 84\n", _words, limit)
    assert len(_words(prompt)) == limit
    assert "- bpm: 84\n<|endoftext|>\n" in prompt
    kept = caption[: len(caption) - lost]
    assert f"# Caption\n{kept}\n\n" in prompt


def test_special_tokens_become_plain_text() -> None:
    text = neutralise("a <|endoftext|> b <think>", ["<|endoftext|>", "<think>"])
    assert text == "a < |endoftext|> b < think>"
