"""Where the audio of a job goes, and whether it can go there."""

from __future__ import annotations

import os
from pathlib import Path

from acestep_cli.errors import OutputError
from acestep_cli.files import is_file, prove_writable
from acestep_cli.run.edits import Tracks, Written

_SLACK_BYTES = 2_000_000  # records, tags, a second copy of a small file


def audio_path(
    folder: Path,
    job_id: str,
    output_file: Path | None,
    index: int,
    tracks: Tracks,
    extension: str,
) -> Path:
    """The file of item `index` (0-based): `<job_id>_1.ext` in `folder`, or `output_file`, numbered
    when there are several items. `tracks` names the track of each item, which its file ends with:
    `<job_id>_1_vocals.ext`."""
    ending = f"_{index + 1}_{tracks[index]}" if tracks[index] else f"_{index + 1}"
    if output_file is None:
        return folder / f"{job_id}{ending}.{extension}"
    named = output_file if output_file.suffix else output_file.with_suffix(f".{extension}")
    if len(tracks) == 1:
        return named
    return named.with_name(f"{named.stem}{ending}{named.suffix}")


def check_targets(
    folder: Path,
    output_file: Path | None,
    *,
    force: bool,
    written: Written,
    durations: tuple[float, ...],
    tracks: Tracks,
    sources: tuple[Path, ...] = (),
) -> None:
    """OutputError when the record or the audio could not be written: a folder that cannot be made
    or written, a named file that exists or is one of the `sources`, a disk without room for the
    whole job."""
    needed = sum(expected_bytes(written, duration) for duration in durations) + _SLACK_BYTES
    if output_file is None:
        prove_writable(folder, needed_bytes=needed)
        return
    prove_writable(folder, needed_bytes=_SLACK_BYTES)
    targets = [
        audio_path(folder, "", output_file, index, tracks, written.encoding.extension)
        for index in range(len(tracks))
    ]
    prove_writable(output_file.parent, [target.name for target in targets], needed)
    for target in targets:
        if os.path.lexists(target) and not is_file(target):
            raise OutputError(f"{target} is not a regular file", "name another file with -o")
        if any(_is_same(target, source) for source in sources):
            raise OutputError(
                f"{target} is the source, which is never written over",
                "name another file with -o",
                code="is_source",
            )
        if is_file(target) and not force:
            raise OutputError(
                f"{target} already exists", "choose another name or pass --force", code="exists"
            )


def _is_same(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except OSError:
        return False


def expected_bytes(written: Written, seconds: float) -> int:
    """About how large a file of `seconds` will be, rather too much than too little."""
    encoding = written.encoding
    if encoding.bitrate_kbps:
        return int(seconds * encoding.bitrate_kbps * 1000 / 8 * 1.2)
    depth = encoding.bit_depth or 32
    return int(seconds * written.rate * written.channels * depth / 8)
