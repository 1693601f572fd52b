"""A long song on a GPU: how far each part is from what its arithmetic alone would take."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import Report, Row
from benchmarks.sizes import CUDA_SECONDS, SONG_STEPS
from benchmarks.song import song
from benchmarks.stages import Bench, Race, ceiling, dit_row, vae_row


def cuda(bench: Bench, device: str = "cuda") -> None:
    """A turbo song of 240 s: one step, the decoding, and the whole of it.

    A remark where there is no such device. `device` is another one in tests.
    """
    bench = replace(bench, options=replace(bench.options, device=device))
    ceiling(bench)
    if bench.report.ceiling(device) is None:
        bench.report.remark(f"no {device} device is at hand: its stages were left out")
        return
    seconds = max(bench.lengths((CUDA_SECONDS,)))
    with Race(bench) as race:
        step = dit_row(bench, race, seconds, f"{device}-dit")
        bench.report.add(step)
    with Race(bench) as race:
        decode = vae_row(bench, race, seconds, f"{device}-vae")
        bench.report.add(decode)
    song(bench, seconds, f"{device}-song")
    for row, units, what in (
        (step, SONG_STEPS, f"{SONG_STEPS} DiT steps"),
        (decode, seconds, "VAE decode"),
    ):
        _remark_roofline(bench.report, row, units, f"{what} of {seconds:g} s on {device}")


def _remark_roofline(report: Report, row: Row, units: float, what: str) -> None:
    ceiling_rate = report.ceiling(row.device)
    if row.best[0] is None or row.work is None or ceiling_rate is None:
        return
    roof = row.work[0] * units / ceiling_rate
    ours = row.best[0] * units
    report.remark(f"{what}: {ours:.3g} s, {ours / roof:.2f} times the {roof:.3g} s of its roofline")
