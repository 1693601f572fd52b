from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from acestep_cli.pipeline.metadata import (
    Entry,
    Metadata,
    Reading,
    code_budget,
    cot_text,
    forced_fields,
    parse_output,
    read_metadata,
    scalar_text,
)
from acestep_cli.pipeline.metadata_text import one_line, without_special
from acestep_cli.request.languages import LANGUAGES
from acestep_cli.request.music import KEYSCALES, TIME_SIGNATURES

WHOLE = Metadata(
    bpm=92, caption="A ballad: slow", duration=30.5, genres="pop", keyscale="F# minor",
    language="no", timesignature="3", lyrics="la",
)  # fmt: skip

# Text that YAML has to protect, beside anything at all.
AWKWARD = st.sampled_from(
    (
        " ", "  ", "\n", "\t", ": ", " #", "'", '"', "\\", "- ", "?", "&a", "*a",
        "!!python/name:os",
        "{", "[", "|", ">", "---", "%", "@", "`", "word", "longerword", "🎹", "静かな", "é", "\x07",
        "\x1b[31m", "\x85", "\u2028", "\ufeff", "no", "null", "1:30", "0x1F", "~", "bpm: 3", "<b>",
        "# Lyric", "\r",
    )
)  # fmt: skip
CAPTIONS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(AWKWARD, max_size=60).map("".join),
    st.lists(st.sampled_from(("piano", "ein Klavier,", "it's", "drums:", "a")), min_size=20).map(
        " ".join
    ),
).map(without_special)
METADATA = st.builds(
    Metadata,
    bpm=st.none() | st.integers(30, 300),
    caption=st.none() | CAPTIONS,
    duration=st.none() | st.integers(1, 600),
    keyscale=st.none() | st.sampled_from(KEYSCALES),
    language=st.none() | st.sampled_from(LANGUAGES),
    timesignature=st.none() | st.sampled_from(TIME_SIGNATURES),
)


def as_read(caption: str | None) -> str | None:
    """A caption after its way through the text: on one line, digits alone as a number."""
    line = one_line(caption or "")
    if caption and caption.isdecimal():
        line = str(int(caption))
    return line if line.lower() not in ("", "n/a") else None


def test_known_values_in_their_order() -> None:
    assert cot_text(WHOLE) == (
        "<think>\nbpm: 92\ncaption: 'A ballad: slow'\nduration: 30\nkeyscale: F# minor\n"
        "language: 'no'\ntimesignature: 3\n</think>"
    )


def test_nothing_known_is_an_empty_thought() -> None:
    assert cot_text(Metadata(genres="pop", lyrics="la")) == "<think>\n\n</think>"


def test_a_mapping_is_written_as_it_is() -> None:
    fields = {"bpm": "98", "timesignature": "6/8", "caption": "007", "genres": "x", "language": ""}
    assert cot_text(fields) == (
        "<think>\nbpm: 98\ncaption: 7\nlanguage: ''\ntimesignature: 6/8\n</think>"
    )


def test_digits_without_end_stay_text() -> None:
    assert f"'{'9' * 5000}'" in cot_text({"caption": "9" * 5000})


@given(METADATA)
def test_the_text_is_what_the_library_dumps(metadata: Metadata) -> None:
    fields: dict[str, Any] = {
        name: getattr(metadata, name)
        for name in ("bpm", "caption", "duration", "keyscale", "language", "timesignature")
        if getattr(metadata, name) is not None
    }
    fields = {
        name: int(value) if isinstance(value, str) and value.isdecimal() else value
        for name, value in fields.items()
    }
    body = yaml.dump(fields, allow_unicode=True, sort_keys=True).strip() if fields else ""
    assert cot_text(metadata) == f"<think>\n{body}\n</think>"


@given(METADATA, st.sampled_from(("", "\n\n# Lyric\nla", "<|im_end|>", "\n\n<|audio_code_5|>")))
@example(Metadata(caption='\'tis a "test": \\ #1'), "")
@example(Metadata(caption="a" * 4000), "")
@example(Metadata(caption="word " * 800), "")
@example(Metadata(caption="two\n\nlines \n more"), "")
@example(Metadata(caption="tab\tand \x1b[31mred"), "")
def test_what_is_written_is_read_again(metadata: Metadata, rest: str) -> None:
    output = parse_output(cot_text(metadata) + rest)
    read = read_metadata(output.fields)
    assert read.dropped == ()
    for name in ("bpm", "duration", "keyscale", "language", "timesignature"):
        assert getattr(read.metadata, name) == getattr(metadata, name)
    assert read.metadata.caption == as_read(metadata.caption)
    assert output.lyrics == ("la" if "la" in rest else "")


