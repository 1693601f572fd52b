from __future__ import annotations

from acestep_cli.pipeline.plan import DEFAULT_SECONDS, plan_from_request
from acestep_cli.request import SongRequest


def test_what_was_typed_is_the_plan() -> None:
    request = SongRequest(
        caption="folk", lyrics="[verse]\nla", duration=12.0, bpm=90, keyscale="A minor",
        timesignature="3", vocal_language="fr",
    )  # fmt: skip
    plan = plan_from_request(request)
    assert plan.metas == {
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
    assert plan_from_request(SongRequest(caption="folk")).duration == DEFAULT_SECONDS
    lyrics = "[Instrumental]"
    assert plan_from_request(SongRequest(caption="x", lyrics=lyrics)).duration == DEFAULT_SECONDS


def test_lyrics_decide_the_length() -> None:
    words = "one two three four five six seven eight nine ten " * 20  # 200 words at 2.2 a second
    plan = plan_from_request(SongRequest(caption="folk", lyrics=words))
    assert abs(plan.duration - 200 / 2.2) < 0.1


def test_instrumental_has_its_marker() -> None:
    plan = plan_from_request(SongRequest(caption="folk", instrumental=True))
    assert plan.lyrics == "[Instrumental]"


def test_the_script_of_the_lyrics_decides_the_language() -> None:
    assert plan_from_request(SongRequest(caption="x", lyrics="вечер и дождь")).language == "ru"
    assert plan_from_request(SongRequest(caption="x", lyrics="evening rain")).language == "en"
    spoken = SongRequest(caption="x", lyrics="evening rain", vocal_language="de")
    assert plan_from_request(spoken).language == "de"
