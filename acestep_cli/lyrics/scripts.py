"""Scripts: which one a text is written in, and which languages are written so."""

from __future__ import annotations

# First code point, last code point, script.
_SCRIPTS = (
    (0x0041, 0x024F, "latin"), (0x1E00, 0x1EFF, "latin"), (0x0370, 0x03FF, "greek"),
    (0x1F00, 0x1FFF, "greek"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x077F, "arabic"), (0x0900, 0x097F, "devanagari"), (0x0980, 0x09FF, "bengali"),
    (0x0A00, 0x0A7F, "gurmukhi"), (0x0B80, 0x0BFF, "tamil"), (0x0C00, 0x0C7F, "telugu"),
    (0x0E00, 0x0E7F, "thai"), (0x1100, 0x11FF, "hangul"), (0xAC00, 0xD7AF, "hangul"),
    (0x3040, 0x30FF, "kana"), (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"),
    (0xF900, 0xFAFF, "han"), (0x20000, 0x2FA1F, "han"), (0xFF66, 0xFF9F, "kana"),
)  # fmt: skip
_LANGUAGE = {
    "greek": "el", "cyrillic": "ru", "hebrew": "he", "arabic": "ar", "devanagari": "hi",
    "bengali": "bn", "gurmukhi": "pa", "tamil": "ta", "telugu": "te", "thai": "th",
    "hangul": "ko", "kana": "ja", "han": "zh", "latin": "en",
}  # fmt: skip
# Letters that only one of the languages of a script uses.
_TELLING = {
    "cyrillic": (("ђјљњћџ", "sr"), ("іїєґ", "uk")),
    "arabic": (("ٹڈڑںے", "ur"), ("پچژگ", "fa")),
}
# Languages that are not written in Latin letters, or not only.
_WRITTEN_IN = {
    **{language: (script,) for script, language in _LANGUAGE.items() if script != "latin"},
    "bg": ("cyrillic",), "uk": ("cyrillic",), "sr": ("cyrillic", "latin"), "fa": ("arabic",),
    "ur": ("arabic",), "ne": ("devanagari",), "sa": ("devanagari", "latin"), "yue": ("han",),
    "ja": ("kana", "han"), "ko": ("hangul", "han"), "pa": ("gurmukhi", "arabic"),
    "az": ("latin", "cyrillic"),
}  # fmt: skip

SYLLABIC = frozenset(("han", "kana", "hangul", "thai"))
# One such character is about as much singing as this many Latin letters.
_SYLLABIC_WEIGHT = 3


def count_scripts(text: str) -> dict[str, int]:
    """The letters of each known script in `text`."""
    counts: dict[str, int] = {}
    for char in text:
        code = ord(char)
        if char.isalpha():
            for first, last, script in _SCRIPTS:
                if first <= code <= last:
                    counts[script] = counts.get(script, 0) + 1
                    break
    return counts


def main_script(text: str) -> str:
    """The script with the most singing in it; empty where there are no letters.

    Chinese characters with kana among them are Japanese: `kana`.
    """
    counts = count_scripts(text)
    if "kana" in counts and counts["kana"] * 10 >= counts.get("han", 0):
        counts["kana"] += counts.pop("han", 0)
    return max(counts, key=lambda script: _weight(script) * counts[script], default="")


def language_of(text: str) -> str:
    """The language code that the script of `text` suggests; `en` for Latin and for no letters."""
    script = main_script(text)
    lowered = text.lower()
    for letters, language in _TELLING.get(script, ()):
        if any(letter in lowered for letter in letters):
            return language
    return _LANGUAGE.get(script, "en")


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts in which songs in `language` are written."""
    return _WRITTEN_IN.get(language, ("latin",))


def _weight(script: str) -> int:
    return _SYLLABIC_WEIGHT if script in SYLLABIC else 1
