"""The first frame of an MP3 file, which tells players how many samples to drop at both ends.

LAME leaves it out below 64 kb/s, where it does not fit into a frame of the stream's own size;
without it the song starts late and ends late. Layout: the Xing header and LAME's extension of it.
"""

from __future__ import annotations

import struct
from io import BytesIO

FRAME_SAMPLES = 1152  # MPEG-1 layer III
ENCODER_DELAY = 576  # what LAME's filter bank adds in front
_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES = (44100, 48000, 32000)
_HEADER_KBPS = 64  # the smallest frame that holds the header
_MONO = 3


def ensure_gapless(encoded: BytesIO, samples: int, kbps: int) -> BytesIO:
    """`encoded`, with a header frame in front when its first frame is sound.

    `samples` is the number of samples a channel that went into it; `kbps` its constant bit rate.
    """
    stream = encoded.getvalue()
    first = struct.unpack_from(">I", stream)[0]
    if stream[4 + _side_info(first) :][:4] in (b"Info", b"Xing"):
        return encoded
    frame = _header_frame(first, len(stream), _count_frames(stream), samples, kbps)
    return BytesIO(frame + stream)


def _header_frame(first: int, size: int, frames: int, samples: int, kbps: int) -> bytes:
    length = _length(_with_kbps(first))
    table = bytes(position * 256 // 100 for position in range(100))
    xing = b"Info" + struct.pack(">III", 0xF, frames, size + length) + table + bytes(4)
    padding = frames * FRAME_SAMPLES - samples - ENCODER_DELAY
    lame = b"LAME3.100" + bytes([1])  # revision 0, constant bit rate
    lame += bytes(1 + 4 + 2 + 2 + 1) + bytes([kbps])  # no low-pass, peak or gain is claimed
    lame += ((ENCODER_DELAY << 12) | padding).to_bytes(3, "big")
    lame += bytes(1 + 1 + 2) + struct.pack(">I", size + length) + bytes(2)
    body = struct.pack(">I", _with_kbps(first)) + bytes(_side_info(first)) + xing + lame
    return (body + struct.pack(">H", _crc(body))).ljust(length, b"\0")


def _count_frames(stream: bytes) -> int:
    position = frames = 0
    while position + 4 <= len(stream):
        position += _length(struct.unpack_from(">I", stream, position)[0])
        frames += 1
    return frames


def _length(header: int) -> int:
    """Bytes of the frame with this header (layer III of MPEG-1)."""
    kbps, rate = _KBPS[(header >> 12) & 15], _RATES[(header >> 10) & 3]
    return 144 * kbps * 1000 // rate + ((header >> 9) & 1)


def _with_kbps(header: int) -> int:
    """The header of an unpadded frame at `_HEADER_KBPS` without checksum, else alike."""
    kept = header & ~(0xF << 12) & ~(1 << 9)
    return kept | _KBPS.index(_HEADER_KBPS) << 12 | 1 << 16


def _side_info(header: int) -> int:
    return 17 if (header >> 6) & 3 == _MONO else 32


def _crc(body: bytes) -> int:
    """CRC-16 with the reflected polynomial 0xA001, from 0, as LAME signs its header."""
    value = 0
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value
