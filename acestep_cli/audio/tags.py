"""What a finished song says about itself, in the words of each tag format.

Never a job id or a time: the same request gives the same bytes. Text is written as it is, but for
NUL and lone surrogates, which no tag format can hold and which become U+FFFD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

FREEFORM_OWNER = "org.acestep"  # the namespace of our own atoms in M4A files

# Vorbis comments (FLAC, Ogg, Opus): one name a field, the common ones where there are any.
VORBIS_NAMES = {
    "title": "TITLE",
    "artist": "ARTIST",
    "album": "ALBUM",
    "genre": "GENRE",
    "caption": "DESCRIPTION",
    "lyrics": "LYRICS",
    "bpm": "BPM",
    "key": "INITIALKEY",
    "time_signature": "TIME_SIGNATURE",
    "language": "LANGUAGE",
    "seed": "ACESTEP_SEED",
    "model": "ACESTEP_MODEL",
    "digest": "ACESTEP_DIGEST",
    "software": "ENCODED_BY",
}
# ID3v2.4 frames that hold plain text; caption (COMM), lyrics (USLT) and TXXX are apart.
ID3_TEXT = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "genre": "TCON",
    "bpm": "TBPM",
    "key": "TKEY",
    "software": "TSSE",
}
# Fields without a frame, an atom or a LIST entry of their own: TXXX and free-form atoms.
OWN_NAMES = {
    "time_signature": "TIME_SIGNATURE",
    "language": "LANGUAGE",
    "seed": "ACESTEP_SEED",
    "model": "ACESTEP_MODEL",
    "digest": "ACESTEP_DIGEST",
}
MP4_ATOMS = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album": "\xa9alb",
    "genre": "\xa9gen",
    "caption": "\xa9cmt",
    "lyrics": "\xa9lyr",
    "bpm": "tmpo",
    "software": "\xa9too",
}
MP4_OWN = {"key": "initialkey", **OWN_NAMES}
RIFF_INFO = {
    "title": "INAM",
    "artist": "IART",
    "album": "IPRD",
    "genre": "IGNR",
    "caption": "ICMT",
    "software": "ISFT",
}
_NUMBERS = ("bpm", "seed")


@dataclass(frozen=True, slots=True)
class Tags:
    """The fields that a file can carry; empty or None means absent.

    `caption` is the description of the music, `key` like `C# minor`, `digest` that of the request,
    `model` the checkpoint's name, `software` this program and its version.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    genre: str = ""
    caption: str = ""
    lyrics: str = ""
    bpm: int | None = None
    key: str = ""
    time_signature: str = ""
    language: str = ""
    seed: int | None = None
    model: str = ""
    digest: str = ""
    software: str = ""

    def as_text(self) -> dict[str, str]:
        """The fields that are present, as text that every tag format can hold."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: _holdable(str(value))
            for name, value in values.items()
            if value is not None and value != ""
        }

    @classmethod
    def from_text(cls, texts: dict[str, str]) -> Tags:
        """The inverse of `as_text`; a number that is none is left out: files may say anything."""
        values: dict[str, str | int] = {}
        for field in fields(cls):
            text = texts.get(field.name, "")
            if field.name not in _NUMBERS:
                values[field.name] = text
            elif re.fullmatch(r"-?\d{1,20}(\.\d+)?", text):
                values[field.name] = round(float(text)) if "." in text else int(text)
        return cls(**values)  # type: ignore[arg-type]


def short_key(key: str) -> str:
    """`C# minor` as ID3 writes it, `C#m`; what is no such key stays as it is."""
    found = re.fullmatch(r"([A-G][#b]?) (major|minor)", key)
    return found[1] + ("m" if found[2] == "minor" else "") if found else key


def long_key(key: str) -> str:
    """The inverse of `short_key`."""
    found = re.fullmatch(r"([A-G][#b]?)(m?)", key)
    return f"{found[1]} {'minor' if found[2] else 'major'}" if found else key


def _holdable(text: str) -> str:
    return re.sub("[\x00\ud800-\udfff]", "�", text)
