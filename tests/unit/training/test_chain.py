"""One command makes the whole set from nothing: here each network takes a single step."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from acestep_cli.cli import main as acestep
from acestep_cli.weights import places
from acestep_cli.weights.demonstration import DEMO, is_whole
from training.__main__ import PACKAGED, STAGES, STATE, main
from training.autoencoder import layers
from training.codes import Codes
from training.loop import borrow
from training.stages import PLANS, _await

TRIAL = ("--share", "1e-6")
ALONE = ("--processes", "1")


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step is over sooner than its loops are compiled."""
    monkeypatch.setattr(layers, "_compiled", lambda function: function)


@pytest.mark.usefixtures("uncompiled")
def test_from_nothing_to_a_song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, out = tmp_path / "state", tmp_path / "set"
    assert main([*TRIAL, *ALONE, "--state", str(state), "--out", str(out)]) == 0
    begun = {path.stem for path in state.iterdir()}
    assert begun == {*STAGES, "reader"} - {"export"}
    for path in state.iterdir():
        assert torch.load(path, weights_only=True)["step"] == 1
    assert is_whole(out)
    same = {path.relative_to(PACKAGED) for path in PACKAGED.rglob("*") if path.is_file()}
    assert {path.relative_to(out) for path in out.rglob("*") if path.is_file()} == same

    monkeypatch.setattr(places, "_DEMO", out)
    song = tmp_path / "song.wav"
    words = ["generate", "folk", "--duration", "2", "--steps", "1", "--no-lm", "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        acestep([*words, "--model", DEMO, "-o", str(song)])
    assert ended.value.code == 0
    assert soundfile.info(song).frames == 96000


def test_two_processes_make_what_one_makes(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "set"))
    stages = ("codes", "planner")
    made = []
    for processes in ("1", "2"):
        state = tmp_path / processes
        words = ["--processes", processes, "--state", str(state), *TRIAL, *out, *stages]
        assert main(words) == 0
        made.append({path.stem: torch.load(path, weights_only=True) for path in state.iterdir()})
    one, two = made
    assert set(one) == set(two) == set(stages)
    for stage in stages:
        torch.testing.assert_close(one[stage]["mean"], two[stage]["mean"], rtol=0, atol=0)


def test_what_fails_in_a_process_ends_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"module": {}, "mean": {}, "step": 0}, tmp_path / "codes.pt")
    out = tmp_path / "set"
    stages = STAGES
    assert main([*TRIAL, "--state", str(tmp_path), "--out", str(out), *stages]) == 1
    told = f"the training of codes failed; the same command goes on from {tmp_path}\n"
    assert capsys.readouterr().err == told
    assert not out.exists()


@pytest.mark.usefixtures("uncompiled")
def test_one_network_is_trained_on_beside_the_others_of_a_set(tmp_path: Path) -> None:
    out, mine = tmp_path / "set", tmp_path / "set" / "DEMO.txt"
    out.mkdir()
    mine.write_text("an earlier set", "utf-8")
    words = ("--start", str(PACKAGED), "--state", str(tmp_path / "state"), "--out", str(out))
    assert main([*TRIAL, *words, "renderer", "export"]) == 0
    assert is_whole(out) and [path.name for path in tmp_path.glob("set*")] == ["set"]
    changed = set()
    for path in filter(Path.is_file, PACKAGED.rglob("*")):
        name = path.relative_to(PACKAGED)
        if path.read_bytes() != (out / name).read_bytes():
            changed.add(str(name))
    assert changed == {"demo/model.safetensors", "Qwen3-Embedding-0.6B/model.safetensors"}


class Ending:
    """A process that fails right after it was asked how it ended, and had not."""

    name = "codes"

    def __init__(self) -> None:
        self.sentinel, self._held = multiprocessing.Pipe(duplex=False)

    def is_alive(self) -> bool:
        return not self._held.closed

    @property
    def exitcode(self) -> int | None:
        code = None if self.is_alive() else 1
        self._held.close()
        return code


def test_what_ends_while_it_is_asked_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_a_moment(sentinels: Sequence[Connection]) -> None:
        assert connection.wait(sentinels, timeout=0)

    monkeypatch.setattr("training.stages.wait", wait_a_moment)
    process: Any = Ending()
    with pytest.raises(ChildProcessError, match="codes failed"):
        _await([process], [process])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*TRIAL, "decoder"), "name its own --state and --out"),
        ((*TRIAL, "--out", os.path.relpath(PACKAGED)), "name its own --state and --out"),
        ((*TRIAL, "--out", "set", "--state", str(STATE)), "name its own --state and --out"),
        (("--share", "0", "decoder"), "0 is no number in (0, 1]"),
        (("--share", "nan"), "nan is no number in (0, 1]"),
        (("--share", "half"), "half is no number in (0, 1]"),
        (("decode",), "decode is none of decoder, encoder, codes, renderer, planner, export"),
        (("--device", "abacus"), "abacus is not at hand: cpu is, and cuda with a GPU"),
        (("--processes", "3"), "invalid choice: 3 (choose from 1, 2)"),
        (("--threads", "0"), "0 is no whole number from 1 up"),
        (("--workers", "-1"), "-1 is no whole number from 0 up"),
        (("--start", "nowhere"), "--start nowhere holds no whole set"),
        ((*TRIAL, "--out", os.devnull, "codes"), f"--out {os.devnull} is no folder"),
        ((*TRIAL, "--out", str(Path(__file__).parent), "codes"), "__init__.py, which is of no set"),
        ((*TRIAL, "--state", "set/state", "--out", "set"), "--state set/state lies in --out set"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--state", str(tmp_path / "state"), *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_set_is_not_made_of_networks_that_nobody_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--state", str(tmp_path / "state"), "--out", str(tmp_path / "set"))
    with pytest.raises(SystemExit) as ended:
        main([*TRIAL, *words, "renderer", "decoder", "export"])
    assert ended.value.code == 2
    assert "export needs encoder, planner, not trained yet" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_what_is_no_state_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "codes.pt").write_bytes(b"no state")
    with pytest.raises(SystemExit) as ended:
        main([*TRIAL, "--state", str(tmp_path), "--out", str(tmp_path / "set"), "codes"])
    assert ended.value.code == 2
    assert f"{tmp_path / 'codes.pt'} is no state of a training" in capsys.readouterr().err


def test_what_a_set_lent_is_not_taken_for_what_was_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    borrow(tmp_path / "codes.pt", Codes(), PLANS["codes"])
    with pytest.raises(SystemExit) as ended:
        main([*TRIAL, "--state", str(tmp_path), "--out", str(tmp_path / "set"), "renderer"])
    assert ended.value.code == 2
    assert f"--state {tmp_path} has codes of a set" in capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "state"])
def test_a_state_that_can_be_no_folder_is_refused(
    below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine", "utf-8")
    words = ("--state", str(file / below), "--out", str(tmp_path / "set"), "codes")
    with pytest.raises(SystemExit) as ended:
        main([*TRIAL, *words])
    assert ended.value.code == 2
    assert f"--state {file / below} can be no folder" in capsys.readouterr().err
    assert file.read_text("utf-8") == "mine"
