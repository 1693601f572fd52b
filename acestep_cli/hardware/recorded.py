"""The hardware of an earlier run, as its record tells of it, for a run that is to give the same
bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from acestep_cli.config import Settings
from acestep_cli.errors import InputError
from acestep_cli.events import Adjusted
from acestep_cli.hardware.devices import Device, available_devices, choose_device
from acestep_cli.hardware.policy import ITEM_BYTES, QUANTIZED_BYTES

_MOST_THREADS = 1024
_FRAMES = range(16, 4097)
_OVERLAPS = range(0, 65)
_PARTS, _WAYS = ("transformer", "vae"), ("rows", "plain")


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be used: settings, the devices to choose from, fields of the policy that take the
    table's places, and in an event why it cannot be the hardware of the record."""

    settings: Settings
    devices: list[Device]
    fields: Mapping[str, Any]
    adjusted: tuple[Adjusted, ...] = ()


def as_recorded(
    settings: Settings, recorded: Mapping[str, Any], typed: Collection[str] = ()
) -> Found:
    """The hardware that `recorded`, the `hardware` of a record, tells of; the settings `typed` for
    this run win.

    On another device the table of that device decides, as it does for every song. InputError for a
    record of hardware that cannot be.
    """
    fields = _fields(recorded)
    name, kept = recorded.get("device"), recorded.get("name")
    if not isinstance(name, str) or not isinstance(kept, str):
        raise _odd("device", name)
    devices = available_devices(gpus=name != "cpu" or settings.device not in ("auto", "cpu"))
    wanted = choose_device(settings.device, devices).torch_name if "device" in typed else name
    same = [one for one in devices if (one.torch_name, one.name) == (name, kept)]
    if wanted != name:
        return Found(settings, devices, {})
    if not same:
        devices = available_devices(gpus=settings.device != "cpu")
        now = choose_device(settings.device, devices)
        before, after = f"{name} ({kept})", f"{now.torch_name} ({now.name})"
        reason = "the device of the job is not here, so the song will differ"
        return Found(settings, devices, {}, (Adjusted("device", before, after, reason),))
    changes: dict[str, Any] = {"device": name}
    if "threads" not in typed:
        changes["threads"] = fields["threads"]
    if "lm_quantization" not in typed:
        changes["lm_quantization"] = fields["lm_quantization"]
    if "dtype" in typed:
        fields = {key: value for key, value in fields.items() if not key.endswith("dtype")}
    else:
        # A dtype that somebody typed would not be lowered for want of memory.
        changes["dtype"] = "auto"
    own = {key: value for key, value in fields.items() if key not in ("threads", "lm_quantization")}
    return Found(replace(settings, **changes), devices, own)


def _fields(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a policy in `recorded`, each of them one that a run can have."""
    kernels = recorded.get("kernels")
    if not isinstance(kernels, Mapping) or any(kernels.get(part) not in _WAYS for part in _PARTS):
        raise _odd("kernels", kernels)
    return {
        **{
            name: _word(recorded, name, ITEM_BYTES) for name in ("dtype", "text_dtype", "vae_dtype")
        },
        "lm_quantization": _word(recorded, "lm_quantization", ("none", *QUANTIZED_BYTES)),
        "threads": _count(recorded, "threads", range(1, _MOST_THREADS + 1)),
        "tile_frames": _count(recorded, "tile_frames", _FRAMES),
        "tile_overlap": _count(recorded, "tile_overlap", _OVERLAPS),
        "kernels": {part: kernels[part] for part in _PARTS},
    }


def _word(recorded: Mapping[str, Any], name: str, words: Collection[str]) -> str:
    value = recorded.get(name)
    if not isinstance(value, str) or value not in words:
        raise _odd(name, value)
    return value


def _count(recorded: Mapping[str, Any], name: str, allowed: range) -> int:
    value = recorded.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise _odd(name, value)
    return value


def _odd(name: str, value: object) -> InputError:
    return InputError(
        f"the record's hardware has {str(value)[:40]!r} as its {name}, which no run has",
        "make the song anew with `acestep generate`",
        code="bad_record",
    )
