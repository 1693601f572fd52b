"""The chunks of RIFF (WAV) and IFF (AIFF) files: what soundfile leaves to be looked after."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

_HEAD = 12  # RIFF, size, WAVE
_STREAMED = 0x7FFFF000  # writers into a pipe put sizes from here up for "not known"
_LARGEST_INFO = 2**20


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four letters, where its content starts, and the size that its head claims."""

    code: bytes
    start: int
    size: int


def chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a RIFF, RF64 or FORM file, as far as they go; nothing for other files."""
    stream.seek(0)
    head = stream.read(_HEAD)
    if len(head) < _HEAD or head[:4] not in (b"RIFF", b"RF64", b"FORM"):
        return
    order = ">" if head[:4] == b"FORM" else "<"
    position = _HEAD
    while True:
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            return
        size: int = struct.unpack(f"{order}I", head[4:])[0]
        yield Chunk(head[:4], position + 8, size)
        position += 8 + size + size % 2


def is_cut_short(stream: BinaryIO) -> bool:
    """Whether the sound's chunk claims more bytes than the file has (sizes of streams aside)."""
    length = stream.seek(0, os.SEEK_END)
    return any(
        chunk.code in (b"data", b"SSND")
        and chunk.size < _STREAMED
        and chunk.start + chunk.size > length
        for chunk in chunks(stream)
    )


def clear_peak_time(encoded: BytesIO) -> None:
    """Zero the time that libsndfile writes into the PEAK chunk of float files."""
    for chunk in chunks(encoded):
        if chunk.code == b"PEAK":
            encoded.seek(chunk.start + 4)
            encoded.write(bytes(4))
            return


def append_info(encoded: BytesIO, entries: Mapping[str, str]) -> None:
    """Append a LIST INFO chunk (`INAM` and the like to UTF-8 text) to a RIFF file in memory."""
    if not entries:
        return
    body = b"INFO" + b"".join(
        _chunk(code.encode(), text.encode() + b"\0") for code, text in entries.items()
    )
    length = encoded.seek(0, os.SEEK_END)
    if length % 2:
        encoded.write(b"\0")
    encoded.write(_chunk(b"LIST", body))
    total = encoded.tell()
    encoded.seek(4)
    encoded.write(struct.pack("<I", total - 8))


def read_info(stream: BinaryIO) -> dict[str, str]:
    """The entries of the first LIST INFO chunk; empty where there is none."""
    for chunk in chunks(stream):
        if chunk.code != b"LIST" or not 4 <= chunk.size <= _LARGEST_INFO:
            continue
        stream.seek(chunk.start)
        body = stream.read(chunk.size)
        if body[:4] == b"INFO":
            return dict(_entries(body))
    return {}


def _entries(body: bytes) -> Iterator[tuple[str, str]]:
    position = 4
    while position + 8 <= len(body):
        code, size = struct.unpack_from("<4sI", body, position)
        text = body[position + 8 : position + 8 + size].split(b"\0")[0]
        yield code.decode("latin-1"), _decoded(text)
        position += 8 + size + size % 2


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:  # older programs write the code page of their machine
        return text.decode("latin-1")


def _chunk(code: bytes, content: bytes) -> bytes:
    return code + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
