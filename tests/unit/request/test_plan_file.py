from __future__ import annotations

import json

import pytest

from acestep_cli.errors import InputError
from acestep_cli.request.plan_file import PlanItem, read_plan


def read(plan: object) -> tuple[PlanItem, ...]:
    return read_plan(json.dumps(plan), "plan.json")


def test_a_record_is_a_plan() -> None:
    item = {
        "index": 0,
        "seed": 7,
        "metas": {"bpm": 90, "duration": 12.5, "keyscale": None, "genres": "folk",
                  "language": "de", "caption": "x", "lyrics": ""},
        "lm_metadata": {"bpm": 90},
        "audio_codes": "<|audio_code_5|>",
        "path": "song.mp3",
        "level": {"peak": -1.0},
    }  # fmt: skip
    values = {
        "bpm": 90, "duration": 12.5, "vocal_language": "de", "caption": "x", "seed": 7,
        "audio_codes": "<|audio_code_5|>",
    }  # fmt: skip
    assert read({"job_id": "x", "items": [item, item]}) == (PlanItem(values, "folk"),) * 2


def test_one_item_is_a_plan_too() -> None:
    assert read({"prompt": "x", "Key": "Am"}) == (PlanItem({"caption": "x", "keyscale": "Am"}),)


def test_numbers_are_the_codes_of_one_song() -> None:
    assert read({"caption": "x", "codes": [1, 2]})[0].values["audio_codes"] == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1 is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no JSON object"),
        ("7", "no JSON object"),
        ('{"items": []}', "1 to 8 songs"),
        ('{"items": 3}', "1 to 8 songs"),
        ('{"items": [3]}', "is 3 and not an object"),
        ('{"metas": [1]}', "not an object"),
        ('{"caption": "x", "bmp": 3}', "'bmp', which is no part of a plan"),
        ('{"caption": "x", "inference_steps": 3}', "no part of a plan"),
    ],
)
def test_what_is_no_plan(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_plan(text, "plan.json")


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InputError) as caught:
        read({"captoin": "x"})
    assert "did you mean caption?" in str(caught.value.hint)
