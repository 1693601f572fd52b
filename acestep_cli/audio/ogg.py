"""The pages of Ogg files: serial numbers that do not change from run to run, and damage."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

SERIAL = 0x41434531  # any number will do, as long as it is always the same


def fix_serials(encoded: BytesIO) -> BytesIO:
    """The same one-stream file with `SERIAL` in all its pages (libsndfile draws one at random)."""
    from mutagen.ogg import OggPage

    encoded.seek(0)
    fixed = BytesIO()
    length = len(encoded.getbuffer())
    while encoded.tell() < length:
        page = OggPage(encoded)
        page.serial = SERIAL
        fixed.write(page.write())
    return fixed


def is_damaged(stream: BinaryIO) -> bool:
    """Whether a page is missing its end, its checksum is wrong, or the last one is not the last.

    What follows the end of the stream (some taggers append to any file) is no damage.
    """
    from mutagen.ogg import OggPage
    from mutagen.ogg import error as OggError

    stream.seek(0)
    ended = False
    while True:
        start = stream.tell()
        try:
            page = OggPage(stream)
        except (OggError, EOFError):
            return not ended
        length = stream.tell() - start
        stream.seek(start)
        if stream.read(length) != page.write():
            return True
        ended = page.last
