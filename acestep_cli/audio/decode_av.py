"""Decoding with PyAV (FFmpeg's libraries): MP3, M4A, WebM, WMA and whatever soundfile refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from acestep_cli.audio import source
from acestep_cli.audio.mp3 import FRAME_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from acestep_cli.audio.level import Samples

# Playlists, scripts and devices stay out: they would open other files and addresses.
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,webm,mov,mp4,"
    "m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nut,oga,ogg,opus,rm,shn,swf,tak,tta,voc,w64,wav,wv,xa"
)
# Containers whose header says how long the sound is; elsewhere FFmpeg estimates.
_HONEST = ("mov", "matroska", "asf", "caf", "flac", "wav", "aiff", "w64", "tta", "ape", "wv")
_EXACT = "mov"  # the edit list counts samples, and decoders hand over whole frames
_LOSSLESS = ("alac", "flac", "wavpack", "tta", "ape")
_SLACK_SECONDS = 0.05
_EDGE_PACKETS = 3  # cut-outs may start and end with a frame that misses its neighbours


class Unknown(Exception):
    """FFmpeg cannot tell what the stream is."""


def decode(
    stream: BinaryIO, shown: str, max_seconds: float, channels: int | None
) -> tuple[Samples, int, str, int | None]:
    """Samples [C, S], rate (Hz), format name and bit depth of the first audio track.

    `Unknown` where FFmpeg has no demuxer, InputError for everything else that is wrong.
    """
    import av

    stream.seek(0)
    try:
        container = av.open(stream, options={"format_whitelist": _CONTAINERS})
    except (av.FFmpegError, ValueError) as error:
        raise Unknown from error
    with container:
        if len(container.streams) == 0:
            raise Unknown
        if not container.streams.audio:
            raise source.no_sound(shown)
        track = container.streams.audio[0]
        if track.codec_context is None:  # a codec that FFmpeg has no decoder for
            raise Unknown
        demuxer = container.format.name.split(",")[0]
        rate = int(track.rate or 0)
        source.check_shape(shown, rate, track.codec_context.channels)
        promised = round(track.duration * track.time_base * rate) if track.duration else 0
        samples = _joined(_frames(container, track, shown, max_seconds, promised), channels, shown)
        codec, bits = track.codec_context.name, track.codec_context.format.bits
    slack = _SLACK_SECONDS * rate
    honest = demuxer in _HONEST
    if demuxer == "mp3":
        honest, slack = _has_length_header(stream), FRAME_SAMPLES
    if honest and samples.shape[1] + slack < promised:
        raise source.damaged(shown)
    if demuxer == _EXACT and promised:
        samples = samples[:, :promised]
    source.check_seconds(shown, samples.shape[1] / rate, max_seconds)
    return samples, rate, _format_name(codec, demuxer), _depth(codec, bits)


def _frames(
    container: Any, track: Any, shown: str, max_seconds: float, promised: int
) -> Iterator[Any]:
    """The decoded frames; InputError for a broken packet inside, frames that differ, too many.

    `promised` is the header's number of samples, for the message alone.
    """
    import av

    broken: list[int] = []
    total = count = 0
    channels = None
    for count, packet in enumerate(container.demux(track)):
        try:
            frames = track.decode(packet)
        except av.FFmpegError:
            broken.append(count)
            continue
        for frame in frames:
            channels = channels or frame.layout.nb_channels
            if frame.sample_rate != track.rate or frame.layout.nb_channels != channels:
                raise source.damaged(shown)
            total += frame.samples
            if total > (max_seconds + _SLACK_SECONDS) * track.rate:
                source.check_seconds(shown, max(total, promised) / track.rate, max_seconds)
            yield frame
    inside = range(_EDGE_PACKETS, count - _EDGE_PACKETS)
    if any(place in inside for place in broken) or (broken and not total):
        raise source.damaged(shown)


def _joined(frames: Iterator[Any], channels: int | None, shown: str) -> Samples:
    import numpy as np

    parts = [_as_float(frame)[:channels] for frame in frames]
    if not parts:
        raise source.no_samples(shown)
    return np.concatenate(parts, axis=1)


def _has_length_header(stream: BinaryIO) -> bool:
    """Whether an MP3 starts with a Xing or VBRI header; without, FFmpeg guesses from the size."""
    from mutagen import MutagenError
    from mutagen.mp3 import MP3, BitrateMode

    stream.seek(0)
    try:
        return bool(MP3(stream).info.bitrate_mode != BitrateMode.UNKNOWN)
    except MutagenError:
        return False


def _format_name(codec: str, demuxer: str) -> str:
    if codec == "aac" and demuxer in ("mov", "aac"):
        return "m4a"
    if demuxer == "mp3":  # its frames may be layer II
        return codec.removesuffix("float")
    return codec if codec in _LOSSLESS else demuxer


def _depth(codec: str, bits: int) -> int | None:
    """24-bit sound is decoded into 32 bits, and these codecs rarely hold more."""
    return min(bits, 24) if codec in _LOSSLESS else None


def _as_float(frame: Any) -> Samples:
    """Any sample format as float32 [C, n], full scale 1.0."""
    import numpy as np

    raw: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, frame.layout.nb_channels).T
    if raw.dtype.kind == "f":
        return raw.astype(np.float32)
    if raw.dtype == np.uint8:
        return ((raw.astype(np.float32) - 128) / 128).astype(np.float32)
    return (raw / 2.0 ** (8 * raw.dtype.itemsize - 1)).astype(np.float32)
