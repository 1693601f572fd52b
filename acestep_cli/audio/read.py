"""Audio files in: as they are (`read_audio`), and as the model wants them (`load_for_model`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from acestep_cli.audio import source as sources
from acestep_cli.audio.decode import Decoded, Limits, decode
from acestep_cli.audio.source import Source
from acestep_cli.audio.tags import Tags

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples

MODEL_RATE = 48_000
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Audio:
    """One file: samples float32 [C, S] (float64 where asked for), rate (Hz), and what it was.

    `format` is a name of the table in `formats` where the file is one of those, else FFmpeg's or
    libsndfile's name; `bit_depth` is None for lossy formats (32 may mean float, 64 always does).
    """

    samples: Samples
    sample_rate: int
    format: str
    bit_depth: int | None
    tags: Tags

    @property
    def seconds(self) -> float:
        """The length of the sound."""
        return float(self.samples.shape[1]) / self.sample_rate


def read_audio(
    source: Source,
    *,
    name: str | None = None,
    max_seconds: float = MAX_SECONDS,
    exact: bool = False,
) -> Audio:
    """The audio file at a path, or in the bytes of one; `name` is what messages call it.

    With `exact`, samples that float32 cannot hold (32-bit integers, 64-bit floats) are float64.
    InputError with a sentence and code of its own for a file that is missing, a folder, unreadable,
    empty, no audio, damaged or cut short, longer than `max_seconds`, without samples, not finite.
    """
    from acestep_cli.audio.tagging import tags_of

    shown = sources.name_of(source, name)
    with sources.opened(source, shown) as stream:
        decoded = _decoded(stream, shown, Limits(max_seconds, exact=exact))
        tags = tags_of(stream)
    return Audio(decoded.samples, decoded.sample_rate, decoded.format, decoded.bit_depth, tags)


def load_for_model(
    source: Source, *, name: str | None = None, max_seconds: float = MAX_SECONDS
) -> Samples:
    """A file as the networks were trained on it: float32 [2, S] at 48 kHz within [-1, 1].

    Mono is doubled, of more channels the first two are kept, other rates are resampled with the
    `model` kernel. Nothing is trimmed or padded. Errors as `read_audio`.
    """
    shown = sources.name_of(source, name)
    with sources.opened(source, shown) as stream:
        decoded = _decoded(stream, shown, Limits(max_seconds, channels=2))
    return for_model(decoded.samples, decoded.sample_rate)


def for_model(samples: Samples, sample_rate: int) -> Samples:
    """What `load_for_model` does after decoding, for samples [C, S] at `sample_rate` (Hz)."""
    import numpy as np

    from acestep_cli.audio.resample import resample

    stereo = samples[:2] if samples.shape[0] > 1 else np.repeat(samples, 2, axis=0)
    return np.clip(resample(stereo, sample_rate, MODEL_RATE), -1, 1)


def _decoded(stream: BinaryIO, shown: str, limits: Limits) -> Decoded:
    from acestep_cli.audio.level import peak

    decoded = decode(stream, shown, limits)
    if not math.isfinite(peak(decoded.samples)):
        raise sources.not_finite(shown)
    return decoded
