"""Both sides compute the same thing on the same inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from acestep_cli.models.vae_fast import FastDecoder
from benchmarks import start
from benchmarks.build import Folders
from benchmarks.ours import Ours
from benchmarks.peer import Theirs
from benchmarks.side import Options
from benchmarks.sizes import CAPTION_TOKENS

OPTIONS = Options(dtype="float32", threads=1)


@pytest.fixture
def ours(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> Ours:
    return Ours(folders, OPTIONS, tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def theirs(folders: Folders) -> Theirs:
    return Theirs(folders, OPTIONS)


@torch.no_grad()
def results(ours: Ours, theirs: Theirs, stage: str, size: float) -> tuple[Tensor, Tensor]:
    def result(make: Callable[[float], Callable[[], Tensor]]) -> Tensor:
        return make(size)()

    return result(ours.stages()[stage]), result(theirs.stages()[stage])


@pytest.mark.parametrize(
    ("stage", "size", "shape"),
    [
        ("text", 0, (1, CAPTION_TOKENS, 48)),
        ("condition", 40, (1, 40 + 1 + CAPTION_TOKENS, 64)),
        ("dit", 6, (1, 150, 64)),
        ("vae", 2, (1, 2, 96_000)),
    ],
)
def test_stages_agree(
    ours: Ours, theirs: Theirs, stage: str, size: float, shape: tuple[int, ...]
) -> None:
    first, second = results(ours, theirs, stage, size)
    assert tuple(first.shape) == tuple(second.shape) == shape
    assert float((first - second).norm() / second.norm()) < 2e-4


def test_ours_runs_what_the_policy_names(ours: Ours) -> None:
    assert ours.policy.dtype == "float32"
    assert ours.policy.threads == 1
    assert isinstance(ours.networks.decoder(), FastDecoder)


def test_the_timbre_of_silence_is_kept(ours: Ours) -> None:
    with torch.no_grad():
        ours.stages()["condition"](8)()
    assert (ours.scratch / "timbre.safetensors").is_file()


def test_start_marks_import_and_load(folders: Folders, capfd: pytest.CaptureFixture[str]) -> None:
    scratch = str(folders.root)
    start.main(["ours", str(folders.root), scratch, "cpu", "float32", "1"])
    assert capfd.readouterr().out.splitlines() == ["mark imported", "mark loaded"]
