"""The checks of a machine, one by one, on machines that lack something."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.errors import (
    Cancelled,
    CheckpointError,
    CheckpointMissing,
    DeviceError,
    OutOfMemory,
    OutputError,
    SettingsError,
)
from acestep_cli.hardware.devices import Device
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.run import health, trial
from acestep_cli.run.check import Check, Findings, checked
from acestep_cli.weights import places

ROOT = Path(__file__).parents[3]


def findings(tmp_path: Path, **flags: Any) -> Findings:
    environ = {"ACESTEP_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}
    return Findings({**environ, "HF_HOME": str(tmp_path / "hub")}, tmp_path, flags)


def found(these: Findings) -> dict[str, Check]:
    """The light checks by name."""
    return {check.name: check for check in health.examine(these, None, print)}


def program(tmp_path: Path, name: str, body: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(stat.S_IRWXU)


def machine(free: float, *, bfloat16: bool = False) -> list[Device]:
    return [Device("cpu", 0, "a small CPU", Memory(8 * GIB, int(free * GIB)), bfloat16)]


def test_the_libraries_are_those_that_the_package_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    always = [line for line in project["dependencies"] if ";" not in line]
    assert sorted(health.LIBRARIES) == sorted(re.split(r"[<>=]", line)[0] for line in always)


def test_a_whole_machine_fails_nothing(tmp_path: Path, checkpoints: Path) -> None:
    checks = found(findings(tmp_path, checkpoints=str(checkpoints)))
    assert {check.status for check in checks.values()} == {"ok"}
    assert list(checks) == [
        "python", "libraries", "settings", "checkpoints", "planner", "device cpu", "device",
        "memory", "output folder", "ffmpeg", "player",
    ]  # fmt: skip
    assert "acestep-v15-turbo; also here: acestep-v15-base" in checks["checkpoints"].detail
    assert "acestep-5Hz-lm-0.6B" in checks["memory"].detail
    assert checks["memory"].facts["needed_bytes"] < checks["memory"].facts["free_bytes"]
    assert not (tmp_path / "acestep_output").exists()


def test_without_checkpoints_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_DEMO", tmp_path / "no-demo")
    checks = found(findings(tmp_path))
    check = checks["checkpoints"]
    assert (check.status, type(check.error)) == ("fail", CheckpointMissing)
    assert "run: " in check.hint
    assert "memory" not in checks and "planner" not in checks
    assert checks["output folder"].status == "ok"


def test_without_a_planner_songs_are_made_all_the_same(tmp_path: Path, checkpoints: Path) -> None:
    here = tmp_path / "some"
    here.mkdir()
    for name in ("acestep-v15-turbo", "vae", "Qwen3-Embedding-0.6B"):
        (here / name).symlink_to(checkpoints / name)
    checks = found(findings(tmp_path, checkpoints=str(here)))
    assert (checks["planner"].status, checks["planner"].error) == ("warn", None)
    assert "fetch one" in checks["planner"].hint
    assert "and no planner" in checks["memory"].detail
    assert "extract, lego and complete" in checks["tasks"].detail
    assert found(findings(tmp_path, checkpoints=str(here), no_lm=True))["planner"].status == "ok"


def test_weights_that_are_damaged_fail_the_checkpoints(tmp_path: Path, checkpoints: Path) -> None:
    here = tmp_path / "some"
    (here / "vae").mkdir(parents=True)
    for name in ("acestep-v15-turbo", "Qwen3-Embedding-0.6B"):
        (here / name).symlink_to(checkpoints / name)
    for file in (checkpoints / "vae").iterdir():
        (here / "vae" / file.name).write_bytes(file.read_bytes()[:100])
    (here / "vae" / "config.json").write_bytes((checkpoints / "vae" / "config.json").read_bytes())
    check = found(findings(tmp_path, checkpoints=str(here)))["checkpoints"]
    assert (check.status, type(check.error)) == ("fail", CheckpointError)


def test_another_damaged_checkpoint_is_a_warning(tmp_path: Path, checkpoints: Path) -> None:
    here = tmp_path / "some"
    (here / "acestep-v15-base").mkdir(parents=True)
    for name in ("acestep-v15-turbo", "vae", "Qwen3-Embedding-0.6B"):
        (here / name).symlink_to(checkpoints / name)
    for file in (checkpoints / "acestep-v15-base").iterdir():
        (here / "acestep-v15-base" / file.name).symlink_to(file)
    (here / "acestep-v15-base" / "config.json").unlink()
    (here / "acestep-v15-base" / "config.json").write_text("{", encoding="utf-8")
    check = found(findings(tmp_path, checkpoints=str(here)))["checkpoints"]
    assert (check.status, check.error) == ("warn", None)
    assert "songs are made with acestep-v15-turbo; " in check.detail
    assert "config.json is no JSON" in check.detail


def test_a_broken_settings_file_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("bmp = 3\n", encoding="utf-8")
    checks = found(findings(tmp_path))
    assert isinstance(checks["settings"].error, SettingsError)
    assert "config.toml" in checks["settings"].detail
    assert checks["device cpu"].status == "ok"


def test_where_settings_come_from_is_told(tmp_path: Path) -> None:
    (tmp_path / "acestep.toml").write_text('device = "cpu"\n', encoding="utf-8")
    check = found(findings(tmp_path, threads=2))["settings"]
    assert check.detail == f"read from {tmp_path / 'acestep.toml'}"


@pytest.mark.parametrize("device", ["cuda:7", "mps"])
def test_an_absent_device_fails_and_those_that_are_here_are_listed(
    tmp_path: Path, device: str
) -> None:
    checks = found(findings(tmp_path, device=device))
    assert isinstance(checks["device"].error, DeviceError)
    assert checks["device cpu"].status == "ok"
    assert "memory" not in checks


@pytest.mark.parametrize(
    ("free", "name", "error"), [(0.05, "device", OutOfMemory), (7.0, "memory", type(None))]
)
def test_memory_is_worked_out_for_the_checkpoints_that_are_here(
    tmp_path: Path,
    checkpoints: Path,
    monkeypatch: pytest.MonkeyPatch,
    free: float,
    name: str,
    error: type,
) -> None:
    monkeypatch.setattr(health, "available_devices", lambda environ: machine(free))
    checks = found(findings(tmp_path, checkpoints=str(checkpoints)))
    assert type(checks[name].error) is error
    assert ("memory" in checks) == (name == "memory")


def test_what_memory_lowers_is_a_warning(
    tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "available_devices", lambda environ: machine(0.45))
    check = found(findings(tmp_path, checkpoints=str(checkpoints)))["memory"]
    assert check.status == "warn"
    assert "tile_frames" in check.detail and check.hint == "see `acestep help memory`"


def test_a_card_that_torch_cannot_use_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "torch_has_cuda", lambda: False)
    monkeypatch.setattr(health, "cuda_devices", lambda: ("a card",))
    assert "built without CUDA" in found(findings(tmp_path))["device cuda"].detail


def test_an_output_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    check = found(findings(tmp_path, output_dir=str(tmp_path / "taken")))["output folder"]
    assert isinstance(check.error, OutputError)


def test_little_space_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_LITTLE_SPACE", 1 << 62)
    assert found(findings(tmp_path))["output folder"].status == "warn"


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
def test_programs_are_asked_for_their_version(tmp_path: Path) -> None:
    program(tmp_path, "ffmpeg", "echo 'ffmpeg version 7.1-static Copyright'; echo more")
    program(tmp_path, "mpv", "exit 0")
    checks = found(findings(tmp_path))
    assert checks["ffmpeg"].facts["version"] == "7.1-static"
    assert checks["player"].detail == str(tmp_path / "bin" / "mpv")


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("exit 3", "it ended with 3"),
        ("exec sleep 9", "says nothing within 0.2 s"),
        (None, "format"),
    ],
)
def test_an_ffmpeg_that_does_not_work_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str | None, words: str
) -> None:
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.2)
    program(tmp_path, "ffmpeg", body or "")
    if body is None:
        (tmp_path / "bin" / "ffmpeg").write_bytes(b"\x7fELF no program")
    check = found(findings(tmp_path))["ffmpeg"]
    assert check.status == "warn" and words in check.detail


def test_a_player_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    these = findings(tmp_path)
    these.environ = {**these.environ, "ACESTEP_PLAYER": "no-such-player --loud"}
    check = found(these)["player"]
    assert check.status == "warn" and "'no-such-player'" in check.detail


def test_a_library_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("raise OSError('libhalf.so.2: absent')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(health, "_LOADED", ("json", "half_installed"))
    checks = [*health.examine(findings(tmp_path), lambda folder: folder, print)]
    assert checks[-1].name == "half_installed" and checks[-1].status == "fail"
    assert checks[-1].detail == "half_installed cannot be loaded: libhalf.so.2: absent"
    assert checks[-1].error is not None and checks[-1].error.code == "library_broken"


def test_a_check_that_breaks_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(environ: object) -> Iterator[Device]:
        raise ZeroDivisionError("by zero\nand more")

    monkeypatch.setattr(health, "available_devices", broken)
    checks = found(findings(tmp_path))
    assert checks["device"].detail == "unexpected ZeroDivisionError: by zero"
    assert checks["device"].error is not None
    assert checks["output folder"].status == "ok"


def test_what_was_found_before_a_break_is_kept_and_a_signal_ends_it(tmp_path: Path) -> None:
    def half(these: Findings) -> Iterable[Check]:
        yield Check("one", "ok", "fine")
        raise SettingsError("bad", "mend it")

    def stopped(these: Findings) -> Iterable[Check]:
        raise Cancelled
        yield

    names = [(check.name, check.status) for check in checked("two", half, findings(tmp_path))]
    assert names == [("one", "ok"), ("two", "fail")]
    with pytest.raises(Cancelled):
        list(checked("three", stopped, findings(tmp_path)))


def test_a_dtype_that_fails_counts_only_where_songs_would_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(folder: Path, device: Device, dtype: str, devices: list[Device]) -> trial.Trial:
        return trial.Trial(device.torch_name, dtype, 0.1, "render", "it broke")

    monkeypatch.setattr(trial, "try_out", tried)
    monkeypatch.setattr(health, "available_devices", lambda environ: machine(7.0))
    said: list[str] = []
    checks = {
        check.name: check
        for check in health.examine(findings(tmp_path), lambda folder: folder, said.append)
    }
    assert checks["cpu bfloat16"].status == "warn"
    assert checks["cpu float32"].status == "fail"
    assert isinstance(checks["cpu float32"].error, DeviceError)
    assert "render failed: it broke" in checks["cpu float32"].detail
    assert "cpu float16" not in checks
    assert said[1:] == ["trying cpu in float32", "trying cpu in bfloat16"]


def test_a_set_that_cannot_be_built_is_a_finding(tmp_path: Path) -> None:
    def full(folder: Path) -> Path:
        raise OutputError("the disk is full")

    *_, last = health.examine(findings(tmp_path), full, print)
    assert (last.name, last.status, last.detail) == ("trial", "fail", "the disk is full")
