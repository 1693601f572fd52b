from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acestep_cli.pipeline.metadata_hints import hints
from acestep_cli.request.languages import LANGUAGES, NAMES


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a soft Bengali love song for a quiet evening", "bn"), ("sung in Japanese", "ja"),
        ("日本語の歌", "ja"), ("한국어로 부르는 발라드", "ko"), ("中文歌曲", "zh"),
        ("canción en español", "es"), ("русский рок", "ru"), ("tiếng Việt", "vi"),
        ("a Cantonese ballad", "yue"), ("haitian creole song", "ht"), ("ITALIANO", "it"),
        ("language: ja", "ja"), ("Language=DE", "de"), ("a Polish folk dance", "pl"),
        ("polish lyrics", "pl"), ("Gregorian chant in Latin.", "la"), ("Latin lyrics", "la"),
        # the voice before a name in passing, else the first in the text
        ("a French house track sung in English", "en"), ("Korean drums, German vocals", "de"),
        ("mandarin or thai", "zh"), ("thai or mandarin", "th"),
    ],
)  # fmt: skip
def test_language(text: str, language: str) -> None:
    assert hints(text) == (language, False)


@pytest.mark.parametrize(
    "text",
    [
        "play it loud", "hi there", "show id", "in it", "in la la land", "a de luxe mix",
        "French horn and strings", "Spanish guitar", "polish the mix", "latin jazz",
        "Latina singer", "language: xx", "frenchy", "unknown", "auto", "ſpaniſh", "", "\0",
    ],
)  # fmt: skip
def test_no_language(text: str) -> None:
    assert hints(text) == (None, False)


@pytest.mark.parametrize(
    "text",
    [
        "an Instrumental", "lofi instrumental, rain", "pure music", "pure instruments",
        "piano solo", "solo", "techno without any vocals", "no singing", "纯音乐",
    ],
)  # fmt: skip
def test_no_voice(text: str) -> None:
    assert hints(text) == (None, True)


@pytest.mark.parametrize(
    "text",
    [
        "a song with an instrumental break", "non-instrumental", "not instrumental",
        "rock with a long guitar solo", "soloist", "instrumentalists", "no drums",
    ],
)  # fmt: skip
def test_a_voice(text: str) -> None:
    assert hints(text) == (None, False)


@pytest.mark.parametrize("name", [names[0] for code, names in NAMES.items() if code != "unknown"])
def test_every_language_can_be_asked_for(name: str) -> None:
    code = next(code for code, names in NAMES.items() if names[0] == name)
    assert hints(f"sung in {name.title()}.") == (code, False)


@given(st.one_of(st.text(), st.lists(st.sampled_from(sum(NAMES.values(), ()))).map(" in ".join)))
def test_no_text_is_too_odd(text: str) -> None:
    language, _ = hints(text)
    assert language is None or language in LANGUAGES
