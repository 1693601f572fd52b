"""The whole song, from process start to the file on disk, as a user of each side would make it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import flops
from benchmarks.process import BenchmarkError, Finished, environment, run_child
from benchmarks.results import Row
from benchmarks.side import SIDES
from benchmarks.sizes import (
    CAPTION,
    SEED,
    SONG_SECONDS,
    SONG_STEPS,
    frames_of,
    read_config,
)
from benchmarks.stages import Bench

_FIRST_STEP = "first step"
_AFTER_COMPOSING = ("render", "write")
_TOLERATED_SECONDS = 0.2


def song(bench: Bench, seconds: float = SONG_SECONDS, prefix: str = "song") -> None:
    """A song of each side: time to the first step, time to the file, peak of memory."""
    try:
        _remember(bench)
    except BenchmarkError as failure:
        bench.report.fail("a first short song, ours", failure)
    runs: dict[str, Finished] = {}
    for side, make in zip(SIDES, (_ours, _theirs), strict=True):
        folder = bench.scratch / f"{prefix}-{side}"
        folder.mkdir()
        _read_files(bench.folders.checkpoints if side == "ours" else bench.folders.pipeline)
        try:
            runs[side] = make(bench, folder, seconds)
            _check_length(folder, seconds)
        except BenchmarkError as failure:
            runs.pop(side, None)
            bench.report.fail(f"song of {seconds:g} s, {side}", failure)

    if SIDES[0] in runs:
        bench.report.remark(costs(bench.scratch / f"{prefix}-{SIDES[0]}"))
    for row in _rows(runs, prefix, seconds):
        work = _work(bench, seconds) if row.key == prefix else None
        counted = None if work is None else (work, work)
        bench.report.add(replace(row, device=bench.options.device, work=counted))


def _rows(runs: Mapping[str, Finished], prefix: str, seconds: float) -> Iterator[Row]:
    def of(part: Callable[[Finished], float | None]) -> list[tuple[float, ...]]:
        values = [part(runs[side]) if side in runs else None for side in SIDES]
        return [() if value is None else (value,) for value in values]

    ours, theirs = of(lambda run: run.marks.get(_FIRST_STEP))
    name = f"process start to first step, {seconds:g} s"
    yield Row(f"{prefix}-first-step", name, "s", ours, theirs)
    ours, theirs = of(lambda run: run.seconds)
    yield Row(prefix, f"song of {seconds:g} s, start to file", "s", ours, theirs)
    ours, theirs = of(lambda run: float(run.peak))
    yield Row(f"{prefix}-memory", f"peak memory, song of {seconds:g} s", "B", ours, theirs)


def _ours(bench: Bench, folder: Path, seconds: float) -> Finished:
    """Our command; its record says when the first step is done."""
    command = [*our_command(bench, folder), "--duration", f"{seconds:g}"]
    environ = environment(bench.folders, bench.options)
    return run_child(command, environ, folder, (_FIRST_STEP, lambda: has_stepped(folder)))


def our_command(bench: Bench, folder: Path) -> list[str]:
    """`acestep generate` without a length."""
    options = bench.options
    generate = [sys.executable, "-m", "acestep_cli", "generate", CAPTION, "--no-lm"]
    where = ["--checkpoints", str(bench.folders.checkpoints), "--output-dir", str(folder)]
    how = ["--seed", str(SEED), "--device", options.device, "--dtype", options.dtype]
    return [*generate, *where, *how]


def has_stepped(folder: Path) -> bool:
    """Whether the record in `folder` tells of a finished denoising step."""
    record = _record(folder)
    stage, progress = record.get("stage"), record.get("progress", 0)
    return stage in _AFTER_COMPOSING or (stage == "compose" and progress > 0)


def costs(folder: Path) -> str:
    """What our record in `folder` says of where the time went."""
    times = _record(folder).get("time_costs", {})
    return "ours, by its own clock: " + ", ".join(f"{name} {t:.2f} s" for name, t in times.items())


def _record(folder: Path) -> dict[str, Any]:
    for file in folder.glob("*.json"):
        record: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return record
    return {}


def _theirs(bench: Bench, folder: Path, seconds: float) -> Finished:
    options = bench.options
    command = [sys.executable, "-m", "benchmarks.peer_song", str(bench.folders.pipeline)]
    command += [str(folder / "song.mp3"), f"{seconds:g}"]
    command += [options.device, options.dtype, str(options.threads)]
    return run_child(command, environment(bench.folders, options), folder)


def _remember(bench: Bench) -> None:
    """Once for a benchmark folder, let our side keep what it keeps for later songs."""
    if any(bench.folders.home.rglob("*.safetensors")):
        return
    folder = bench.scratch / "first-song"
    folder.mkdir()
    command = [*our_command(bench, folder), "--duration", "10", "--inference-steps", "1"]
    run_child(command, environment(bench.folders, bench.options), folder)


def _read_files(folder: Path) -> None:
    """Read the weights below `folder`, so that the song finds them in memory."""
    for file in sorted(folder.rglob("*.safetensors")):
        with file.open("rb", buffering=0) as stream:
            while stream.read(1 << 24):
                pass


def _check_length(folder: Path, seconds: float) -> None:
    """A run that wrote no song, or a shorter one, proves nothing."""
    import soundfile

    for file in folder.glob("*.mp3"):
        length = soundfile.info(file).duration
        if abs(length - seconds) > _TOLERATED_SECONDS:
            raise BenchmarkError(f"{file.name} has {length:.2f} s")
        return
    raise BenchmarkError("no song was written")


def _work(bench: Bench, seconds: float) -> float:
    """Operations of a song's steps and of its decoding; words are not counted."""
    frames = frames_of(seconds)
    steps = SONG_STEPS * flops.dit_step(read_config(bench.folders.dit), frames, condition=0)
    return steps + flops.vae_decode(read_config(bench.folders.vae), frames)
