"""What a free description says about the voice: its language, or that there is none.

The original looks for any of 19 languages by name and by two-letter code, the first of its list
first, so that "play it loud" is Italian (planner facts 5.5). Here a name has to be a whole word, or
written in its own script; codes count only as in `language: ja`; and what is said of the voice goes
before a name in passing.
"""

from __future__ import annotations

import re

from acestep_cli.request.languages import NAMES, UNKNOWN

_SHORTEST = 4
_VOICE = (
    "lyrics?|vocals?|vocalists?|voices?|singers?|singing|songs?|language|words|text|rap|rapping|"
    "choir|chants?|speaking|sung"
)
_STYLES = "horns?|guitars?|house|touch|accents?|flair|feel|vibes?|influences?"
_PARTS = "intro|outro|break|bridge|section|part|passage|interlude|hook|solo|ending|opening"
# Latin names a style; it is a language only where the words are meant.
_STYLE_NAMES = ("latin", "latina")
_LATIN = r"\bin (latin)(?=\W*$|[,.;!?)])|\b(latin) (?:lyrics|language|chants?|text)"
# In small letters mostly the verb.
_VERB, _UNMISTAKABLE = "polish", "polski"

_CODES = {
    name: code
    for code, names in NAMES.items()
    if code != UNKNOWN
    for name in names
    if name not in _STYLE_NAMES and (len(name) >= _SHORTEST or not name.isascii())
}


def _any(names: list[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _is_latin(name: str) -> bool:
    """Whether a name is written in Latin letters, hence with blanks around it."""
    return all(char < "\u0250" or "\u1e00" <= char <= "\u1eff" for char in name)


_LATIN_WORDS = [name for name in _CODES if _is_latin(name)]
_WORDS = _any(_LATIN_WORDS)
_SURE_WORDS = _any([name for name in _LATIN_WORDS if name != _VERB])
_NATIVE = _any([name for name in _CODES if not _is_latin(name)])
_CODE = re.compile(r"\blanguage\s*[:=]\s*([a-z]{2,3})\b")
_SAID = re.compile(
    rf"\bin ({_WORDS})\b(?! (?:{_STYLES})\b)|\b({_WORDS})[ -](?:{_VOICE})\b|{_LATIN}"
)
_NAMED = re.compile(rf"\b(?:{_SURE_WORDS})\b(?! (?:{_STYLES})\b)|{_NATIVE}")

_NO_VOICE = re.compile(
    r"\b(?:no|without(?: any)?) (?:vocals?|voices?|singing|singers?|lyrics|words)\b"
    r"|\bpure (?:music|instrument)|纯音乐|純音樂|器乐|器楽|インスト|연주곡"
)
_INSTRUMENTAL = re.compile(rf"(?<!non[- ])(?<!not )(?<!not an )\binstrumentals?\b(?! (?:{_PARTS}))")
_SOLO = re.compile(r"(?:(?!\b(?:with|featuring|plus|then|and|including)\b).)*\bsolo")


def hints(text: str) -> tuple[str | None, bool]:
    """The language code that `text` asks for, if any, and whether it asks for no voice.

    `in Japanese`, `French lyrics` and `language: ja` go before a name alone (`a Bengali ballad`,
    `日本語の歌`); of several the first in the text counts. A name before an instrument or a style
    (`French horn`, `Spanish guitar`) and the verb in small letters (`polish it`) say nothing. An
    instrumental part, or a song with a solo in it, is no instrumental.
    """
    line = " ".join(text.replace(_VERB.capitalize(), _UNMISTAKABLE).split()).lower()
    silent = _NO_VOICE.search(line) or _INSTRUMENTAL.search(line) or _SOLO.fullmatch(line)
    return _language(line), bool(silent)


def _language(line: str) -> str | None:
    if (code := _CODE.search(line)) and code[1] in NAMES:
        return code[1]
    if said := _SAID.search(line):
        return _CODES.get(next(name for name in said.groups() if name), "la")
    named = _NAMED.search(line)
    return _CODES[named[0]] if named else None
