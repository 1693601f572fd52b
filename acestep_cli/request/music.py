"""Keys, meters and tempos as people write them, and the one form that the model knows."""

from __future__ import annotations

import re
import unicodedata

from acestep_cli.request.problems import BadValue, shown

KEYSCALES: tuple[str, ...] = tuple(
    f"{note}{accidental} {mode}"
    for note in "ABCDEFG"
    for accidental in ("", "#", "b")
    for mode in ("major", "minor")
)
TIME_SIGNATURES = ("2", "3", "4", "6")

_METERS = {"2/4": "2", "3/4": "3", "4/4": "4", "6/8": "6", **{n: n for n in TIME_SIGNATURES}}
_MODES = {
    "": "major", "major": "major", "maj": "major", "M": "major", "dur": "major",
    "minor": "minor", "min": "minor", "m": "minor", "moll": "minor", "natural minor": "minor",
    "mayor": "major", "majeur": "major", "maggiore": "major", "大调": "major", "長調": "major",
    "menor": "minor", "mineur": "minor", "minore": "minor", "小调": "minor", "短調": "minor",
}  # fmt: skip
_ACCIDENTALS = (
    ("sharp", "#"), ("flat", "b"), ("♯", "#"), ("♭", "b"), ("#", "#"), ("b", "b"),
)  # fmt: skip
_KEY_WORDS = re.compile(r"^key(?: of)?[ :]+|[ ](?:key|scale)$|[.]$", re.IGNORECASE)
_METER_WORDS = re.compile(r" ?(?:time|meter|metre)$", re.IGNORECASE)
_TEMPO_WORDS = re.compile(r"^(?:bpm|tempo|♩)[ :=]*| ?(?:bpm|beats per minute)[.]?$")


def parse_keyscale(text: str) -> str:
    """`f#m`, `F sharp minor`, `B♭` as `F# minor`, `F# minor`, `Bb major`; BadValue otherwise.

    A lone `m` means minor and a lone `M` major; without a mode the key is major.
    """
    rest = _KEY_WORDS.sub("", _plain(text))
    note, rest = rest[:1].upper(), rest[1:].lstrip(" -_")
    accidental = ""
    for spelling, sign in _ACCIDENTALS:
        if rest.lower().startswith(spelling):
            accidental, rest = sign, rest[len(spelling) :]
            break
    rest = rest.strip(" -_:")
    mode = _MODES.get(rest) or _MODES.get(rest.lower())
    if not note or note not in "ABCDEFG" or mode is None:
        raise BadValue(
            f"keyscale {shown(text)} is not a key",
            "write a key such as C major, F# minor, Bb or Am",
        )
    return f"{note}{accidental} {mode}"


def parse_timesignature(text: str) -> str:
    """`4/4`, `3/4 time`, `2/4`, `6/8` or the bare number as `4`, `3`, `2`, `6`; BadValue
    otherwise."""
    meter = _METERS.get(_METER_WORDS.sub("", _plain(text)).replace(" ", ""))
    if meter is None:
        raise BadValue(
            f"timesignature {shown(text)} is not a known meter", "choose 2/4, 3/4, 4/4 or 6/8"
        )
    return meter


def strip_bpm(text: str) -> str:
    """`120 bpm`, `BPM: 120` and `♩=120` as `120`."""
    return _TEMPO_WORDS.sub("", " ".join(text.lower().split()))


def _plain(text: str) -> str:
    """Wide and ordinary characters alike, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
