"""Where the audio of a job goes, and whether it can go there."""

from __future__ import annotations

import os
from pathlib import Path

from acestep_cli.audio.formats import Encoding
from acestep_cli.errors import OutputError
from acestep_cli.files import is_file, prove_writable

SAMPLE_RATE = 48_000
_CHANNELS = 2
_SLACK_BYTES = 2_000_000  # records, tags, a second copy of a small file


def audio_path(
    folder: Path, job_id: str, output_file: Path | None, index: int, items: int, extension: str
) -> Path:
    """The file of item `index` (0-based): `<job_id>_1.ext` in `folder`, or `output_file`, numbered
    when there are several items."""
    if output_file is None:
        return folder / f"{job_id}_{index + 1}.{extension}"
    named = output_file if output_file.suffix else output_file.with_suffix(f".{extension}")
    if items == 1:
        return named
    return named.with_name(f"{named.stem}_{index + 1}{named.suffix}")


def check_targets(
    folder: Path,
    output_file: Path | None,
    *,
    force: bool,
    encoding: Encoding,
    durations: tuple[float, ...],
) -> None:
    """OutputError when the record or the audio could not be written: a folder that cannot be made
    or written, a named file that exists, a disk without room for the whole job."""
    needed = sum(expected_bytes(encoding, duration) for duration in durations) + _SLACK_BYTES
    if output_file is None:
        prove_writable(folder, needed_bytes=needed)
        return
    prove_writable(folder, needed_bytes=_SLACK_BYTES)
    targets = [
        audio_path(folder, "", output_file, index, len(durations), encoding.extension)
        for index in range(len(durations))
    ]
    prove_writable(output_file.parent, [target.name for target in targets], needed)
    for target in targets:
        if os.path.lexists(target) and not is_file(target):
            raise OutputError(f"{target} is not a regular file", "name another file with -o")
        if is_file(target) and not force:
            raise OutputError(
                f"{target} already exists", "choose another name or pass --force", code="exists"
            )


def expected_bytes(encoding: Encoding, seconds: float) -> int:
    """About how large a file of `seconds` will be, rather too much than too little."""
    if encoding.bitrate_kbps:
        return int(seconds * encoding.bitrate_kbps * 1000 / 8 * 1.2)
    depth = encoding.bit_depth or 32
    return int(seconds * SAMPLE_RATE * _CHANNELS * depth / 8)
