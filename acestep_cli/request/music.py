"""Keys, meters and tempos as people write them, and the one form that the model knows."""

from __future__ import annotations

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
    "minor": "minor", "min": "minor", "m": "minor", "moll": "minor",
}  # fmt: skip
_ACCIDENTALS = (
    ("sharp", "#"), ("flat", "b"), ("♯", "#"), ("♭", "b"), ("#", "#"), ("b", "b"),
)  # fmt: skip
_BPM_UNITS = ("bpm", "beats per minute")


def parse_keyscale(text: str) -> str:
    """`f#m`, `F sharp minor`, `B♭` as `F# minor`, `F# minor`, `Bb major`; BadValue otherwise.

    A lone `m` means minor and a lone `M` major; without a mode the key is major.
    """
    rest = text.strip()
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
    """`4/4`, `3/4`, `2/4`, `6/8` or the bare number as `4`, `3`, `2`, `6`; BadValue otherwise."""
    meter = _METERS.get(text.replace(" ", ""))
    if meter is None:
        raise BadValue(
            f"timesignature {shown(text)} is not a known meter", "choose 2/4, 3/4, 4/4 or 6/8"
        )
    return meter


def strip_bpm(text: str) -> str:
    """`120 bpm` as `120`."""
    lowered = text.strip().lower()
    for unit in _BPM_UNITS:
        lowered = lowered.removesuffix(unit)
    return lowered.strip()
