"""The hardware of an earlier run: used again where it is here, and never more than fits."""

from __future__ import annotations

from typing import Any

import pytest

from acestep_cli.config import Settings
from acestep_cli.errors import DeviceError
from acestep_cli.hardware import recorded
from acestep_cli.hardware.devices import Device
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.policy import Policy, choose_policy
from acestep_cli.hardware.recorded import Found, as_recorded

VALUES = {"text_encoder": 600_000_000, "dit": 2_000_000_000, "vae": 170_000_000}
Lists = dict[str, list[Device]]


def cpu(free: int = 32 * GIB) -> Device:
    return Device("cpu", 0, "a processor", Memory(64 * GIB, free), bfloat16=True)


def cuda(free: int = 40 * GIB, name: str = "a card") -> Device:
    return Device("cuda", 0, name, Memory(80 * GIB, free), bfloat16=True)


def found(
    monkeypatch: pytest.MonkeyPatch,
    devices: list[Device],
    record: dict[str, Any],
    typed: tuple[str, ...] = (),
    settings: Settings | None = None,
) -> Found:
    def available(environ: object = None, *, gpus: bool = True) -> list[Device]:
        return [one for one in devices if gpus or one.kind == "cpu"]

    monkeypatch.setattr(recorded, "available_devices", available)
    return as_recorded(settings or Settings(), record, typed)


def policy_of(use: Found, values: dict[str, int] | None = None) -> tuple[Policy, list[str]]:
    policy, changes = choose_policy(
        use.settings, values or VALUES, devices=use.devices, cores=2, environ={},
        recorded=use.fields,
    )  # fmt: skip
    return policy, [change.what for change in changes]


def record_of(device: Device, **changes: Any) -> dict[str, Any]:
    policy, _ = choose_policy(Settings(), VALUES, devices=[device], cores=8, environ={})
    return {**policy.as_dict(), **changes}


@pytest.mark.parametrize("device", [cpu(), cuda()])
def test_the_same_hardware_again(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    changes = {"dtype": "float32", "text_dtype": "float32", "tile_frames": 128, "threads": 5}
    record = record_of(device, **changes)
    use = found(monkeypatch, [cuda(), cpu()], record)
    policy, changed = policy_of(use)
    assert policy.as_dict() == record and changed == [] and use.adjusted == ()


def test_a_processor_wakes_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    use = found(monkeypatch, [cuda(), cpu()], record_of(cpu()))
    assert use.devices == [cpu()] and use.settings.device == "cpu"


def test_too_little_memory_only_lowers(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of(cpu(), dtype="float32", text_dtype="float32", tile_frames=128)
    use = found(monkeypatch, [cpu(free=5 * GIB)], record)
    policy, changed = policy_of(use)
    assert policy.dtype == "bfloat16" and changed[0] == "dtype"
    assert policy.tile_frames <= 128
    # More memory than then is no reason for larger tiles.
    policy, changed = policy_of(found(monkeypatch, [cpu(free=60 * GIB)], record))
    assert (policy.tile_frames, changed) == (128, [])


def test_what_was_typed_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of(cpu(), threads=5)
    asked = Settings(threads=3, dtype="float32")
    use = found(monkeypatch, [cpu()], record, ("threads", "dtype"), asked)
    policy, _ = policy_of(use)
    assert (policy.threads, policy.dtype, policy.vae_dtype) == (3, "float32", "float32")
    # Settings that nobody typed for this run are those of the record.
    use = found(monkeypatch, [cpu()], record, (), asked)
    policy, _ = policy_of(use)
    assert (policy.threads, policy.dtype) == (5, "bfloat16")
    moved = found(monkeypatch, [cuda(), cpu()], record, ("device",), Settings(device="cuda"))
    assert policy_of(moved)[0].device == cuda() and moved.adjusted == ()
    with pytest.raises(DeviceError):
        found(monkeypatch, [cpu()], record, ("device",), Settings(device="cuda"))


@pytest.mark.parametrize("devices", [[cpu()], [cuda(name="another card"), cpu()]])
def test_another_device_is_told(monkeypatch: pytest.MonkeyPatch, devices: list[Device]) -> None:
    use = found(monkeypatch, devices, record_of(cuda()))
    (told,) = use.adjusted
    assert told.before == "cuda:0 (a card)" and devices[0].name in told.after
    assert policy_of(use)[0].device == devices[0]
