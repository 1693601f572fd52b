"""Where the files of a job go, and whether they can go there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from acestep_cli.errors import OutputError
from acestep_cli.files import is_file, prove_writable
from acestep_cli.request.names import (
    fill,
    is_template,
    literal_folder,
    parts_of,
    sets_ending,
    tells_apart,
)
from acestep_cli.run.edits import Tracks, Written

_SLACK_BYTES = 2_000_000  # records, tags, a second copy of a small file
PLOT = "png"


@dataclass(frozen=True, slots=True)
class Targets:
    """The names of a job's files: `<job_id>_1.ext` in `folder`, or `file` (None: no file was
    named), which may have parts that the song fills in.

    Items are numbered where one name would serve several of them, and end with the track that they
    extract, unless the name tells it: `<job_id>_1_vocals.ext`. `seeds` and `tracks` have one entry
    for each item.
    """

    folder: Path
    file: Path | None
    extension: str
    seeds: tuple[int, ...]
    tracks: Tracks

    def path(self, index: int, job_id: str, values: Mapping[str, object] | None = None) -> Path:
        """The file of item `index` (0-based); `values` of `names.PARTS` fill the parts of a name.
        None of them are needed where `is_fixed`."""
        number, track = f"_{index + 1}", self.tracks[index]
        ending = f"{number}_{track}" if track else number
        if self.file is None:
            return self.folder / f"{job_id}{ending}.{self.extension}"
        text = str(self.file)
        known = {
            "seed": self.seeds[index],
            "index": index + 1,
            "track": self.tracks[index],
            "job_id": job_id,
            "ext": self.extension,
        }
        named = fill(text, {**(values or {}), **known})
        if not sets_ending(text):
            named = named.with_name(f"{named.name}.{self.extension}")
        if self._tells_apart:
            return named
        if is_template(text) and "track" in parts_of(text):
            ending = number  # the track is told already
        return named.with_name(f"{named.stem}{ending}{named.suffix}")

    @property
    def is_fixed(self) -> bool:
        """Whether the names are known before the songs are planned."""
        return self.file is None or not is_template(str(self.file))

    def to(self, file: Path | None, extension: str) -> Targets:
        """The same items in other files."""
        return replace(self, file=file, extension=extension)

    @property
    def _tells_apart(self) -> bool:
        one = len(self.tracks) == 1
        return one or tells_apart(str(self.file), seeds=self.seeds, tracks=self.tracks)


def check_targets(
    targets: Targets,
    *,
    force: bool,
    written: Written,
    durations: tuple[float, ...],
    sources: tuple[Path, ...] = (),
) -> None:
    """OutputError when the record or the audio could not be written: a folder that cannot be made
    or written, a named file that exists or is one of the `sources`, a disk without room for the
    whole job. What a song names is looked at once it is planned, by `check_named`."""
    needed = sum(expected_bytes(written, duration) for duration in durations) + _SLACK_BYTES
    if targets.file is None:
        prove_writable(targets.folder, needed_bytes=needed)
        return
    prove_writable(targets.folder, needed_bytes=_SLACK_BYTES)
    if not targets.is_fixed:
        prove_writable(literal_folder(str(targets.file)), needed_bytes=needed)
        return
    paths = [targets.path(index, "") for index in range(len(targets.tracks))]
    prove_writable(targets.file.parent, [path.name for path in paths], needed)
    check_named(paths, force=force, sources=sources)


def check_named(paths: Iterable[Path], *, force: bool, sources: tuple[Path, ...] = ()) -> None:
    """OutputError for a file among `paths` that exists (unless `force`), is none, or is one of the
    `sources`, and for two of one name."""
    seen: set[Path] = set()
    for path in paths:
        if path in seen:
            raise OutputError(
                f"{path} would be the name of two songs", "put {index} into the name with -o"
            )
        seen.add(path)
        if os.path.lexists(path) and not is_file(path):
            raise OutputError(f"{path} is not a regular file", "name another file with -o")
        if any(_is_same(path, source) for source in sources):
            raise OutputError(
                f"{path} is the source, which is never written over",
                "name another file with -o",
                code="is_source",
            )
        if is_file(path) and not force:
            raise OutputError(
                f"{path} already exists", "choose another name or pass --force", code="exists"
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
