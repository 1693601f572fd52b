"""The stages: what is run, how often, and what becomes a row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import flops
from benchmarks.build import Folders
from benchmarks.process import (
    BenchmarkError,
    Worker,
    environment,
    module_command,
    run_child,
)
from benchmarks.results import Dtype, Report, Row
from benchmarks.side import SIDES, Options
from benchmarks.sizes import (
    CAPTION_TOKENS,
    CONDITION_TOKENS,
    DECODE_SECONDS,
    FRAMES_A_SECOND,
    LYRIC_TOKENS,
    STEP_SECONDS,
    frames_of,
    read_config,
)

_MOST_ROUNDS = 3
_STARTS = 2
# Sizes of an uncounted first run of each stage, which loads the weights and touches them.
_WARM_UP = {"text": 0.0, "condition": 64.0, "dit": 2.0, "vae": 2.0}


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage needs. `budget`: about how many seconds a row may compute, both sides
    together, one round at least; `seconds`: lengths to keep, None for all; `scratch`: a folder for
    what comes and goes."""

    folders: Folders
    options: Options
    report: Report
    scratch: Path
    budget: float = 30.0
    seconds: tuple[float, ...] | None = None

    def lengths(self, usual: Sequence[float]) -> list[float]:
        """Those of the `usual` lengths that were asked for, or all of what was asked for if none
        of them is usual."""
        if self.seconds is None:
            return list(usual)
        return [length for length in self.seconds if length in usual] or list(self.seconds)


@dataclass(slots=True)
class Times:
    """Seconds of every run of both sides, and the relative difference of their results."""

    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    difference: float | None = None

    def each(self, units: float) -> Times:
        """The times of one of `units` equal parts."""
        ours, theirs = (tuple(t / units for t in side) for side in (self.ours, self.theirs))
        return Times(ours, theirs, self.difference)


class Race:
    """Both sides, each in a process of its own, taking turns; a context manager.

    A side that fails is named in the report and left out from then on.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stack = ExitStack()
        self._running: dict[str, Worker] = {}
        self._warm: set[str] = set()

    def __enter__(self) -> Race:
        bench = self._bench
        for side in SIDES:
            worker = Worker(side, bench.folders, bench.options, bench.scratch)
            self._running[side] = self._stack.enter_context(worker)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, name: str, stage: str, size: float) -> Times:
        """Time a stage in turns until the budget is spent; each side's first result is compared."""
        times: dict[str, list[float]] = {side: [] for side in SIDES}
        files = {side: self._bench.scratch / f"{side}.npy" for side in SIDES}
        if stage not in self._warm:
            self._warm.add(stage)
            for side in SIDES:
                self._ask(name, side, {"stage": stage, "size": _WARM_UP[stage], "save": None})
        for _ in range(_MOST_ROUNDS):
            spent = sum(map(sum, times.values()))
            lap = sum(max(taken, default=0.0) for taken in times.values())
            if spent and spent + lap > self._bench.budget:
                break
            for side in SIDES:
                save = None if times[side] else str(files[side])
                times[side] += self._ask(name, side, {"stage": stage, "size": size, "save": save})
        difference = self._compare(name, files) if all(times.values()) else None
        return Times(tuple(times["ours"]), tuple(times["theirs"]), difference)

    def _ask(self, name: str, side: str, request: dict[str, object]) -> list[float]:
        """Seconds of one run; nothing of a side that failed, now or before."""
        worker = self._running.get(side)
        if worker is None:
            return []
        try:
            return [worker.ask(request)["seconds"]]
        except BenchmarkError as failure:
            self._bench.report.fail(f"{name}, {side}", failure)
            del self._running[side]
            return []

    def _compare(self, name: str, files: dict[str, Path]) -> float | None:
        try:
            return relative_difference(files["ours"], files["theirs"])
        except BenchmarkError as failure:
            self._bench.report.fail(f"{name}, comparing results", failure)
            return None

    def peaks(self) -> Times:
        """End both sides; their peaks of resident memory in bytes in the place of seconds."""
        peaks = {side: (float(worker.close()),) for side, worker in self._running.items()}
        return Times(peaks.get("ours", ()), peaks.get("theirs", ()))


def ceiling(bench: Bench) -> None:
    """Measure the rates of matrix products; called at both ends of a run, since a machine that is
    not quiet shows it here."""
    device = bench.options.device
    dtypes: tuple[Dtype, ...] = ("bfloat16", "float32")
    try:
        with Worker("machine", bench.folders, bench.options, bench.scratch) as machine:
            for dtype in dtypes:
                rate = machine.ask({"dtype": dtype})["flops"]
                if rate is not None:
                    bench.report.rate(device, dtype, rate)
    except BenchmarkError as failure:
        bench.report.fail(f"ceiling of {device}", failure)


