from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from acestep_cli.pipeline.metadata import parse_output
from acestep_cli.pipeline.metadata_text import one_line, unquoted, without_special

BOMB = "a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\ncaption: *c"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("<think>\nbpm: 92\ncaption: calm\n</think>", {"bpm": "92", "caption": "calm"}),
        ("<think>\ntimesignature: 4\n<|im_end|>", {"timesignature": "4"}),
        ("bpm: 90\nlanguage: en", {"bpm": "90", "language": "en"}),
        ("bpm: 90\n</think>\nlanguage: en", {"bpm": "90"}),
        ("<reasoning>\nbpm: 61\n</reasoning>", {"bpm": "61"}),
        # quotes and folds
        ("caption: 'A ballad: slow'", {"caption": "A ballad: slow"}),
        ("caption: 'it''s\n  two lines'", {"caption": "it's two lines"}),
        ('caption: "it\\u0027s \\\n  \\ wide"', {"caption": "it's  wide"}),
        ('caption: "tab\\tbell\\a\\x21 \\UFFFFFFFF"', {"caption": "tab bell! \\UFFFFFFFF"}),
        ('caption: "\\ud83c\\udfb9 \\ud800"', {"caption": "🎹 \ufffd"}),
        ("caption: first line\n  second\n\tthird", {"caption": "first line second third"}),
        ("caption: >-\n  folded\n  text", {"caption": "folded text"}),
        ("language: 'no'\nbpm: '120'", {"language": "no", "bpm": "120"}),
        ("caption: 'tis late", {"caption": "'tis late"}),
        ("caption: 'one' and 'two'", {"caption": "'one' and 'two'"}),
        ("caption: '", {"caption": "'"}),
        # marks of the model
        ("caption: Hm<|im_end|>", {"caption": "Hm"}),
        ("caption: 'Hm'<|im_end|>\n<|endoftext|>", {"caption": "Hm"}),
        ("caption: a <|audio_code_65000|>b", {"caption": "a b"}),
        ("genres: <|audio_code_48165|>", {}),
        ("caption: soft\n  <b>bold</b> end", {"caption": "soft <b>bold</b> end"}),
        # no field from anywhere else
        ("<think>\n\n</think>\n# Lyric\nbpm: 55", {}),
        ("<think>\nbpm: 1\n# Lyrics\nduration: 30", {"bpm": "1"}),
        ("<think>\nmood: happy\n  more\nbpm: 77\n</think>", {"bpm": "77"}),
        ("bpm: 60\nbpm: 61\nbpm:", {"bpm": "61"}),
        ("<think>\r\nbpm: 70\r\n</think>", {"bpm": "70"}),
        # nothing runs, refers or grows
        ("caption: !!python/object/apply:os.system ['x']",
         {"caption": "!!python/object/apply:os.system ['x']"}),
        (BOMB, {"caption": "*c"}),
        ("", {}),
    ],
)  # fmt: skip
def test_fields(text: str, fields: dict[str, str]) -> None:
    assert parse_output(text).fields == fields


@pytest.mark.parametrize(
    ("text", "lyrics"),
    [
        ("</think>\n# Lyric\n[Verse]\nla\n<|im_end|>", "[Verse]\nla"),
        ("</think># Lyrics\nla", "la"), ("</think>\n## lyrics:\r\nla\r\nle", "la\nle"),
        ("</think>\nlyrical words", "lyrical words"),
        ("</think>\n# Lyrics of love", "# Lyrics of love"),
        ("</think>\n# minor\n[verse]\nsa la", "[verse]\nsa la"), ("</think>\n#1 hit", "#1 hit"),
        ("</think>\nla\n# minor", "la\n# minor"),
        ("</think> a </think> b<|im_end|>  ", "a  b"),
        ("</think>\n# Lyric\n[Verse 2]\n<|audio_code_65098|>la<|audio_code_5|>", "[Verse 2]\nla"),
        ("</think>\n<|audio_code_64505|>", ""), ("</think>\nla\x07 la\x1b[0m", "la la[0m"),
        ("<think>\nbpm: 1\n# Lyric\nla", "la"), ("no tag", ""), ("", ""),
    ],
)  # fmt: skip
def test_lyrics(text: str, lyrics: str) -> None:
    assert parse_output(text).lyrics == lyrics


def test_codes_of_the_model_only() -> None:
    text = "<|audio_code_5|> x <|audio_code_64000|><|audio_code_-1|><|audio_code_63999|>"
    assert parse_output(text).audio_codes == "<|audio_code_5|><|audio_code_63999|>"


def test_the_original_keeps_quotes_marks_and_headers() -> None:
    text = "<think>\ncaption: 'a: b'<|im_end|>\nbpm: 9\n</think>\n# Lyrics\nla"
    output = parse_output(text, upstream=True)
    assert output.fields == {"caption": "'a: b'<|im_end|>", "bpm": 9}
    assert output.lyrics == "# Lyrics\nla"


PIECES = st.sampled_from(
    (
        "<think>", "</think>", "<reasoning>", "</reasoning>", "\n", "  ", "bpm:", "caption: ",
        "duration: 9", "# Lyric\n", "'", '"', "\\", "\\u12", "|\n", ">", "<|im_end|>",
        "<|audio_code_7|>", "<|audio_code_", ":", "9" * 5000, "\ud800", "\r", "\x85", "é",
        '\nkeyscale: "', "\\x0", '"\n',
    )
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)), st.booleans())
@example('caption: "\\UFFFFFFFF"', False)  # beyond the last character
def test_no_text_is_too_odd(text: str, upstream: bool) -> None:
    output = parse_output(text, upstream=upstream)
    if not upstream:
        for value in [*output.fields.values(), *output.lyrics.split("\n")]:
            assert isinstance(value, str)
            value.encode()
            assert value.isprintable() or not any(ord(char) < 32 for char in value.expandtabs())


@given(st.text(), st.sampled_from(("", "'", '"', "\\", "\n  ")))
def test_cleaning_twice_changes_nothing(text: str, piece: str) -> None:
    once = one_line(text + piece + text)
    assert one_line(once) == once


@given(st.text(alphabet=" abc\n"))
def test_plain_text_is_only_unfolded(text: str) -> None:
    assert one_line(unquoted(text)) == one_line(text)


@given(st.text(alphabet="ab '\"\\:#\n\té🌧", max_size=200), st.sampled_from((None, "'", '"')))
def test_a_value_is_what_the_library_reads(text: str, style: str | None) -> None:
    dumped = yaml.safe_dump(text, default_style=style, allow_unicode=True)
    assert unquoted(dumped.removesuffix("...\n")) == text


def test_only_whole_marks_go() -> None:
    assert without_special("a<|x|>b<|y z|><think> </think><|") == "ab<|y z|> <|"
