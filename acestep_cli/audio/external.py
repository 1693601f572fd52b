"""The last resort for formats outside the table: the user's own ffmpeg, driven by pydub.

It only writes. Reading never comes here: such an ffmpeg follows playlists into the network.
"""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from acestep_cli.errors import OutputError

if TYPE_CHECKING:
    from acestep_cli.audio.level import Samples
    from acestep_cli.audio.tags import Tags

# Extensions that people type and that are no muxer's name.
_MUXERS = {"aif": "aiff", "mka": "matroska", "weba": "webm", "wma": "asf"}
_PLAYLISTS = ("dash", "hls")  # many files, where one is asked for
_PATIENCE_SECONDS = 20.0


def writable_extension(word: str) -> str | None:
    """The file extension for format `word` when an ffmpeg on the PATH can write sound in it."""
    import shutil

    if not re.fullmatch(r"[a-z0-9_]{2,16}", word) or word in _PLAYLISTS:
        return None
    program = shutil.which("ffmpeg")
    return _ask(program, word) if program else None


def encode(
    samples: Samples, sample_rate: int, name: str, bitrate_kbps: int | None, tags: Tags | None
) -> bytes:
    """`samples` [C, S] in format `name` with the codec that ffmpeg uses for it.

    pydub hands over 32-bit integers, so values outside [-1, 1] are clipped. OutputError when ffmpeg
    refuses.
    """
    import shutil

    from acestep_cli.audio.level import to_integers

    program = shutil.which("ffmpeg")
    if program is None:
        raise OutputError(
            f"{name} needs an ffmpeg on the PATH and there is none",
            "install ffmpeg or choose mp3, flac, wav, ogg, opus or m4a",
        )
    from pydub import AudioSegment  # looks for ffmpeg when imported, and warns without one
    from pydub.exceptions import CouldntEncodeError

    segment = AudioSegment(
        data=to_integers(samples, 32).tobytes(),
        sample_width=4,
        frame_rate=sample_rate,
        channels=samples.shape[0],
    )
    segment.converter = program  # pydub itself would look in the working folder first
    target = BytesIO()
    try:
        segment.export(
            target,
            format=_MUXERS.get(name, name),
            bitrate=f"{bitrate_kbps}k" if bitrate_kbps else None,
            parameters=["-fflags", "+bitexact", "-flags:a", "+bitexact"],
            tags=tags.as_text() if tags else None,
        )
    except CouldntEncodeError as error:
        lines = str(error).strip().splitlines()
        raise OutputError(
            f"ffmpeg cannot write {name}: {lines[-1] if lines else 'no reason given'}",
            "choose mp3, flac, wav, ogg, opus or m4a",
        ) from error
    return target.getvalue()


@lru_cache(maxsize=32)
def _ask(program: str, word: str) -> str | None:
    import subprocess

    question = [program, "-hide_banner", "-h", f"muxer={_MUXERS.get(word, word)}"]
    try:
        answer = subprocess.run(
            question,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    extensions = re.search(r"Common extensions: ([\w,]+)", answer.stdout)
    if extensions is None or "Default audio codec:" not in answer.stdout:
        return None
    choices = extensions[1].split(",")
    return word if word in choices or word in _MUXERS else choices[0]
