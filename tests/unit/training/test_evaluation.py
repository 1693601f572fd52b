"""The table says what was heard: shares, chance, and requests that training never sees."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.test_band import recipe
from training.band.recipes import BANDS, is_withheld
from training.evaluate import main
from training.evaluation import judges, plans, understanding
from training.evaluation.making import Studio
from training.evaluation.references import _reference
from training.evaluation.requests import Asked, draw_bands, draw_songs, draw_with
from training.evaluation.rows import TARGETS, Row, by_style, judged, mean, table_of
from training.evaluation.tracks import levelled, sum_of


def asked(name: str = "one", **fields: object) -> Asked:
    return Asked(name, recipe(**fields), "rock", "[Instrumental]", 10.0, 1)


def same_bpm(bpm: float, own: Asked) -> bool:
    return bpm == own.recipe.bpm


def test_chance_is_every_sound_held_against_every_other_request() -> None:
    requests = [asked(bpm=bpm) for bpm in (90, 90, 120)]
    row = judged("tempo", same_bpm, [90, 80, 120], [90, 90, 120], requests)
    assert row.made == pytest.approx(2 / 3)
    assert row.shuffled == pytest.approx(1 / 6)
    assert row.band == 1
    assert row.count == 3
    assert judged("tempo", same_bpm, [90], [90], requests[:1], shuffle=False).shuffled is None


def test_each_style_has_a_row_of_its_own_songs() -> None:
    requests = [asked(style="rock", bpm=90), asked(style="folk", bpm=90), asked(bpm=100)]
    rows = by_style("tempo", same_bpm, [90, 80, 100], [90, 90, 100], requests)
    assert [(row.measure.strip(), row.made, row.count) for row in rows] == [
        ("tempo, folk", 0, 1),
        ("tempo, rock", 1, 2),
    ]


def test_the_table_shows_targets_units_and_what_is_missing() -> None:
    rows = [Row("key right", 0.5, None, 1.0, 4), Row("extract", -1.25, 3.0, None, 2, "dB")]
    head, key, extract = table_of(rows).splitlines()
    assert head.split("|")[4].strip() == "target"
    assert [cell.strip() for cell in key.split("|")] == [
        "key right",
        "0.50",
        "-",
        "1.00",
        "0.70",
        "4",
    ]
    assert [cell.strip() for cell in extract.split("|")][1:4] == ["-1.2 dB", "3.0 dB", "-"]
    assert len({len(line) for line in (head, key, extract)}) == 1


def test_figures_are_json_without_infinities() -> None:
    told = Row("clean", math.inf, -math.inf, math.nan).as_dict()
    assert (told["made"], told["shuffled"], told["band"]) == (None, None, None)
    assert told["target"] == TARGETS["clean"]
    json.dumps(told, allow_nan=False)


def test_nothing_has_no_mean() -> None:
    assert mean([]) is None
    assert mean([True, False]) == 0.5


def test_requests_are_withheld_from_training_and_the_same_every_time() -> None:
    songs = draw_songs(8, 10.0)
    assert songs == draw_songs(8, 10.0)
    assert all(is_withheld(own.recipe) for own in songs)
    assert len({own.seed for own in songs}) == 8
    assert {own.seconds for own in songs} == {10.0, 10.37}
    tracks = draw_with("extract", ("drums", "keys"), 3, 10.0)
    assert all(own.recipe.parts == ("drums", "keys") for own in tracks)


def test_every_named_band_is_asked_for_as_often() -> None:
    bands = draw_bands(2, 10.0)
    assert set(bands) == set(BANDS)
    for name, group in bands.items():
        assert [own.recipe.parts for own in group] == [BANDS[name]] * 2


def test_a_reference_has_the_parts_and_neither_the_tempo_nor_the_key() -> None:
    own = asked(bpm=100, root=3, parts=("bass", "pad"))
    other = _reference(own)
    assert other.recipe.parts == own.recipe.parts
    assert (other.recipe.bpm, other.recipe.root) == (145, 8)
    assert other.seed != own.seed


def test_verdicts() -> None:
    own = asked(bpm=100, root=9, mode="minor")
    assert judges.in_time(103, own)
    assert not judges.in_time(105, own)
    assert judges.octave_apart(50, own)
    assert judges.in_key("A minor", own)
    assert judges.in_relative_key("C major", own)
    assert judges.is_exact(480_000, own)
    assert not judges.is_exact(480_001, own)


def test_words_stand_with_styles_that_can_have_them() -> None:
    wishes = plans._wishes({"in 6/8": "6", "waltz": "3"}, 3)
    assert len(wishes) == 6
    assert all(wish.caption.endswith((", in 6/8", ", waltz")) for wish in wishes)
    assert not any("house" in wish.caption for wish in wishes)
    assert plans._wishes({"fast": "fast"}, 1)[0].caption.startswith("fast ")


def test_processes_know_of_their_one_core_before_they_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    studio = Studio(tmp_path, None, 2)
    assert set(studio.spread(os.getenv, ["OMP_NUM_THREADS"] * 4)) == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert set(studio.spread(os.getenv, ["OMP_NUM_THREADS"] * 2)) == {"1"}
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("bpm", [60, 90, 119, 120, 121, 180])
def test_a_reference_has_another_tempo(bpm: int) -> None:
    (asked,) = draw_with("reference-0", ("drums",), 1, 10.0)
    own = replace(asked, recipe=replace(asked.recipe, bpm=bpm))
    other = _reference(own).recipe.bpm
    assert 60 <= other <= 180
    assert abs(other / bpm - 1) > 0.2


def test_plans_are_read_from_the_latest_record(tmp_path: Path) -> None:
    for name, bpm in (("1.json", 90), ("2.json", 150)):
        metas = {"bpm": bpm, "keyscale": "D minor", "timesignature": "3"}
        (tmp_path / name).write_text(json.dumps({"items": [{"metas": metas}]}), "utf-8")
    found = plans._item(tmp_path)["metas"]
    assert plans._speed(found) == "fast"
    assert plans._speed({"bpm": None}) == "slow"
    assert plans._mode(found) == "minor"
    assert plans._meter(found) == "3"
    assert plans._key(found) == "D minor"


def test_a_mix_leaves_its_parts_alone_and_silence_stays_silent() -> None:
    parts = {name: np.full((2, 4), value, np.float32) for name, value in (("a", 1.0), ("b", 2.0))}
    assert sum_of(parts, ("a", "b")).max() == 3
    assert parts["a"].max() == 1
    assert levelled(parts["b"]).max() == pytest.approx(0.89)
    assert not levelled(0 * parts["a"]).any()


def test_a_failure_of_the_command_line_says_why(tmp_path: Path) -> None:
    studio = Studio(tmp_path, None, 1)
    with pytest.raises(RuntimeError, match="no-such-option"):
        studio.make([("generate", "rock", "--no-such-option")])


def test_what_a_command_says_comes_back(tmp_path: Path) -> None:
    codes = "<|audio_code_7|><|audio_code_8|>"
    words = ("understand", codes, "--codes", "--quiet")
    assert Studio(tmp_path, None, 1).make([words]) == [f"{codes}\n"]
    assert [path for path in tmp_path.iterdir() if path.name.startswith("told")] == []


def test_what_is_told_of_a_song_is_right_or_wrong() -> None:
    own = asked(bpm=100, root=9, mode="minor", meter=3)
    told = {"bpm": 102, "keyscale": "A minor", "timesignature": "3"}
    judges_of_it = (understanding._has_key, understanding._has_meter, understanding._has_tempo)
    assert [judge(told, own) for judge in judges_of_it] == [True] * 3
    other = {"bpm": None, "keyscale": "C major", "timesignature": None}
    assert [judge(other, own) for judge in judges_of_it] == [False] * 3


def test_where_the_band_was_not_asked_it_has_no_share() -> None:
    assert judged("tempo", same_bpm, [90], None, [asked(bpm=90)]).band is None


def test_requests_are_what_is_typed() -> None:
    own = replace(asked(bpm=100, root=9, mode="minor"), lyrics="[verse]\nla")
    words = own.words()
    assert words[words.index("--bpm") + 1] == "100"
    assert words[words.index("--key") + 1] == "A minor"
    assert words[words.index("--lyrics") + 1] == "[verse]\nla"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seconds", "-3"), "-3 is not within 5 to 120"),
        (("--seconds", "nan"), "nan is not within 5 to 120"),
        (("--seconds", "long"), "long is not within 5 to 120"),
        (("--requests", "0"), "0 is no whole number of at least 1"),
        (("--checkpoints", "nowhere"), "nowhere holds no whole set"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
