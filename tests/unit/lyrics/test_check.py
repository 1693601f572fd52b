"""The check of lyrics finds what is wrong with them, and leaves what is right alone."""

from __future__ import annotations

import pytest

from acestep_cli.lyrics import Finding, check_lyrics, fitting_durations
from acestep_cli.lyrics.length import density_warning

GOOD = """[Intro - soft piano]

[Verse 1]
The rain has a story for every small roof
(ooh, ooh)
It tips down the gutter on soft silver hoof

[Pre-Chorus]
Hold on, hold on

[Chorus]
Sing me to sleep, sing me to sleep
A, B, C and a harbour of sheep

[Guitar Solo]

[Bridge]
The bridge over the water is solo tonight

[Female Vocal]
Sing me

[Outro] Sing me
"""


def codes(text: str, duration: float | None = None, language: str | None = None) -> list[str]:
    return [found.code for found in check_lyrics(text, duration, language)]


def only(text: str) -> Finding:
    (found,) = check_lyrics(text)
    return found


@pytest.mark.parametrize("text", ["", " \n", "[Instrumental]", " [inst]\n", GOOD])
def test_nothing_to_find(text: str) -> None:
    assert check_lyrics(text) == []


def test_findings_come_by_line() -> None:
    text = "la\n[Vers 2]\nChorus:\nla la\n[Bridge]"
    assert [found.line for found in check_lyrics(text * 40, 10)] == sorted(
        found.line for found in check_lyrics(text * 40, 10)
    )
    assert check_lyrics(text)[0] == Finding(
        2, "unknown_tag", "'[Vers 2]' is no tag that the model knows; did you mean [Verse 2]?"
    )


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        ("Verse 1:", "[Verse 1]"), ("  CHORUS", "[Chorus]"), ("(Bridge)", "[Bridge]"),
        ("**Chorus**", "[Chorus]"), ("## Verse 2", "[Verse 2]"), ("{Outro}", "[Outro]"),
        ("<verse>", "[Verse]"), ("--- Intro ---", "[Intro]"), ("Chorus x2:", "[Chorus]"),
        ("Pre Chorus:", "[Pre chorus]"), ("Verse 1: I walk", "[Verse 1]"),
        ("Instrumental", "[Instrumental]"), ("Estribillo:", "[Chorus]"),
        ("Strophe 2:", "[Verse 2]"), ("(Припев)", "[Chorus]"), ("2절:", "[Verse 2]"),
        ("副歌：", "[Chorus]"), ("【主歌】", "[Verse]"), ("サビ：", "[Chorus]"),
    ],
)  # fmt: skip
def test_headings_that_would_be_sung(line: str, tag: str) -> None:
    found = only(f"[Verse]\nla\n{line}\nla")
    assert (found.line, found.code) == (3, "plain_section")
    assert found.message.endswith(f"write {tag}")


@pytest.mark.parametrize(
    "line",
    ["The verse is mine", "estribillo", "My chorus of birds", "Bridge over water", "Hook me up",
     "Verse: ", "(oh, pont)", "I said: la"],
)  # fmt: skip
def test_lines_that_only_look_like_headings(line: str) -> None:
    assert codes(f"[Verse]\n{line}") == (["plain_section"] if line == "Verse: " else [])


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("Vers 1", "[Verse 1]"), ("corus", "[Chorus]"), ("Brigde", "[Bridge]"),
        ("prechorus", "[Pre-Chorus]"), ("Intrumental", "[Instrumental]"), ("主歌", "[Verse]"),
        ("Coro 2", "[Chorus 2]"), ("Cメロ", "[Bridge]"), ("1절", "[Verse 1]"), ("wobble", ""),
        ("42", ""),
    ],
)  # fmt: skip
def test_unknown_tags(tag: str, meant: str) -> None:
    found = only(f"[{tag}]\nla")
    assert (found.line, found.code) == (1, "unknown_tag")
    assert (f"did you mean {meant}?" if meant else "try [Verse]") in found.message


@pytest.mark.parametrize(
    "tag", ["Verse 3", "CHORUS - all", "Rap Verse", "spoken word", "fade out", "Build-up", "laughs",
            "Choir", "Ad-libs", "drum fill", "Pre Chorus"],
)  # fmt: skip
def test_known_tags(tag: str) -> None:
    assert codes(f"[{tag}]\nla") == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("[Bridge", "open_bracket"), ("la]", "open_bracket"), ("[]", "open_bracket"),
        (f"[{'x' * 81}]", "open_bracket"), ("la [Chorus] la", "tag_within_line"),
        ("la la (x2)", "repeat_mark"), ("la la 3x", "repeat_mark"), ("[x2]", "repeat_mark"),
        ("[Chorus x2] la", None), ("la (repeat until it fades)", "repeat_mark"),
        ("la ×2", "repeat_mark"), ("2x4 timber", None),
        ("[Am]la [G7]la", "chords"), ("Am  G  C/E", "chords"),
        ("| G | C |", "chords"), ("A B C D", None), ("Am I", None),
        ("[00:12.30] la", "time_stamps"), ("[ar:Nobody]", "time_stamps"),
        ("00:00:01,000 --> 00:00:02,000", "time_stamps"),
        ("Title: Rain", "credits"), ("Lyrics by: me", "credits"), ("© 2020 me", "credits"),
        ("BPM: 120", "credits"), ("My key: lost", None), ("cafÃ©", "garbled"),
        ("na\ufffdve", "garbled"), ("Ãlle", None), ("la\u200bla", "hidden_sign"),
        ("la\x1b[0m", "hidden_sign"), ("می\u200cخواهم", None), ("la\tla", None),
        ("word " * 21, None), ("word " * 22, "long_line"), ("夜" * 36, None),
        ("夜" * 37, "long_line"),
    ],
)  # fmt: skip
def test_single_lines(line: str, code: str | None) -> None:
    found = codes(f"[Verse]\nla\n{line}\nla")
    assert (code in found) if code else (found == []), found


