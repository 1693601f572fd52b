"""Tiny weights in both layouts, built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.build import Folders, build
from benchmarks.results import Report, Row
from benchmarks.side import Options
from benchmarks.stages import Bench

News = list[Row | str]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return build(tmp_path_factory.mktemp("benchmark") / "tiny", "tiny")


@pytest.fixture
def report() -> Report:
    return Report({}, lambda news: None)


@pytest.fixture
def bench(folders: Folders, report: Report, tmp_path: Path) -> Callable[..., Bench]:
    def make(dtype: str = "bfloat16", **more: object) -> Bench:
        options = Options(dtype=dtype, threads=1)
        return Bench(folders, options, report, tmp_path, **more)  # type: ignore[arg-type]

    return make
