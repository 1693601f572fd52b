"""Finished audio to a file: checks, rate, codec, tags, and one atomic rename."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acestep_cli import files
from acestep_cli.audio.formats import Encoding
from acestep_cli.audio.tags import Tags

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: bytes of the file, its sample rate (Hz), and how many samples lie outside
    [-1, 1], which all formats but float WAV cut off or may distort."""

    size: int
    sample_rate: int
    overshoots: int


def write_audio(
    path: Path,
    samples: Samples,
    sample_rate: int,
    encoding: Encoding,
    tags: Tags | None = None,
    *,
    overwrite: bool,
) -> Written:
    """Encode `samples` [C, S] and put the file at `path` in one step, whatever its name says.

    UnusableResult for samples that are not finite (before anything is written), OutputError where
    the file cannot be made or exists and `overwrite` is off, UsageError for too many channels.
    """
    if not overwrite and os.path.lexists(path):
        raise files.write_error(FileExistsError(errno.EEXIST, "File exists"), path)
    data, settled = _encoded(samples, sample_rate, encoding, tags)
    files.remove_stale_parts(path)
    with files.atomic_target(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
    return Written(len(data), settled.rate, settled.overshoots)


def encode_audio(
    samples: Samples, sample_rate: int, encoding: Encoding, tags: Tags | None = None
) -> bytes:
    """The bytes that `write_audio` would put into the file."""
    return bytes(_encoded(samples, sample_rate, encoding, tags)[0])


@dataclass(frozen=True, slots=True)
class _Settled:
    rate: int
    overshoots: int


def _encoded(
    samples: Samples, sample_rate: int, encoding: Encoding, tags: Tags | None
) -> tuple[memoryview | bytes, _Settled]:
    from acestep_cli.audio import external
    from acestep_cli.audio.encode import encode
    from acestep_cli.audio.tagging import embed

    ready, rate = _prepare(samples, sample_rate, encoding)
    settled = _Settled(rate, _overshoots(ready))
    spec = encoding.spec
    if spec.writer == "ffmpeg":
        return external.encode(ready, rate, spec.name, encoding.bitrate_kbps, tags), settled
    encoded = encode(ready, rate, encoding)
    if tags is not None:
        embed(encoded, spec.tag_kind, spec.name, tags)
    return encoded.getbuffer(), settled


def _prepare(samples: Samples, sample_rate: int, encoding: Encoding) -> tuple[Samples, int]:
    """The samples at the file's rate, checked: float32, or as they are where only so they keep
    what they are."""
    import numpy as np

    from acestep_cli.audio.level import check_finite
    from acestep_cli.audio.resample import resample

    check_finite(samples)
    encoding.check_channels(samples.shape[0])
    rate = encoding.rate_for(sample_rate)
    fine = rate == sample_rate and (encoding.integers or encoding.bit_depth == 64)
    plain = samples if fine else np.asarray(samples, dtype=np.float32)
    return resample(plain, sample_rate, rate, kernel="fine"), rate


def _overshoots(samples: Samples) -> int:
    import numpy as np

    from acestep_cli.audio.level import peak

    if peak(samples) <= 1:
        return 0
    return int(np.count_nonzero(np.abs(samples) > 1))
