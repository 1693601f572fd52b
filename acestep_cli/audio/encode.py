"""Samples to whole files in memory: soundfile for WAV, FLAC, Vorbis, MP3; PyAV for Opus, M4A.

In memory because some libraries swallow write errors, M4A and MP3 go back to their start, and tags
are put in afterwards. Every encoder gets blocks: libvorbis crashes on one long write.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from acestep_cli.audio import mp3, ogg, riff
from acestep_cli.audio.formats import VORBIS_QUALITY, Encoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from acestep_cli.audio.level import Samples

_SUBTYPES = {"mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
_PCM = {16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_FLOAT = {32: "FLOAT", 64: "DOUBLE"}
_LAYOUTS = {1: "mono", 2: "stereo"}
_OPUS_PAGE = "200000"  # microseconds
# Muxer, encoder, sample format.
_AV = {"opus": ("opus", "libopus", "flt"), "m4a": ("ipod", "aac", "fltp")}


def encode(samples: Samples, sample_rate: int, encoding: Encoding) -> BytesIO:
    """The whole file without tags for `samples` [C, S] at `sample_rate`, a rate the format has."""
    if encoding.spec.writer == "av":
        return _with_av(samples, sample_rate, encoding)
    encoded = _with_soundfile(samples, sample_rate, encoding)
    if encoding.format == "ogg":
        return ogg.fix_serials(encoded)
    if encoding.format == "mp3":
        assert encoding.bitrate_kbps is not None
        return mp3.ensure_gapless(encoded, samples.shape[1], encoding.bitrate_kbps)
    if encoding.format == "wav":
        riff.clear_peak_time(encoded)
    return encoded


def _with_soundfile(samples: Samples, sample_rate: int, encoding: Encoding) -> BytesIO:
    import soundfile

    target = BytesIO()
    with soundfile.SoundFile(
        target,
        "w",
        samplerate=sample_rate,
        channels=samples.shape[0],
        format=encoding.format.upper(),
        subtype=_subtype(encoding),
        **_quality(encoding),
    ) as file:
        for block in _blocks(samples, sample_rate):
            file.write(_as_written(block, encoding))
    return target


def _subtype(encoding: Encoding) -> str:
    if encoding.bit_depth is None:
        return _SUBTYPES[encoding.format]
    return (_PCM if _is_integer(encoding) else _FLOAT)[encoding.bit_depth]


def _is_integer(encoding: Encoding) -> bool:
    return encoding.integers or encoding.bit_depth in (16, 24)


def _quality(encoding: Encoding) -> dict[str, Any]:
    kbps = encoding.bitrate_kbps
    if kbps is None:
        return {}
    if encoding.format == "ogg":
        return {"compression_level": 1 - VORBIS_QUALITY[kbps]}
    # soundfile spreads 320 to 32 kb/s over 0 to 1 and refuses 1 itself.
    return {"bitrate_mode": "CONSTANT", "compression_level": min((320 - kbps) / 288, 0.999)}


def _as_written(block: Samples, encoding: Encoding) -> NDArray[Any]:
    """Interleaved [S, C]: integers for integer files, else the floats themselves."""
    import numpy as np

    from acestep_cli.audio.level import to_integers

    if encoding.bit_depth is None or not _is_integer(encoding):
        return np.ascontiguousarray(block.T)
    return to_integers(block, encoding.bit_depth)


def _with_av(samples: Samples, sample_rate: int, encoding: Encoding) -> BytesIO:
    import av

    muxer, codec, sample_format = _AV[encoding.format]
    # Without `bitexact` there are random Ogg serials and version names; a movie clock as fine as
    # the samples lets the edit list say the exact length.
    # Short Opus pages keep packets whole: libsndfile cannot read those that go over a page.
    if encoding.format == "m4a":
        options = {"fflags": "+bitexact", "movie_timescale": str(sample_rate)}
    else:
        options = {"fflags": "+bitexact", "page_duration": _OPUS_PAGE}
    target = BytesIO()
    with av.open(target, "w", format=muxer, options=options) as container:
        stream = container.add_stream(codec, rate=sample_rate)
        assert encoding.bitrate_kbps is not None
        stream.bit_rate = encoding.bitrate_kbps * 1000
        context = stream.codec_context
        context.layout = _LAYOUTS[samples.shape[0]]
        context.format = sample_format
        context.thread_count = 1
        context.open()
        position = 0
        for block in _blocks(samples, context.frame_size):
            frame = av.AudioFrame.from_ndarray(
                _framed(block, sample_format), sample_format, _LAYOUTS[samples.shape[0]]
            )
            frame.sample_rate = sample_rate
            frame.pts, frame.time_base = position, Fraction(1, sample_rate)
            container.mux(stream.encode(frame))
            position += block.shape[1]
        container.mux(stream.encode(None))
    return target


def _framed(block: Samples, sample_format: str) -> NDArray[Any]:
    """[C, n] for planar formats (`...p`), [1, n * C] interleaved for the others."""
    import numpy as np

    planar = block if sample_format.endswith("p") else block.T.reshape(1, -1)
    return np.ascontiguousarray(planar)


def _blocks(samples: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]
