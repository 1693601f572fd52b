"""Rows, targets, the table and the command around them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import table
from benchmarks.build import Folders
from benchmarks.cuda import cuda
from benchmarks.results import TARGETS, Report, Row
from benchmarks.stages import Bench


def row(key: str = "dit-30", ours: float = 2.0, theirs: float = 4.0) -> Row:
    return Row(key, f"name of {key}", "s", (ours + 1, ours), (theirs,), work=(1e9, 2e9))


def test_the_best_runs_are_compared() -> None:
    assert row().best == (2.0, 4.0)
    assert row().ratio == 0.5
    assert row().shares(1e9) == (0.5, 0.5)
    assert row().shares(None) == (None, None)


@pytest.mark.parametrize(("ours", "met"), [(3.36, True), (3.37, False)])
def test_a_ratio_is_held_to_its_target(ours: float, met: bool) -> None:
    assert row(ours=ours).is_met is met


def test_memory_is_held_to_its_own_value() -> None:
    assert Row("vae-memory", "m", "B", (2.9e9,), (1e9,)).is_met is True
    assert Row("vae-memory", "m", "B", (3.1e9,), (9e9,)).is_met is False


def test_a_row_with_one_side_has_no_verdict() -> None:
    alone = Row("dit-30", "x", "s", (), (4.0,))
    assert (alone.ratio, alone.is_met) == (None, None)
    assert alone.as_dict()["target"] == {"kind": "ratio", "at_most": 0.84}
    assert "diffusers" in table.header()
    assert "4.00 s" in table.row_line(alone, 1e12)


def test_the_line_of_a_row() -> None:
    cells = table.row_line(row(), 1e9).split("  ")
    assert [cell.strip() for cell in cells if cell.strip()] == [
        "name of dit-30", "2.00 s", "4.00 s", "0.50", "<= 0.84", "met", "50% / 50%", "2", "-",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.3456, "s/s", "0.346 s/s"),
        (41.26, "s", "41.26 s"),
        (2.714e9, "B", "2.71 GB"),
        (None, "s", "-"),
    ],
)
def test_amounts(value: float | None, unit: str, text: str) -> None:
    assert table.amount(value, unit) == text


def test_the_summary_names_missed_and_unseen(report: Report) -> None:
    report.add(row())
    report.add(row("dit-240", ours=4.0))
    report.fail("song", "died")
    lines = table.summary(report, {"dit-30", "dit-240", "song"})
    assert lines == [
        "targets: 1 met, 1 missed, 1 not seen",
        "  missed: name of dit-240: 1.00 of diffusers' where 0.78 was hoped for",
        "  not seen: song (<= 0.48)",
        "failed: song: died",
    ]


def test_rates_that_drift_are_a_warning(report: Report) -> None:
    for rate in (4e11, 3.8e11):
        report.rate("cpu", "bfloat16", rate)
    assert table.unquiet(report) == []
    report.rate("cpu", "bfloat16", 3e11)
    assert "300 to 400 GFLOP/s" in table.unquiet(report)[0]
    assert report.ceiling("cpu") == 4e11
    assert table.ceilings(report) == [
        "ceiling of cpu: GFLOP/s of a large F.linear: 400 in bfloat16"
    ]


def test_an_empty_row_is_left_out(report: Report) -> None:
    report.add(Row("dit-30", "x", "s"))
    assert report.rows == []


def fake_stage(bench: Bench) -> None:
    bench.report.add(row())
    bench.report.add(row("vae-10", ours=3.0))


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    def rate(bench: Bench) -> None:
        bench.report.rate("cpu", "bfloat16", 1e9)

    monkeypatch.setattr("benchmarks.stages.ceiling", rate)
    for name in command.STAGES:
        monkeypatch.setitem(command.STAGES, name, lambda bench: None)
    monkeypatch.setitem(command.STAGES, "dit", fake_stage)


@pytest.mark.usefixtures("faked")
def test_the_command_prints_and_writes_everything(
    folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    assert command.main([str(folders.root), "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "2 threads each" in printed
    assert "name of dit-30" in printed
    assert "targets: 1 met, 1 missed, 11 not seen" in printed
    written = json.loads(file.read_text("utf-8"))
    assert [found["key"] for found in written["rows"]] == ["dit-30", "vae-10"]
    assert written["rows"][0]["of_ceiling"] == [0.5, 0.5]
    assert written["machine"]["threads"] == 2


@pytest.mark.usefixtures("faked")
def test_a_ceiling_that_rose_is_told_with_the_rows(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = iter((1e9, 2e9))
    monkeypatch.setattr(
        "benchmarks.stages.ceiling",
        lambda bench: bench.report.rate("cpu", "bfloat16", next(rates)),
    )
    command.main([str(folders.root)])
    first, second = capsys.readouterr().out.split("again, with the ceiling of the end:")
    assert "50% / 50%" in first
    assert "25% / 25%" in second


@pytest.mark.usefixtures("faked")
def test_a_failed_stage_is_told_and_the_rest_goes_on(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(command.STAGES, "start", lambda bench: bench.report.fail("load", "no"))
    assert command.main([str(folders.root), "--only", "dit,start", "--seconds", "30"]) == 1
    printed = capsys.readouterr().out
    assert printed.index("failed: load: no") < printed.index("name of dit-30")
    assert "0 not seen" in printed


@pytest.mark.parametrize(
    "arguments", [["--only", "dit,tea"], ["--seconds", "0"], ["--seconds", "ten"]]
)
def test_bad_arguments_are_refused(
    folders: Folders, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main([str(folders.root), *arguments])
    assert stop.value.code == 2
    assert arguments[1].split(",")[-1] in capsys.readouterr().err


def test_a_folder_without_weights_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(tmp_path)]) == 2
    assert "--build" in capsys.readouterr().err


def test_build_refuses_what_it_did_not_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "letter.txt").touch()
    assert command.main(["build", str(tmp_path), "--size", "tiny"]) == 2
    assert "not empty" in capsys.readouterr().err


def test_without_a_gpu_its_stages_are_a_remark(bench_without_cuda: Bench, report: Report) -> None:
    cuda(bench_without_cuda)
    assert report.rows == []
    assert report.failures == []
    assert report.remarks == ["no cuda device is at hand: its stages were left out"]


@pytest.fixture
def bench_without_cuda(
    folders: Folders, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    from benchmarks.side import Options

    monkeypatch.setattr("benchmarks.cuda.ceiling", lambda bench: None)
    return Bench(folders, Options(), report, tmp_path)


def test_a_gpus_parts_are_told_beside_their_roofline(
    bench_without_cuda: Bench, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rate(bench: Bench) -> None:
        bench.report.rate(bench.options.device, "bfloat16", 1e12)

    def made(key: str, ours: float, work: float) -> Row:
        return Row(key, "x", "s", (ours,), (1.0,), (work, work), device="cuda")

    class NoRace:
        def __init__(self, bench: Bench) -> None:
            assert bench.options.device == "cuda"

        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    songs = []
    monkeypatch.setattr("benchmarks.cuda.ceiling", rate)
    monkeypatch.setattr("benchmarks.cuda.Race", NoRace)
    monkeypatch.setattr("benchmarks.cuda.dit_row", lambda *rest: made("cuda-dit", 0.02, 1e10))
    monkeypatch.setattr("benchmarks.cuda.vae_row", lambda *rest: made("cuda-vae", 0.002, 1e9))
    monkeypatch.setattr("benchmarks.cuda.song", lambda bench, *rest: songs.append(rest))
    cuda(bench_without_cuda)
    assert songs == [(240, "cuda-song")]
    assert report.remarks == [
        "8 DiT steps of 240 s on cuda: 0.16 s, 2.00 times the 0.08 s of its roofline",
        "VAE decode of 240 s on cuda: 0.48 s, 2.00 times the 0.24 s of its roofline",
    ]


def test_every_target_belongs_to_a_stage() -> None:
    assert {key.split("-")[0] for key in TARGETS} <= set(command.STAGES)
