"""The words from which the small vocabulary learns its merges, and the learning itself."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

_MERGES = 1000
_SPACE, _NEWLINE = "Ġ", "Ċ"  # how byte-level vocabularies spell a blank and a newline
_UNITS = (_NEWLINE * 2, "]" + _NEWLINE, ":" + _NEWLINE, "." + _NEWLINE, ")" + _NEWLINE)
_WORDS = """
Instruction Fill the audio semantic mask based on given conditions Generate tokens style
Extract track from Repaint area Complete input with Caption Metas bpm timesignature keyscale
duration seconds language Languages Lyric genres N A user system assistant
major minor A B C D E F G unknown instrumental en zh ja ko es fr de it pt ru
Verse Chorus Bridge Intro Outro Pre Hook Drop Break Solo Interlude Build Inst
verse chorus bridge intro outro solo guitar piano drums bass vocals strings synth
music song track melody rhythm harmony beat tempo groove sound tone voice singer band choir
a an and or but of in on at to for with without over under into through by as is are was be
it its this that these those there here you your I me my we our us he she they them their
no not never always all every some any one two three four more most very so too then now
warm cold bright dark soft loud slow fast deep high low big small new old clean raw smooth
gentle heavy light rich airy dreamy mellow driving energetic upbeat calm sad happy epic
electric acoustic analog digital distorted muted plucked bowed brushed layered reverb delay
rock pop jazz blues folk funk soul metal punk house techno trance ambient lofi hip hop rap
disco reggae country classical orchestral cinematic indie alternative electronic dance trap
female male vocal lead backing harmonies catchy steady punchy lush sparse simple complex
guitars keys organ violin cello flute trumpet saxophone brass horn bells pads percussion
kick snare hat hats cymbals claps shaker tambourine bassline riff arpeggio chords lead pad
rain night day light sky sun moon star stars sea river road city home heart love fire time
dream dreams walk run fall rise fly stay go come wait hold feel see hear know sing dance
tonight tomorrow yesterday morning evening summer winter spring autumn window street
silver golden blue red green black white alone together again away back down up out
hold me close let it go can do will would could should when where what who why how
opens builds ends begins drops lifts fades enters grows carries supports features creating
atmosphere feeling mood energy texture space layer layers section sections arrangement mix
crisp wide tight modern vintage retro classic slow tempo mid fast paced four on the floor
"""


@cache
def learnt_vocabulary() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Tokens in the order of their ids, 256 bytes first, and the merges: byte-pair encoding of the
    words above, ties going to the pair that sorts last."""
    words = _spellings()
    tokens = sorted(_byte_letters())
    merges: list[tuple[str, str]] = []
    while len(merges) < _MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        if "".join(best) not in tokens:
            tokens.append("".join(best))
        words = _merged(words, best)
    return tuple(tokens), tuple(merges)


def prompt_words() -> tuple[str, ...]:
    """The words of prompts, captions and lyrics that the vocabulary is learnt from."""
    return tuple(_WORDS.split())


def _spellings() -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    for word in prompt_words():
        counted[tuple(_SPACE + word)] += 2
        counted[tuple(word)] += 1
    counted.update(tuple(unit) for unit in _UNITS)
    return counted


def _merged(words: Counter[tuple[str, ...]], pair: tuple[str, str]) -> Counter[tuple[str, ...]]:
    result: Counter[tuple[str, ...]] = Counter()
    for word, count in words.items():
        result[_merge_word(word, pair)] += count
    return result


def _merge_word(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    parts: list[str] = []
    index = 0
    while index < len(word):
        if word[index : index + 2] == pair:
            parts.append("".join(pair))
            index += 2
        else:
            parts.append(word[index])
            index += 1
    return tuple(parts)


def _byte_letters() -> list[str]:
    """The 256 letters that stand for bytes: printable ones for themselves, the others from U+0100
    on, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = 256 - len(printable)
    return [chr(code) for code in (*printable, *range(0x100, 0x100 + hidden))]
