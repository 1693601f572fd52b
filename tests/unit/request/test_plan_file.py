from __future__ import annotations

import json

import pytest

from acestep_cli.errors import InputError, UsageError
from acestep_cli.request import BY_NAME
from acestep_cli.request.plan_file import PlanItem, read_plan
from acestep_cli.request.values import read_value


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


@pytest.mark.parametrize("codes", [[1, 2], "1,2", ["1,2"], [[1, 2]]])
def test_numbers_and_text_are_the_codes_of_one_song(codes: object) -> None:
    given = read({"caption": "x", "codes": codes})[0].values["audio_codes"]
    assert read_value(BY_NAME["audio_codes"], given) == {"audio_codes": ((1, 2),)}


def test_what_json_prints_is_read_as_what_it_tells_of() -> None:
    item = {"caption": "x", "bpm": 90, "seed": 7}
    bare = read(item)
    assert read({"schema": "acestep.result/1", "ok": True, "data": item, "error": None}) == bare
    record = {"job_id": "x", "request": {"bpm": 3}, "items": [item]}
    assert read({"ok": True, "data": record}) == bare


def test_a_fault_names_its_song() -> None:
    with pytest.raises(UsageError) as caught:
        read({"items": [{"caption": "x"}, {"caption": "y", "bpm": 9, "duration": 0.1}]})
    assert caught.value.message == (
        "song 2 of plan.json: bpm 9 is not within 30 to 300. "
        "song 2 of plan.json: duration 0.1 is not within 1 to 600"
    )


def test_the_same_value_twice_is_one_value() -> None:
    assert read({"metas": {"bpm": 90}, "bpm": 90, "caption": "x"}) == read(
        {"bpm": 90, "caption": "x"}
    )


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
        ('{"metas": []}', "not an object"),
        ('{"bpm": 90, "bpm": 91}', "gives 'bpm' twice, as 90 and 91"),
        ('{"metas": {"bpm": 90}, "bpm": 91}', "gives bpm twice, as 90 and 91"),
        ('{"key": "Am", "keyscale": "C"}', "gives keyscale twice"),
        ('{"items": [{"caption": "x"}], "bpm": 91}', "'bpm' beside its songs"),
        ('{"caption": "x", "bpm": 1' + "0" * 5000 + "}", "too many digits"),
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