def test_a_known_tag_that_is_to_be_repeated() -> None:
    assert codes("[Chorus x2]\nla") == ["repeat_mark"]


def test_time_stamps_and_chords_are_told_once() -> None:
    assert codes("[00:01.00] la\n[00:02.00] la\n[Am] la\n[G] la") == ["time_stamps", "chords"]


def test_hidden_characters_are_named() -> None:
    assert "U+200B" in only("la\u200bla").message
    assert "\x1b" not in "".join(found.message for found in check_lyrics("[\x1b[31m"))


def test_sections_without_words_and_with_too_many() -> None:
    text = (
        "[Verse]\nla\n[Chorus]\n\n[Solo]\n[Interlude]\n[Guitar Solo]\noh no\n[Break]\nhey\n[Hook]"
    )
    found = check_lyrics(text)
    assert [(one.line, one.code) for one in found] == [
        (3, "empty_section"), (7, "words_in_solo"), (11, "empty_section"),
    ]  # fmt: skip
    assert "'[Chorus]'" in found[0].message


def test_lyrics_without_form() -> None:
    assert codes("la la\n\n" * 8) == []
    assert codes("la la\n\n" * 9) == ["no_tags"]
    assert codes("[Verse]\n" + "la la\n" * 9) == []
    assert codes("♪ ♪ 12") == ["no_words"]


@pytest.mark.parametrize(
    ("words", "language", "fits"),
    [
        ("the quick brown fox jumps over", "ja", False),
        ("the quick brown fox jumps over", "fi", True),
        ("夜空の星が光る夜空の星が光る夜空の星が光る", "zh", False),
        ("夜空の星が光る夜空の星が光る夜空の星が光る", "ja", True),
        ("съешь ещё этих мягких булок", "bg", True), ("съешь ещё этих мягких булок", "en", False),
        ("short words", "ja", True), ("the quick brown fox jumps over", "unknown", True),
        ("the quick brown fox jumps over", None, True),
    ],
)  # fmt: skip
def test_letters_of_another_language(words: str, language: str | None, fits: bool) -> None:
    assert codes(words, None, language) == ([] if fits else ["other_script"])


def test_density_is_found_when_the_duration_is_known() -> None:
    crowd = "la la la la la\n" * 50
    assert "dense_lyrics" not in codes(crowd)
    (found,) = [one for one in check_lyrics(crowd, 60.0) if one.code == "dense_lyrics"]
    assert found.line == 0
    assert "250 words in 60 s (4.2 a second)" in found.message
    assert "sparse_lyrics" in codes("la la la", 120.0)


def test_long_words_take_longer() -> None:
    text = "sana " * 150
    assert density_warning(text, 60.0) is None
    assert density_warning(text, 60.0, "vi") is None
    warned = density_warning(text, 60.0, "fi")
    assert warned is not None and warned[0] == "dense_lyrics" and "1.9 a second" in warned[1]
    russian = density_warning("слово " * 150, 60.0)
    assert russian is not None and "2.2 a second" in russian[1]


def test_fitting_durations_are_the_borders_of_the_warning() -> None:
    for text, language in (("la " * 130, "en"), ("sana " * 100, "fi"), ("夜" * 300, "ja")):
        fitting = fitting_durations(text, language)
        assert fitting is not None
        shortest, longest = fitting
        assert density_warning(text, shortest, language) is None
        assert density_warning(text, longest, language) is None
        dense, sparse = (density_warning(text, n, language) for n in (shortest - 1, longest + 1))
        assert dense is not None and dense[0] == "dense_lyrics"
        assert sparse is not None and sparse[0] == "sparse_lyrics"
    assert fitting_durations("[Instrumental]") is None
    assert fitting_durations("la " * 3) == (1, 60)
    assert fitting_durations("la " * 5000) is None


@pytest.mark.parametrize(
    "text",
    ["verse" + " " * 19_000 + "!", "(repeat" * 2800, "*" * 20_000, "[" * 20_000, "Am " * 6600,
     "[a]" * 6600, "x" * 20_000, "(" * 20_000 + ")", "\n" * 20_000, "[qzx] la\n" * 2200],
)  # fmt: skip
def test_hostile_text_is_searched_once(text: str) -> None:
    # A search that tries every pair of places would not come back for minutes.
    assert len(check_lyrics(text, 60.0)) <= 3 * len(text.splitlines())
