"""Both sides in real processes, on tiny weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import stages
from benchmarks.results import Report
from benchmarks.song import song
from benchmarks.stages import Bench


def test_a_step_is_raced(bench: Callable[..., Bench], report: Report) -> None:
    stages.dit(bench(dtype="float32", budget=0.0, seconds=(4.0,)))
    assert report.failures == []
    (row,) = report.rows
    assert row.key == "dit-4"
    assert len(row.ours) == len(row.theirs) == 1
    assert row.difference is not None
    assert row.difference < 2e-4


def test_a_song_is_made_by_both(bench: Callable[..., Bench], report: Report) -> None:
    song(bench(), seconds=10)
    assert report.failures == []
    (told,) = report.remarks
    assert told.startswith("ours, by its own clock: ")
    for name in ("words", "compose", "render", "write"):
        assert f"{name} " in told
    rows = {row.key: row for row in report.rows}
    assert list(rows) == ["song-first-step", "song", "song-memory"]
    for row in rows.values():
        assert len(row.ours) == len(row.theirs) == 1
    for side in (0, 1):
        first, whole, peak = (rows[key].best[side] for key in rows)
        assert first is not None
        assert whole is not None
        assert peak is not None
        assert 0.3 < first <= whole
        assert peak > 100e6
    assert rows["song"].work is not None


@pytest.mark.parametrize(("asked", "usual"), [((30.0, 999.0), [30.0]), ((4.0,), [4.0])])
def test_lengths_are_those_asked_for(
    bench: Callable[..., Bench], asked: tuple[float, ...], usual: list[float]
) -> None:
    assert bench(seconds=asked).lengths((10, 30)) == usual
    assert bench().lengths((10, 30)) == [10, 30]
