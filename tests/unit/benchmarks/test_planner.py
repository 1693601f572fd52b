"""The planner's benchmark: both sides compute the same, and what becomes of their times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import torch

from acestep_cli.demo.tiny import build_qwen
from acestep_cli.weights.index import read_index
from benchmarks import __main__ as main
from benchmarks import planner
from benchmarks.build import Folders
from benchmarks.planner_agreement import agreement
from benchmarks.planner_sides import Ours, Theirs, code_ids, read_rate
from benchmarks.process import BenchmarkError
from benchmarks.results import Report
from benchmarks.side import Options
from benchmarks.sizes import read_config
from benchmarks.stages import Bench


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planner") / "acestep-5Hz-lm-tiny"
    build_qwen(path, planner._sizes()["tiny"])
    return path


@torch.no_grad()
def test_both_sides_give_the_same_scores(folder: Path) -> None:
    ids, options = code_ids(folder), Options(dtype="float32", threads=1)
    writers = Ours(folder, options, "none", ids), Theirs(folder, options, ids)
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(0, 250, (n,), generator=generator).tolist() for n in (300, 33)]
    for writer in writers:
        writer.begin(prompts)
    for place in (5, 60_000, 0, 17):
        ours, theirs = (writer.scores() for writer in writers)
        assert ours.shape == (2, 64_001)
        assert float((ours - theirs).abs().max()) < 1e-4 * float(theirs.abs().max())
        assert not torch.allclose(ours[0], ours[1])
        for writer in writers:
            writer.take(int(ids[place]))


def test_bytes_are_those_of_the_layers_and_the_codes(folder: Path) -> None:
    config, tensors = read_config(folder), read_index(folder).tensors
    layers = sum(
        entry.numel for name, entry in tensors.items() if "layers." in name and "norm" not in name
    )
    values = layers + 64_001 * config["hidden_size"]
    assert planner.read_bytes(config, 16) == 2 * values
    assert planner.read_bytes(config, 8) == values
    assert planner.read_bytes(config, 4) == 0.5625 * values


def test_memory_is_read_at_some_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.planner_sides._READ_BYTES", 1 << 22)
    monkeypatch.setattr("benchmarks.planner_sides._READ_SECONDS", 0.01)
    assert 1e8 < read_rate(torch.device("cpu")) < 1e13


def test_rounded_weights_agree_more_or_less() -> None:
    fine, coarse = agreement("int8", 4), agreement("int4", 4)
    assert fine.tokens == coarse.tokens > 100
    assert 0.9 < fine.same < 1
    assert 0.5 < coarse.same < fine.same
    assert 0 < fine.divergence < 0.01 < coarse.divergence < 1


class FakeWorker:
    """Takes a second for 24 codes in bfloat16, other sides multiples of it; int4 dies."""

    taken: Mapping[str, float] = {"theirs": 2.4, "none": 1.2, "int8": 0.96}
    asked: list[str]

    def __init__(self, side: str, *more: object) -> None:
        self.side = side

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def ask(self, request: Mapping[str, Any]) -> dict[str, float]:
        self.asked.append(self.side)
        if self.side == "int4":
            raise BenchmarkError("died")
        if self.side == "memory":
            return {"rate": 1e9}
        return {"seconds": self.taken[self.side], "load": 2.0, "prompt": 0.5}


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(FakeWorker, "asked", asked, raising=False)
    monkeypatch.setattr(planner, "Worker", FakeWorker)
    return asked


def test_sides_take_turns_and_one_that_dies_is_left_out(
    faked: list[str], folder: Path, report: Report, tmp_path: Path
) -> None:
    bench = Bench(Folders(tmp_path), Options(), report, tmp_path, budget=0.0)
    planner.measure(bench, folder.parent, ("tiny",), ("none", "int8", "int4"))
    assert faked == [
        "theirs", "none", "int8", "int4", "memory", "theirs", "none", "int8", "memory",
    ]  # fmt: skip
    assert report.failures == ["planner tiny, int4: died"]
    rows = {row.key: row for row in report.rows}
    assert rows["planner-tiny"].best == pytest.approx((0.05, 0.1))
    assert rows["planner-tiny-int8"].ratio == pytest.approx(0.4)
    assert rows["planner-load-tiny-none"].best == (2.0, 2.0)
    assert rows["planner-tiny-int4"].ratio is None
    assert "20.0 codes/s, transformers 10.0: 2.00 times" in report.remarks[0]


def test_its_command_writes_what_it_prints(
    faked: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    words = ["planner", str(folder.parent), "--sizes", "tiny", "--forms", "none,int8"]
    words += ["--no-agreement", "--budget", "0", "--json", str(file)]
    assert main.main(words) == 0
    assert "2.00 times" in capsys.readouterr().out
    written = json.loads(file.read_text("utf-8"))
    assert written["rows"][0]["key"] == "planner-tiny"
    assert written["machine"]["memory_bytes_per_second"] == {"tiny": 1e9}
    assert main.main([*words[:4], "--forms", "int4", "--no-agreement"]) == 1


@pytest.mark.parametrize("words", [["--sizes", "9B"], ["--forms", "int2"]])
def test_unknown_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["planner", *words])
    assert caught.value.code == 2
    assert "is none of" in capsys.readouterr().err
