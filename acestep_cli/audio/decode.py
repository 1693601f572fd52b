"""Any audio stream to float32 samples: soundfile first, PyAV for MP3 and what soundfile refuses.

Knows no paths and no tags. Damage is an error here: both libraries would hand back a shorter clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from acestep_cli.audio import decode_av, ogg, riff, source
from acestep_cli.errors import InputError

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

_BLOCK = 2**16
_DEPTHS = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64,
}  # fmt: skip
_NAMES = {"WAVEX": "wav", "RF64": "wav"}
# Offset and letters at the start of files that are audio, whatever else is wrong with them.
_MARKS = (
    (8, b"WAVE"), (8, b"AIFF"), (8, b"AIFC"), (0, b"fLaC"), (0, b"OggS"), (0, b"ID3"),
    (4, b"ftyp"), (0, b"caff"), (0, b"\xff\xfb"), (0, b"\x1aE\xdf\xa3"),
)  # fmt: skip


# What float32 cannot hold to the last bit.
_FINE = ("PCM_32", "DOUBLE")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most: seconds, and the first `channels` (None: all).

    exact: 32-bit integers and 64-bit floats come as float64.
    """

    seconds: float
    channels: int | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples [C, S], float32 (float64: see Limits), rate in Hz, the format's name and its bit
    depth (None: lossy)."""

    samples: Samples
    sample_rate: int
    format: str
    bit_depth: int | None


def decode(stream: BinaryIO, shown: str, limits: Limits) -> Decoded:
    """The whole of `stream`, which messages call `shown`; InputError where it cannot be had."""
    stream.seek(0)
    head = stream.read(16)
    decoded = None if _is_mpeg(head) else _with_soundfile(stream, shown, limits)
    if decoded is None:
        decoded = _with_av(stream, head, shown, limits)
    if decoded.samples.size == 0:
        raise source.no_samples(shown)
    return decoded


def _with_soundfile(stream: BinaryIO, shown: str, limits: Limits) -> Decoded | None:
    import soundfile

    # By descriptor: from a name libsndfile would also guess, and take any .raw file for sound.
    stream.seek(0)
    handle = stream if isinstance(stream, BytesIO) else stream.fileno()
    try:
        file = soundfile.SoundFile(handle, closefd=False)
    except soundfile.LibsndfileError:
        return None
    with file:
        name = _name(file)
        source.check_shape(shown, file.samplerate, file.channels)
        source.check_seconds(shown, file.frames / file.samplerate, limits.seconds)
        if _is_damaged(stream, name):
            raise source.damaged(shown)
        try:
            samples = _read(file, limits)
        except soundfile.LibsndfileError as error:
            if name == "opus":  # packets of high bit rates that go over a page are too much for it
                return None
            raise source.damaged(shown) from error
        if samples.shape[1] < file.frames:
            raise source.damaged(shown)
        return Decoded(samples, file.samplerate, name, _DEPTHS.get(file.subtype))


def _is_mpeg(head: bytes) -> bool:
    """An ID3 tag or a frame of MPEG audio: libmpg123 would hide damage and write to stderr."""
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0)


def _name(file: Any) -> str:
    if file.subtype == "OPUS":
        return "opus"
    return _NAMES.get(file.format, str(file.format).lower())


def _is_damaged(stream: BinaryIO, name: str) -> bool:
    """Damage that libsndfile passes over in silence. The place in the shared stream is kept."""
    position = stream.tell()
    if name in ("wav", "aiff"):
        hurt = riff.is_cut_short(stream)
    elif name in ("ogg", "opus"):
        hurt = ogg.is_damaged(stream)
    else:
        hurt = False
    stream.seek(position)
    return hurt


def _read(file: Any, limits: Limits) -> Samples:
    import numpy as np

    kept = min(file.channels, limits.channels or file.channels)
    kind = "float64" if limits.exact and file.subtype in _FINE else "float32"
    samples = np.empty((kept, file.frames), kind)
    position = 0
    while position < file.frames:
        block = file.read(_BLOCK, dtype=kind, always_2d=True)
        if len(block) == 0:
            break
        block = block[: file.frames - position]
        samples[:, position : position + len(block)] = block[:, :kept].T
        position += len(block)
    return samples[:, :position]


def _with_av(stream: BinaryIO, head: bytes, shown: str, limits: Limits) -> Decoded:
    try:
        samples, rate, name, depth = decode_av.decode(
            stream, shown, limits.seconds, limits.channels
        )
    except decode_av.Unknown as error:
        raise _unknown(head, shown) from error
    return Decoded(samples, rate, name, depth)


def _unknown(head: bytes, shown: str) -> InputError:
    if any(head[offset:].startswith(mark) for offset, mark in _MARKS):
        return source.damaged(shown)
    return source.not_audio(shown)
