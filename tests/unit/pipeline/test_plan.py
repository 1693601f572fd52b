from __future__ import annotations

from acestep_cli.pipeline.plan import DEFAULT_SECONDS, Plan, Wish, plan_of, wish_of
from acestep_cli.request import SongRequest


def planned(request: SongRequest) -> Plan:
    return plan_of(wish_of(request))


def test_what_was_typed_is_the_plan() -> None:
    request = SongRequest(
        caption="folk", lyrics="[verse]\nla", duration=12.0, bpm=90, keyscale="A minor",
        timesignature="3", vocal_language="fr",
    )  # fmt: skip
    assert planned(request).metas == {
        "bpm": 90,
        "duration": 12.0,
        "keyscale": "A minor",
        "timesignature": "3",
        "genres": None,
        "language": "fr",
        "caption": "folk",
        "lyrics": "[verse]\nla",
    }


def test_without_words_to_sing_thirty_seconds() -> None:
    assert planned(SongRequest(caption="folk")).duration == DEFAULT_SECONDS
    assert planned(SongRequest(caption="x", lyrics="[Instrumental]")).duration == DEFAULT_SECONDS


def test_lyrics_decide_the_length() -> None:
    words = "one two three four five six seven eight nine ten " * 20  # 200 words at 2.2 a second
    assert abs(planned(SongRequest(caption="folk", lyrics=words)).duration - 200 / 2.2) < 0.1


def test_codes_decide_the_length_unless_one_is_given() -> None:
    request = SongRequest(caption="folk", audio_codes=((1, 2, 3, 4, 5, 6),))
    assert planned(request).duration == 1.2
    assert planned(request.replace(duration=20.0)).duration == 20


def test_one_list_of_codes_serves_all_items() -> None:
    one = SongRequest(caption="x", audio_codes=((1, 2),))
    assert [wish_of(one, index).audio_codes for index in range(3)] == [(1, 2)] * 3
    two = SongRequest(caption="x", audio_codes=((1, 2), (3,)))
    assert [wish_of(two, index).audio_codes for index in range(3)] == [(1, 2), (3,), ()]


def test_instrumental_has_its_marker() -> None:
    assert planned(SongRequest(caption="folk", instrumental=True)).lyrics == "[Instrumental]"


def test_the_script_of_the_lyrics_decides_the_language() -> None:
    assert planned(SongRequest(caption="x", lyrics="вечер и дождь")).language == "ru"
    assert planned(SongRequest(caption="x", lyrics="evening rain")).language == "en"
    spoken = SongRequest(caption="x", lyrics="evening rain", vocal_language="de")
    assert planned(spoken).language == "de"
    assert plan_of(Wish(lyrics="evening rain", language="unknown")).language == "en"


def test_a_description_and_sample_mode_ask_for_an_invention() -> None:
    assert wish_of(SongRequest(caption="x")).query is None
    assert wish_of(SongRequest(sample_mode=True)).query == ""
    assert wish_of(SongRequest(description=" spring ")).query == "spring"


def test_only_gaps_are_filled() -> None:
    wish = Wish(caption="typed", bpm=90)
    assert wish.filled(caption="other", bpm=120, keyscale="C major") == Wish(
        caption="typed", bpm=90, keyscale="C major"
    )
