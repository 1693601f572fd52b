from __future__ import annotations

from io import BytesIO

import pytest

from acestep_cli.audio import Encoding, encode_audio, mp3, ogg, riff
from tests.unit.audio.sounds import RATE, music


def test_pages_have_one_fixed_serial_and_right_checksums() -> None:
    from mutagen.ogg import OggPage

    data = encode_audio(music(0.5), RATE, Encoding("ogg"))
    stream, serials = BytesIO(data), set()
    while stream.tell() < len(data):
        serials.add(OggPage(stream).serial)
    assert serials == {ogg.SERIAL}
    assert not ogg.is_damaged(BytesIO(data))


def test_damaged_pages() -> None:
    data = encode_audio(music(1), RATE, Encoding("ogg"))
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    last = data.rindex(b"OggS")
    assert ogg.is_damaged(BytesIO(bytes(flipped)))
    assert ogg.is_damaged(BytesIO(data[:last]))
    assert ogg.is_damaged(BytesIO(data[:-1]))
    assert ogg.is_damaged(BytesIO(b"no pages"))
    assert not ogg.is_damaged(BytesIO(data + b"TAG of some program"))


def test_the_peak_chunk_has_no_time() -> None:
    data = encode_audio(music(0.1), RATE, Encoding("wav32"))
    place = data.index(b"PEAK") + 8
    assert data[place + 4 : place + 8] == bytes(4)


def test_chunks_cover_the_file() -> None:
    data = encode_audio(music(0.1, channels=1)[:, :4799], RATE, Encoding("wav"))
    stream = BytesIO(data)
    riff.append_info(stream, {"INAM": "odd", "IART": "even"})
    found = list(riff.chunks(stream))
    assert [chunk.code for chunk in found] == [b"fmt ", b"data", b"LIST"]
    assert found[-1].start + found[-1].size == len(stream.getvalue())
    assert int.from_bytes(stream.getvalue()[4:8], "little") == len(stream.getvalue()) - 8
    assert riff.read_info(stream) == {"INAM": "odd", "IART": "even"}
    assert not riff.is_cut_short(stream)
    assert riff.is_cut_short(BytesIO(stream.getvalue()[:10000]))
    assert list(riff.chunks(BytesIO(b"OggS, not RIFF"))) == []


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 1151, 1152, 30000])
def test_our_mp3_header_says_what_lames_says(channels: int, samples: int) -> None:
    """LAME writes the header itself at 64 kb/s; made anew from the same frames it must agree."""
    sound = music(1, channels=channels)[:, :samples]
    data = encode_audio(sound, RATE, Encoding("mp3", bitrate_kbps=64))
    length = mp3._length(int.from_bytes(data[:4], "big"))
    ours = mp3.ensure_gapless(BytesIO(data[length:]), samples, 64).getvalue()
    side = 17 if channels == 1 else 32
    frames = slice(4 + side + 8, 4 + side + 16)
    delays = slice(4 + side + 120 + 21, 4 + side + 120 + 24)
    assert ours[length:] == data[length:]
    assert ours[frames] == data[frames]
    assert ours[delays] == data[delays]


def test_the_mp3_checksum() -> None:
    assert mp3._crc(b"123456789") == 0xBB3D  # the check value of CRC-16/ARC