@given(CAPTIONS)
@example("\xa0")
def test_a_scalar_is_what_stands_in_the_text(caption: str) -> None:
    text = cot_text({"caption": caption, "duration": 9})
    assert text == f"<think>\ncaption: {scalar_text('caption', caption)}\nduration: 9\n</think>"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bpm": "120 bpm"}, Metadata(bpm=120)),
        ({"bpm": 120.0}, Metadata(bpm=120)),
        ({"duration": "2:30"}, Metadata(duration=150)),
        ({"duration": "30.5"}, Metadata(duration=30.5)),
        ({"duration": -1}, Metadata()),
        ({"keyscale": "c♯ min"}, Metadata(keyscale="C# minor")),
        ({"timesignature": "6/8"}, Metadata(timesignature="6")),
        ({"timesignature": 3}, Metadata(timesignature="3")),
        ({"language": "Norwegian"}, Metadata(language="no")),
        ({"language": "unknown"}, Metadata(language="unknown")),
        ({"vocal_language": "zh-CN"}, Metadata(language="zh")),
        ({"vocal_language": "zh", "language": "ja"}, Metadata(language="ja")),
        ({"caption": " as typed\n"}, Metadata(caption=" as typed\n")),
        ({"lyrics": "[inst]", "genres": "pop"}, Metadata(lyrics="[Instrumental]", genres="pop")),
        ({"bpm": "N/A", "keyscale": " n/a ", "caption": "", "language": None}, Metadata()),
        ({"mood": "happy", "audio_codes": [1]}, Metadata()),
    ],
)  # fmt: skip
def test_values_as_people_and_models_write_them(fields: dict[str, Any], expected: Metadata) -> None:
    assert read_metadata(fields) == Reading(expected)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bpm": "fast"}, ("bpm", "'fast'")), ({"bpm": 500}, ("bpm", "500", "30 to 300")),
        ({"bpm": {}}, ("bpm",)), ({"duration": 601}, ("duration", "601", "600")),
        ({"duration": math.nan}, ("duration",)), ({"keyscale": "H dur"}, ("keyscale", "H dur")),
        ({"timesignature": "7/8"}, ("timesignature", "7/8")), ({"language": "xx"}, ("xx",)),
        ({"genres": ["pop"]}, ("genres", "text")), ({"caption": 5}, ("caption", "5")),
        ({"caption": "a\0b"}, ("caption", "NUL")), ({"lyrics": "\ud800"}, ("lyrics",)),
        ({"caption": "x" * 20_001}, ("caption", "20001")),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_dropped_with_a_reason(
    fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    reading = read_metadata({**fields, "keyscale": fields.get("keyscale", "Am")})
    assert len(reading.dropped) == 1
    assert all(word in reading.dropped[0] for word in words)
    assert all(getattr(reading.metadata, name) is None for name in fields)


def test_the_original_takes_what_it_finds() -> None:
    fields = {"bpm": "500", "duration": "long", "keyscale": "C Major", "language": "N/A"}
    reading = read_metadata(fields, upstream=True)
    assert reading.metadata == Metadata(bpm=500, keyscale="C Major")
    assert reading.dropped == ()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ("bpm", "caption", "duration", "genres", "keyscale", "language", "timesignature",
         "lyrics", "vocal_language", "other")
    ),
    ANYTHING,
)  # fmt: skip


@given(FIELDS, st.booleans())
def test_reading_never_fails(fields: dict[str, Any], upstream: bool) -> None:
    read_metadata(fields, upstream=upstream)


@given(FIELDS)
def test_reading_twice_changes_nothing(fields: dict[str, Any]) -> None:
    once = read_metadata(fields).metadata
    values = {name: getattr(once, name) for name in Metadata.__slots__}
    assert read_metadata(values) == Reading(once)


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("generate", "bpm duration keyscale language timesignature"), ("expand", "language"),
        ("rewrite", "bpm duration keyscale language timesignature"),
        ("draft", "bpm caption duration keyscale language timesignature"),
    ],
)  # fmt: skip
def test_given_values_by_entry(entry: Entry, names: str) -> None:
    assert sorted(forced_fields(entry, WHOLE)) == names.split()
    assert forced_fields(entry, Metadata()) == {}


def test_given_values_are_whole_numbers_and_text() -> None:
    given_values = forced_fields("generate", WHOLE)
    assert given_values["bpm"] == 92 and given_values["timesignature"] == "3"
    assert given_values["duration"] == 30 and isinstance(given_values["duration"], int)


def test_the_original_chooses_the_language_of_a_song_itself() -> None:
    assert "language" not in forced_fields("generate", WHOLE, upstream=True)
    assert "language" in forced_fields("rewrite", WHOLE, upstream=True)


@given(st.floats(0.1, 600))
def test_room_for_all_codes_and_the_end(duration: float) -> None:
    assume(duration > 0)
    assert 5 * duration + 1 <= code_budget(duration) <= 5 * duration + 10