def start(bench: Bench) -> None:
    """Import and load, in fresh processes."""
    imports: dict[str, list[float]] = {side: [] for side in SIDES}
    loads: dict[str, list[float]] = {side: [] for side in SIDES}
    environ = environment(bench.folders, bench.options)
    for side in SIDES * _STARTS:
        command = module_command("start", side, bench.folders, bench.options, bench.scratch)
        try:
            marks = run_child(command, environ, bench.scratch).marks
        except BenchmarkError as failure:
            bench.report.fail(f"start, {side}", failure)
            continue
        imports[side].append(marks["imported"])
        loads[side].append(marks["loaded"] - marks["imported"])
    for key, name, times in (
        ("import", "import, from process start", imports),
        ("load", "load all networks", loads),
    ):
        bench.report.add(Row(key, name, "s", tuple(times["ours"]), tuple(times["theirs"])))


def words(bench: Bench) -> None:
    """Text encoder and condition encoder."""
    config = read_config(bench.folders.dit)
    with Race(bench) as race:
        name = f"text, {CAPTION_TOKENS} tokens"
        work = flops.text_features(read_config(bench.folders.text_encoder), CAPTION_TOKENS)
        text = _row("text", name, race.run(name, "text", 0), (work, work), bench)
        bench.report.add(text)
        for tokens in LYRIC_TOKENS:
            name = f"conditions, {tokens} lyric tokens"
            work = flops.conditions(config, CAPTION_TOKENS, tokens, timbre=False)
            whole = flops.conditions(config, CAPTION_TOKENS, tokens, timbre=True)
            times = race.run(name, "condition", tokens)
            row = _row(f"conditions-{tokens}", name, times, (work, whole), bench)
            bench.report.add(row)
            bench.report.add(_together(text, row, tokens))


def dit(bench: Bench) -> None:
    """One denoising step."""
    with Race(bench) as race:
        for seconds in bench.lengths(STEP_SECONDS):
            bench.report.add(dit_row(bench, race, seconds))


def dit_row(bench: Bench, race: Race, seconds: float, key: str = "dit") -> Row:
    """One denoising step of a song of `seconds`."""
    name = f"DiT step, {seconds:g} s"
    config = read_config(bench.folders.dit)
    work = flops.dit_step(config, frames_of(seconds), CONDITION_TOKENS)
    return _row(f"{key}-{seconds:g}", name, race.run(name, "dit", seconds), (work, work), bench)


def vae(bench: Bench) -> None:
    """Decoding, for each second of audio, and what memory it takes."""
    lengths = bench.lengths(DECODE_SECONDS)
    with Race(bench) as race:
        for seconds in lengths:
            bench.report.add(vae_row(bench, race, seconds))
        peaks = race.peaks()
    name = f"peak memory, VAE decode of {max(lengths):g} s"
    bench.report.add(Row("vae-memory", name, "B", peaks.ours, peaks.theirs))


def vae_row(bench: Bench, race: Race, seconds: float, key: str = "vae") -> Row:
    """Decoding `seconds` of audio, for each of them."""
    name = f"VAE decode, {seconds:g} s"
    work = flops.vae_decode(read_config(bench.folders.vae), FRAMES_A_SECOND)
    times = race.run(name, "vae", seconds).each(seconds)
    row = _row(f"{key}-{seconds:g}", name, times, (work, work), bench)
    return replace(row, unit="s/s")


def relative_difference(ours: Path, theirs: Path) -> float:
    """Root mean square of the difference of two saved arrays over that of `theirs`."""
    import numpy as np

    first, second = np.load(ours), np.load(theirs)
    if first.shape != second.shape:
        raise BenchmarkError(f"ours is {first.shape} and theirs {second.shape}")
    return float(np.sqrt(((first - second) ** 2).mean() / (second**2).mean()))


def _row(key: str, name: str, times: Times, work: tuple[float, float], bench: Bench) -> Row:
    device = bench.options.device
    return Row(key, name, "s", times.ours, times.theirs, work, times.difference, device)


def _together(text: Row, row: Row, tokens: int) -> Row:
    """Both halves of what the words cost: the best of each."""

    def total(first: float | None, second: float | None) -> tuple[float, ...]:
        return () if first is None or second is None else (first + second,)

    ours, theirs = (total(a, b) for a, b in zip(text.best, row.best, strict=True))
    assert text.work and row.work
    work = (text.work[0] + row.work[0], text.work[1] + row.work[1])
    name = f"text and conditions, {tokens}"
    return Row(f"words-{tokens}", name, "s", ours, theirs, work, device=row.device)
