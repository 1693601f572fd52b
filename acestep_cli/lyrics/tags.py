"""Which tags are known, what an unknown one was probably meant to be, and headings without tags."""

from __future__ import annotations

import re
from functools import lru_cache

from acestep_cli.lyrics.sections import SECTION_NAMES, TAG, section_name

# Words that say in a tag who sings or plays, and how.
_MANNERS = frozenset((
    "acapella", "accordion", "acoustic", "ad-lib", "ad-libs", "adlib", "all", "applause",
    "backing", "ballad", "bass", "beat", "bell", "bells", "belting", "both", "brass", "breathy",
    "build-up", "building", "cappella", "cello", "chant", "child", "children", "choir", "clap",
    "claps", "climax", "coda", "crescendo", "crowd", "dj", "drum", "drums", "duet", "echo",
    "electric", "end", "ending", "fade", "fadeout", "falsetto", "fast", "female", "fill", "flute",
    "girl", "guitar", "harmonica", "harmonies", "harmony", "harp", "horn", "horns", "hum",
    "humming", "kids", "laugh", "laughs", "loud", "loudly", "low", "male", "man", "melody", "men",
    "organ", "oud", "pad", "pause", "percussion", "piano", "quiet", "quietly", "rap", "rapped",
    "raspy", "repeat", "riff", "sad", "sax", "saxophone", "scat", "scratch", "scream", "screamed",
    "screaming", "shout", "shouted", "shouting", "shouts", "silence", "sitar", "slow", "slowly",
    "soft", "softly", "spoken", "strings", "synth", "tag", "talking", "transition", "trumpet",
    "ukulele", "vamp", "violin", "vocal", "vocals", "vocoder", "voice", "voices", "whisper",
    "whispered", "whispering", "whispers", "whistle", "whistling", "woman", "women", "yell",
    "yodel",
))  # fmt: skip
# Section names of other languages.
_ELSEWHERE = {
    "strophe": "Verse", "strofa": "Verse", "estrofa": "Verse", "couplet": "Verse",
    "vers": "Verse", "zwrotka": "Verse", "sloka": "Verse", "куплет": "Verse", "主歌": "Verse",
    "aメロ": "Verse", "1番": "Verse 1", "2番": "Verse 2", "1절": "Verse 1", "2절": "Verse 2",
    "estribillo": "Chorus", "coro": "Chorus", "ritornello": "Chorus", "refrão": "Chorus",
    "refren": "Chorus", "refrein": "Chorus", "refräng": "Chorus", "nakarat": "Chorus",
    "припев": "Chorus", "приспів": "Chorus", "副歌": "Chorus", "サビ": "Chorus",
    "후렴": "Chorus", "후렴구": "Chorus", "导歌": "Pre-Chorus", "導歌": "Pre-Chorus",
    "bメロ": "Pre-Chorus", "puente": "Bridge", "ponte": "Bridge", "brücke": "Bridge",
    "pont": "Bridge", "бридж": "Bridge", "桥段": "Bridge", "橋段": "Bridge", "cメロ": "Bridge",
    "前奏": "Intro", "イントロ": "Intro", "전주": "Intro", "间奏": "Interlude",
    "間奏": "Interlude", "간주": "Interlude", "尾奏": "Outro", "アウトロ": "Outro",
    "zwischenspiel": "Interlude", "вступление": "Intro", "проигрыш": "Interlude",
}  # fmt: skip

_NAME = (
    r"(?:pre[- ]?|post[- ]?)?(?:intro|verse|chorus|bridge|hook|refrain|outro|interlude|solo)"
    r"|instrumental"
)
_DECORATION = r"[\s*#_<>{}()（）【】「」\-–—=~]*"
_HEADING = re.compile(
    rf"{_DECORATION}({_NAME})\s*(\d{{0,2}}){_DECORATION}(?:[x×]\s?\d)?{_DECORATION}[:：]?{_DECORATION}",
    re.IGNORECASE,
)
_OPENING = re.compile(rf"({_NAME})\s*(\d{{0,2}})\s*[:：]\s*\S", re.IGNORECASE)
_MARKED = re.compile(r"[\s*#_<{(（【「]+(.+?)[*#_>})）】」\s:：]*|(.+?)\s*[:：]\s*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NEAR = 0.72
# No heading is longer; longer lines are not worth the search.
_HEADING_LENGTH = 60


def is_known(tag: str) -> bool:
    """Whether the text of a tag names a section, or a way to sing or play."""
    return bool(section_name(tag)) or not _MANNERS.isdisjoint(_words(tag))


@lru_cache(maxsize=256)
def suggest(tag: str) -> str:
    """The tag that the text of an unknown one was probably meant to be; empty without a guess."""
    translated = _translated(tag)
    if translated:
        return translated
    number = re.search(r"\d+", tag)
    import difflib

    for word in _words(tag):
        close = difflib.get_close_matches(word, SECTION_NAMES, n=1, cutoff=_NEAR)
        if close:
            return _tag(close[0], number[0] if number else "")
    return ""


def plain_heading(line: str) -> str:
    """The tag to write for a line such as `Verse 1:` or `**Chorus**`; empty for other lines."""
    line = line.strip()
    if TAG.match(line):
        return ""
    whole = line if len(line) <= _HEADING_LENGTH else ""
    match = _HEADING.fullmatch(whole) or _OPENING.match(line[:_HEADING_LENGTH])
    if match:
        return f"[{' '.join((match[1].capitalize(), match[2])).strip()}]"
    marked = _MARKED.fullmatch(whole)
    return _translated((marked[1] or marked[2]).strip()) if marked else ""


def plain_section_names(lyrics: str) -> list[tuple[int, str, str]]:
    """Lines such as `Verse 1:` that would be sung: number from 1, the line, the tag to write."""
    found = []
    for number, line in enumerate(lyrics.splitlines(), start=1):
        tag = plain_heading(line)
        if tag:
            found.append((number, line.strip(), tag))
    return found


def _translated(text: str) -> str:
    match = re.fullmatch(r"(\S+?)\s*(\d{0,2})", text.lower().strip())
    whole = _ELSEWHERE.get(text.lower().strip())
    if whole or not match:
        return f"[{whole}]" if whole else ""
    name = _ELSEWHERE.get(match[1])
    return _tag(name, match[2]) if name else ""


def _tag(name: str, number: str) -> str:
    return f"[{' '.join((name.title(), number)).strip()}]"


def _words(tag: str) -> list[str]:
    return _WORD.findall(tag.lower())
