"""Trying a device out: what works, and which stage is told of where something does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from acestep_cli.commands.health import _build_tiny
from acestep_cli.hardware.devices import Device, available_devices
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.run.trial import offered, try_out

NAN_BF16 = b"\xc0\x7f"
PARTS = {
    "plan": "acestep-5Hz-lm-0.6B",
    "words": "Qwen3-Embedding-0.6B",
    "compose": "acestep-v15-turbo",
    "render": "vae",
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build_tiny(tmp_path_factory.mktemp("trial") / "tiny")


def spoilt(tiny: Path, folder: Path, part: str) -> Path:
    """The set with every weight of `part` not a number."""
    shutil.copytree(tiny, folder)
    (file,) = (folder / part).glob("*.safetensors")
    data = file.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    tensors = {**json.loads(data[8:header]), "__metadata__": {"dtype": "BF16"}}
    assert {entry["dtype"] for entry in tensors.values()} == {"BF16"}
    file.write_bytes(data[:header] + NAN_BF16 * ((len(data) - header) // 2))
    return folder


def cpu(devices: list[Device]) -> Device:
    return devices[-1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_stage_works_on_the_cpu(tiny: Path, dtype: str) -> None:
    devices = available_devices(gpus=False)
    trial = try_out(tiny, cpu(devices), dtype, devices)
    assert (trial.failed, trial.reason) == (None, "")
    assert (trial.device, trial.dtype) == ("cpu", dtype)
    assert 0 < trial.seconds < 60


@pytest.mark.parametrize("stage", PARTS)
def test_the_stage_that_gives_no_numbers_is_told(tiny: Path, tmp_path: Path, stage: str) -> None:
    devices = available_devices(gpus=False)
    folder = spoilt(tiny, tmp_path / "set", PARTS[stage])
    trial = try_out(folder, cpu(devices), "float32", devices)
    assert trial.failed == stage
    assert "not finite" in trial.reason and trial.reason.isprintable()


def test_a_set_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    devices = available_devices(gpus=False)
    trial = try_out(tmp_path, cpu(devices), "float32", devices)
    assert trial.failed == "load"


def test_a_dtype_is_offered_where_the_policy_offers_it() -> None:
    memory = Memory(8 * GIB, 8 * GIB)
    devices = [
        Device("cuda", 0, "a card", memory, bfloat16=True),
        Device("cpu", 0, "a CPU", memory, bfloat16=False),
    ]
    names = [(device.torch_name, dtype) for device, dtype in offered(devices)]
    assert names == [
        ("cuda:0", "float32"), ("cuda:0", "bfloat16"), ("cuda:0", "float16"),
        ("cpu", "float32"), ("cpu", "bfloat16"),
    ]  # fmt: skip
    full = [Device("cpu", 0, "a CPU", Memory(GIB, 0), bfloat16=False)]
    assert [dtype for _, dtype in offered(full)] == ["float32", "bfloat16"]
