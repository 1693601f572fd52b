"""Lyrics: sections, language, length and density."""

from __future__ import annotations

import pytest

from acestep_cli import lyrics


def test_sections() -> None:
    text = (
        "hum\n[Verse 1 - soft] first line\nsecond line\n\n[Guitar Solo]\n[Pre Chorus]\nla [x2] la\n"
    )
    assert lyrics.parse_sections(text) == [
        lyrics.Section("", "", 1, "hum"),
        lyrics.Section("Verse 1 - soft", "verse", 2, "first line\nsecond line"),
        lyrics.Section("Guitar Solo", "solo", 5, ""),
        lyrics.Section("Pre Chorus", "pre-chorus", 6, "la [x2] la"),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "   "])
def test_no_sections(text: str) -> None:
    assert lyrics.parse_sections(text) == []


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("verse", "verse"), ("CHORUS x2", "chorus"), ("Post-Chorus", "post-chorus"),
        ("Intro: piano", "intro"), ("inst", "inst"), ("whispered", ""), ("Verseline", ""),
    ],
)  # fmt: skip
def test_section_names(tag: str, name: str) -> None:
    assert lyrics.parse_sections(f"[{tag}]")[0].name == name


def test_a_bracket_that_never_closes_is_text() -> None:
    assert lyrics.parse_sections("[verse\nla]") == [lyrics.Section("", "", 1, "[verse\nla]")]


@pytest.mark.parametrize(
    ("text", "instrumental"),
    [("[Instrumental]", True), (" [INST]\n", True), ("[Instrumental]\nla", False), ("", False)],
)
def test_instrumental(text: str, instrumental: bool) -> None:
    assert lyrics.is_instrumental(text) is instrumental


def test_plain_section_names() -> None:
    text = "Verse 1:\nI sing\n(Chorus)\nThe bridge: over water\npre-chorus\n[Verse 2]"
    assert lyrics.plain_section_names(text) == [
        (1, "Verse 1:", "[Verse 1]"),
        (3, "(Chorus)", "[Chorus]"),
        (5, "pre-chorus", "[Pre-chorus]"),
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("[Verse]", "en"), ("123 !?", "en"), ("I sing a song", "en"),
        ("夜空の星が光る", "ja"), ("カタカナ", "ja"), ("你好 世界", "zh"), ("我爱你 baby", "zh"),
        ("사랑해요", "ko"), ("사랑해요 너를 baby", "ko"), ("привет мир", "ru"),
        ("Привіт, її світ", "uk"), ("Љубав и ноћ", "sr"), ("مرحبا يا ليل", "ar"),
        ("چطوری عزیزم", "fa"), ("میں ہوں ٹھیک", "ur"), ("שלום", "he"), ("สวัสดี", "th"),
        ("नमस्ते दुनिया", "hi"), ("হ্যালো", "bn"), ("ਸਤ ਸ੍ਰੀ ਅਕਾਲ", "pa"), ("வணக்கம்", "ta"),
        ("నమస్కారం", "te"), ("Γεια σου κόσμε", "el"),
        ("[Verse] only the tag is English\nпривет " + "мир " * 20, "ru"),
    ],
)  # fmt: skip
def test_language(text: str, language: str) -> None:
    assert lyrics.guess_language(text) == language


def test_a_stray_kana_does_not_make_chinese_japanese() -> None:
    assert lyrics.guess_language("我愛你的溫柔和你的一切の夢想" * 2) == "zh"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None), ("[Instrumental]", None), ("[Verse]\n \n", None),
        ("la " * 7, 45), ("la " * 8, 45), ("word " * 220, 100), ("word " * 221, 100),
        ("word " * 4000, 180), ("夜" * 600, 50), ("夜" * 5000, 180),
        ("[Verse]\n" + "word " * 220, 100),
        ("don't " * 220, 100), ("chữ " * 220, 100),
    ],
)  # fmt: skip
def test_duration(text: str, seconds: int | None) -> None:
    assert lyrics.estimate_duration(text) == seconds


def test_eight_latin_words_are_counted_as_words() -> None:
    long_words = "extraordinarily-uncharacteristically " * 8
    assert lyrics.estimate_duration(long_words) == 45
    assert lyrics.estimate_duration(("x" * 100 + " ") * 7) == round(700 / 12)


def test_density() -> None:
    assert lyrics.density("[Verse]\nla la la - 2", 2.0) == lyrics.Density("words", 3, 1.5)
    assert lyrics.density("夜空の星 la", 2.0) == lyrics.Density("syllables", 4, 2.0)


@pytest.mark.parametrize(
    ("text", "duration", "code"),
    [
        ("la " * 500, 60.0, "dense_lyrics"), ("夜" * 500, 60.0, "dense_lyrics"),
        ("la la la", 120.0, "sparse_lyrics"), ("la la la", 30.0, None), ("la " * 130, 60.0, None),
        ("[Instrumental]", 300.0, None), ("", 300.0, None),
    ],
)  # fmt: skip
def test_density_warning(text: str, duration: float, code: str | None) -> None:
    warning = lyrics.density_warning(text, duration)
    assert (warning[0] if warning else None) == code
    if warning:
        assert f"{duration:g} s" in warning[1]
