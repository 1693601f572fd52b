"""Where audio comes from, and the sentences for everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from acestep_cli.errors import InputError

Source = Path | str | bytes
RATE_LIMITS = (4_000, 384_000)
MAX_CHANNELS = 8


@contextmanager
def opened(source: Source, shown: str) -> Iterator[BinaryIO]:
    """A seekable stream over a file or over bytes; InputError where there is nothing to read.

    Files are opened without a buffer, so that the descriptor can be shared with libsndfile.
    """
    if isinstance(source, bytes):
        if not source:
            raise _empty(shown)
        yield BytesIO(source)
        return
    path = Path(source)
    try:
        stream = _regular(path, shown).open("rb", buffering=0)
    except OSError as error:
        raise InputError(
            f"{shown} cannot be read: {error.strerror or type(error).__name__}",
            "check the permissions of the file",
            code="unreadable",
        ) from error
    with stream:
        yield stream


def name_of(source: Source, name: str | None) -> str:
    """How messages call the source: `name`, else its path, else standard input."""
    if name is not None:
        return name
    return "the audio on standard input" if isinstance(source, bytes) else str(source)


def _regular(path: Path, shown: str) -> Path:
    if path.is_dir():
        raise InputError(
            f"{shown} is a folder and not an audio file", "name a file in it", code="is_folder"
        )
    if not path.exists():
        raise InputError(f"{shown} does not exist", "check the path", code="not_found")
    if not path.is_file():
        raise InputError(
            f"{shown} is not a regular file", "pipe the audio in with -", code="not_a_file"
        )
    if path.stat().st_size == 0:
        raise _empty(shown)
    return path


def _empty(shown: str) -> InputError:
    return InputError(f"{shown} is empty (0 bytes)", "choose another file", code="empty_file")


def not_audio(shown: str) -> InputError:
    """Nothing that any decoder knows."""
    return InputError(
        f"{shown} is not audio in a format that can be read",
        "wav, flac, mp3, ogg, opus, m4a, aiff, webm, wma and the like can",
        code="not_audio",
    )


def no_sound(shown: str) -> InputError:
    """A known container without an audio track."""
    return InputError(f"{shown} has no audio track", "choose another file", code="no_audio_track")


def damaged(shown: str) -> InputError:
    """Audio that ends before its header says, or that cannot be decoded in between."""
    return InputError(
        f"{shown} is damaged or cut short", "fetch or export it again", code="damaged_audio"
    )


def no_samples(shown: str) -> InputError:
    """A header without sound behind it."""
    return InputError(f"{shown} holds no samples", "choose another file", code="no_samples")


def not_finite(shown: str) -> InputError:
    """Float files may hold NaN and infinity."""
    return InputError(
        f"{shown} holds samples that are not finite numbers", "export it again", code="not_finite"
    )


def check_shape(shown: str, sample_rate: int, channels: int) -> None:
    """InputError for a sample rate or a number of channels that no music has."""
    lowest, highest = RATE_LIMITS
    if not lowest <= sample_rate <= highest:
        raise InputError(
            f"{shown} has a sample rate of {sample_rate} Hz; {lowest} to {highest} Hz are taken",
            "resample it first",
            code="bad_sample_rate",
        )
    if channels > MAX_CHANNELS:
        raise InputError(
            f"{shown} has {channels} channels; at most {MAX_CHANNELS} are taken",
            "mix it down to stereo first",
            code="too_many_channels",
        )


def check_seconds(shown: str, seconds: float, max_seconds: float) -> None:
    """InputError for audio longer than `max_seconds`."""
    if seconds > max_seconds:
        raise InputError(
            f"{shown} is {seconds:.2f} s long; at most {max_seconds:g} s are taken",
            "cut it first",
            code="audio_too_long",
        )
