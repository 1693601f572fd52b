"""Names of files with parts that the song fills in: `songs/{title}-{seed}.{ext}`.

Knows nothing about which files exist.
"""

from __future__ import annotations

import difflib
import re
import string
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from acestep_cli.errors import UsageError

# What a name may hold, and what it stands for.
PARTS: dict[str, str] = {
    "title": "the first words of the caption",
    "seed": "the seed",
    "index": "the number of the song, from 1",
    "track": "the track that is extracted",
    "bpm": "the tempo",
    "key": "the key",
    "language": "the language",
    "duration": "the length in whole seconds",
    "model": "the checkpoint",
    "job_id": "the job",
    "ext": "the ending of the format",
}
_NUMBERS = frozenset(("seed", "index", "bpm", "duration"))
_DIGITS = re.compile(r"0?[1-9]\d?d?", re.ASCII)
_UNKNOWN = "unknown"
# What some file system refuses, or reads as more than a letter.
_FORBIDDEN = frozenset('/\\:*?"<>|')
# Room for a number, an ending and a temporary name in the 255 bytes of most file systems.
_MOST_BYTES = 120


def is_template(text: str) -> bool:
    """Whether `text` has parts to fill in; a literal brace is written twice."""
    return "{" in text or "}" in text


def check_template(text: str, flag: str = "-o") -> None:
    """UsageError, naming the `flag`, for a part that there is not, or a brace that stands alone."""
    try:
        names = parts_of(text)
    except ValueError as error:
        raise UsageError(
            f"{flag} {text!r} is no name with parts: {error}",
            "write parts as {title} or {index:02}, and a literal brace twice",
        ) from error
    for name in names:
        if name in PARTS:
            continue
        near = difflib.get_close_matches(name, PARTS, n=1)
        known = ", ".join(f"{{{part}}}" for part in PARTS)
        hint = f"did you mean {{{near[0]}}}?" if near else f"choose from {known}"
        raise UsageError(f"{flag} {text!r} holds {{{name}}}, which no song has", hint)


def fill(text: str, values: Mapping[str, object]) -> Path:
    """The path that `text` stands for with `values` of `PARTS`; None and missing ones are
    `unknown`, or 0 where a number of digits is asked for. What a file name cannot hold is `_`."""
    filled = []
    for literal, name, form, _ in string.Formatter().parse(text):
        filled.append(literal)
        if name is None:
            continue
        number = values.get(name) or 0
        if form and isinstance(number, int):
            filled.append(format(number, form))
        else:
            filled.append(_clean(values.get(name)))
    return Path("".join(filled))


def literal_folder(text: str) -> Path:
    """The folder of a template as far as it has no parts to fill in."""
    folder = Path(text).parent
    while is_template(str(folder)):
        folder = folder.parent
    return folder


def literal_suffix(text: str) -> str:
    """The ending of a file name, with its dot; empty where it has none or it is to be filled in."""
    suffix = Path(text).suffix
    return "" if is_template(suffix) or " " in suffix else suffix


def sets_ending(text: str) -> bool:
    """Whether the name says how it ends, by itself or with `{ext}`."""
    return bool(literal_suffix(text)) or Path(text).name.endswith(".{ext}")


def tells_apart(text: str, *, seeds: tuple[int, ...], tracks: tuple[str | None, ...]) -> bool:
    """Whether the names of all items are different whatever their plans hold."""
    parts = set(parts_of(text))
    if "index" in parts:
        return True
    keys = [
        (seed if "seed" in parts else None, track if "track" in parts else None)
        for seed, track in zip(seeds, tracks, strict=True)
    ]
    return len(set(keys)) == len(keys)


def parts_of(text: str) -> list[str]:
    """The names of the parts of `text`; ValueError, saying why, where it is no template."""
    found = list(string.Formatter().parse(text))
    for _, name, form, conversion in found:
        if conversion:
            raise ValueError("it has a conversion")
        if form and (name not in _NUMBERS or not _DIGITS.fullmatch(form)):
            raise ValueError(f"{form!r} is no number of digits")
    return [name for _, name, _, _ in found if name is not None]


def _clean(value: object) -> str:
    """`value` as part of a file name: one line, no separators, no blank or dot at its ends."""
    words = " ".join(str(value if value is not None else "").split())
    kept = "".join(
        "_" if char in _FORBIDDEN or unicodedata.category(char)[0] == "C" else char
        for char in words
    )
    while len(kept.encode("utf-8", "replace")) > _MOST_BYTES:
        kept = kept[:-1]
    return kept.strip(" .") or _UNKNOWN
