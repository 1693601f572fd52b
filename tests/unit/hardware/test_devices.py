"""Devices are found without torch, and an absent one is refused by name."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

from acestep_cli.config import Settings
from acestep_cli.errors import DeviceError
from acestep_cli.hardware import cuda, devices
from acestep_cli.hardware.devices import Device, available_devices, choose_device
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.policy import choose_policy

CPU = Device("cpu", 0, "A CPU", Memory(16 * GIB, 8 * GIB), bfloat16=True)
GPUS = [Device("cuda", index, "A GPU", Memory(8 * GIB, 7 * GIB), bfloat16=True) for index in (0, 1)]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_names(name: str, chosen: str) -> None:
    assert choose_device(name, [*GPUS, CPU]).torch_name == chosen


def test_auto_without_a_gpu_is_the_cpu() -> None:
    assert choose_device("auto", [CPU]) is CPU


@pytest.mark.parametrize("name", ["mps", "cuda:2"])
def test_an_absent_device_names_what_is_there(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device(name, [*GPUS, CPU])
    assert f"{name} is not here; this machine has cuda:0, cuda:1, cpu" in caught.value.message
    assert caught.value.hint == "choose one of: auto, cuda:0, cuda:1, cpu"
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "name", ["", "tpu", "cpu:1", "mps:0", "cuda:", "cuda:x", "cuda:1000", "CPU"]
)
def test_no_such_kind(name: str) -> None:
    with pytest.raises(DeviceError, match="no kind of device"):
        choose_device(name, [CPU])


def test_the_cpu_is_always_there() -> None:
    assert available_devices({})[-1].kind == "cpu"


def test_a_record_keeps_nothing_of_the_moment() -> None:
    assert CPU.as_dict() == {"kind": "cpu", "index": 0, "name": "A CPU"}


class _Driver:
    """The driver's library with two devices."""

    def cuInit(self, _flags: int) -> int:
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, handle: Any, index: int) -> int:
        handle._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, _size: int, handle: Any) -> int:
        name.value = f"GPU {handle.value}".encode()
        return 0

    def cuDeviceTotalMem_v2(self, total: Any, _handle: Any) -> int:
        total._obj.value = 24 * GIB
        return 0

    def cuDeviceGetAttribute(self, value: Any, number: int, handle: Any) -> int:
        value._obj.value = {75: 9 - 2 * handle.value, 76: 5}[number]
        return 0

    def cuDeviceGetUuid(self, uuid: Any, _handle: Any) -> int:
        ctypes.memmove(uuid._obj, bytes(range(16)), 16)
        return 0


class _Management:
    """The management library, which knows one UUID."""

    asked: bytes = b""

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlShutdown(self) -> int:
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, _handle: Any) -> int:
        type(self).asked = uuid
        return 0

    def nvmlDeviceGetMemoryInfo(self, _handle: Any, memory: Any) -> int:
        memory._obj.free = 20 * GIB
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two NVIDIA devices, whatever this machine has."""
    libraries: dict[str, Any] = {"cuda": _Driver(), "ml": _Management()}
    monkeypatch.setattr(
        cuda, "_open", lambda names: libraries.get("ml" if "ml" in names[0] else "cuda")
    )
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: True)
    cuda.cuda_devices.cache_clear()
    yield libraries
    cuda.cuda_devices.cache_clear()


def test_nvidia_devices_are_read_from_the_driver(driver: Any) -> None:
    first, second, cpu = available_devices({})
    assert (first.torch_name, first.name, first.bfloat16) == ("cuda:0", "GPU 0", True)
    assert (second.torch_name, second.name, second.bfloat16) == ("cuda:1", "GPU 1", False)
    assert first.memory == Memory(24 * GIB, 20 * GIB)
    assert cpu.kind == "cpu"
    assert _Management.asked == b"GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_the_driver_sleeps_when_only_the_cpu_is_wanted(driver: Any) -> None:
    driver["cuda"] = object()  # whoever asks it anything fails
    policy, _ = choose_policy(Settings(device="cpu"), {}, environ={})
    assert policy.device.kind == "cpu"


def test_without_the_management_library_all_memory_counts_as_free(driver: Any) -> None:
    driver["ml"] = None
    assert available_devices({})[0].memory == Memory(24 * GIB, 24 * GIB)


def test_a_smaller_card_can_be_played(driver: Any) -> None:
    found = available_devices({"MAX_CUDA_VRAM": "8"})[0]
    assert found.memory == Memory(8 * GIB, 4 * GIB)


def test_without_a_driver_there_are_none(driver: Any) -> None:
    driver["cuda"] = None
    assert not any(device.kind == "cuda" for device in available_devices({}))
    with pytest.raises(DeviceError, match="no NVIDIA driver answers"):
        choose_device("cuda", [CPU])


def test_a_torch_without_cuda_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: False)
    assert not any(device.kind == "cuda" for device in available_devices({}))
    with pytest.raises(DeviceError, match="torch is built without CUDA"):
        choose_device("cuda", [CPU])


def test_the_version_file_tells_what_torch_was_built_for() -> None:
    import torch

    assert cuda.torch_has_cuda() is (torch.version.cuda is not None)


def test_finding_out_imports_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from acestep_cli.config import Settings\n"
        "from acestep_cli.hardware.policy import choose_policy\n"
        "choose_policy(Settings(), {'dit': 10})\n"
        "print(json.dumps(sorted({'torch', 'numpy'} & sys.modules.keys())))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
