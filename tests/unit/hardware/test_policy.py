"""The table of each device, and every step down as an event."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from acestep_cli.config import Quantization, Settings
from acestep_cli.errors import AceStepError, DeviceError, OutOfMemory, SettingsError
from acestep_cli.events import Adjusted
from acestep_cli.hardware.devices import Device, Kind
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.policy import Policy, choose_policy
from acestep_cli.hardware.threads import set_threads

VALUES = {"text_encoder": 600_000_000, "dit": 2_400_000_000, "vae": 170_000_000}


def _device(kind: Kind, free: float = 64, *, bfloat16: bool = True) -> Device:
    return Device(kind, 0, f"a {kind}", Memory(64 * GIB, int(free * GIB)), bfloat16)


def _choose(
    *found: Device, settings: Settings | None = None, **environ: str
) -> tuple[Policy, tuple[Adjusted, ...]]:
    return choose_policy(
        settings or Settings(), VALUES, devices=list(found), cores=6, environ=environ
    )


@pytest.mark.parametrize(
    ("kind", "bfloat16", "dtype", "vae_dtype", "tile"),
    [
        ("cuda", True, "bfloat16", "bfloat16", 512),
        ("cuda", False, "float16", "float16", 512),
        ("mps", False, "float32", "float16", 64),
        ("cpu", True, "bfloat16", "bfloat16", 256),
        ("cpu", False, "float32", "float32", 256),
    ],
)
def test_the_table(kind: Kind, bfloat16: bool, dtype: str, vae_dtype: str, tile: int) -> None:
    policy, changes = _choose(_device(kind, bfloat16=bfloat16))
    assert (policy.dtype, policy.text_dtype, policy.vae_dtype) == (dtype, dtype, vae_dtype)
    assert (policy.tile_frames, policy.residency, policy.threads) == (tile, "all", 6)
    assert policy.tile_overlap >= 9
    assert policy.tile_frames > 2 * policy.tile_overlap
    assert changes == ()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_typed_dtype_holds_everywhere(dtype: str) -> None:
    for kind in ("cpu", "cuda", "mps"):
        policy, changes = _choose(_device(kind), settings=Settings(dtype=dtype))
        assert {policy.dtype, policy.text_dtype, policy.vae_dtype} == {dtype}
        assert changes == ()


def test_float16_is_refused_on_the_cpu_and_taken_elsewhere() -> None:
    with pytest.raises(DeviceError, match="float16 is not offered on the CPU") as caught:
        _choose(_device("cpu"), settings=Settings(dtype="float16"))
    assert "bfloat16" in caught.value.hint
    assert _choose(_device("cuda"), settings=Settings(dtype="float16"))[0].vae_dtype == "float16"


def test_too_little_for_all_weights_means_one_stage_at_a_time() -> None:
    policy, changes = _choose(_device("cpu", 5.5))
    assert policy.residency == "stage"
    [change] = changes
    assert (change.what, change.before, change.after) == ("residency", "all", "stage")
    assert change.reason == "all weights need 6.12 GiB and 5.50 GiB are free"


def test_one_stage_at_a_time_on_request_is_no_adjustment() -> None:
    policy, changes = _choose(_device("cpu"), settings=Settings(offload_to_cpu=True))
    assert (policy.residency, changes) == ("stage", ())
    policy, changes = _choose(_device("cpu", 5.5), settings=Settings(offload_to_cpu=False))
    assert (policy.residency, [change.what for change in changes]) == ("stage", ["residency"])


@pytest.mark.parametrize("kind", ["cpu", "mps"])
def test_half_the_memory_halves_an_automatic_float32(kind: Kind) -> None:
    policy, changes = _choose(_device(kind, 8, bfloat16=False))
    assert policy.dtype == "bfloat16"
    assert policy.vae_dtype == ("bfloat16" if kind == "cpu" else "float16")
    assert [(change.what, change.before, change.after) for change in changes] == [
        ("dtype", "float32", "bfloat16")
    ]
    with pytest.raises(OutOfMemory):
        _choose(_device(kind, 8), settings=Settings(dtype="float32", device=kind))


def test_auto_leaves_a_device_on_which_no_stage_fits() -> None:
    found = (_device("cuda", 4), _device("cpu"))
    policy, changes = _choose(*found)
    assert policy.device.kind == "cpu"
    assert [(change.what, change.before, change.after) for change in changes] == [
        ("device", "cuda:0", "cpu")
    ]
    assert changes[0].reason == "dit in bfloat16 needs 5.06 GiB and 4.00 GiB are free"
    with pytest.raises(OutOfMemory, match="not enough memory on cuda:0: dit in bfloat16 needs"):
        _choose(*found, settings=Settings(device="cuda"))


def test_not_even_one_stage_is_an_error_with_sizes() -> None:
    with pytest.raises(OutOfMemory) as caught:
        _choose(_device("cpu", 3))
    assert "dit in bfloat16 needs 4.68 GiB and 3.00 GiB are free" in caught.value.message
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(("free", "tile"), [(10, 512), (6.6, 256), (6.4, 128)])
def test_tiles_shrink_with_the_memory_beside_the_weights(free: float, tile: int) -> None:
    values = {"vae": 3_000_000_000}
    policy, changes = choose_policy(
        Settings(device="cuda"), values, devices=[_device("cuda", free)], cores=1, environ={}
    )
    assert policy.tile_frames == tile
    assert [change.after for change in changes if change.what == "tile_frames"] == (
        [] if tile == 512 else [tile]
    )


def _with_planner(
    device: Device, asked: Quantization, **settings: Any
) -> tuple[Policy, tuple[Adjusted, ...]]:
    return choose_policy(
        Settings(lm_quantization=asked, **settings),
        {**VALUES, "planner": 3_600_000_000},
        devices=[device],
        cores=6,
        environ={},
    )


def test_quantised_planners_are_for_the_cpu() -> None:
    policy, changes = _with_planner(_device("cpu"), "int8")
    assert (policy.lm_quantization, changes) == ("int8", ())
    for kind in ("cuda", "mps"):
        policy, changes = _with_planner(_device(kind), "int4")
        assert policy.lm_quantization == "none"
        assert changes == (
            Adjusted(
                "lm_quantization",
                "int4",
                "none",
                f"quantised weights serve the CPU and the planner runs on {kind}",
            ),
        )
        assert _with_planner(_device(kind), "none")[1] == ()


def test_without_a_planner_its_quantisation_says_nothing() -> None:
    for kind in ("cpu", "cuda"):
        plain = _choose(_device(kind))
        assert _choose(_device(kind), settings=Settings(lm_quantization="int8")) == plain


def test_quantisation_shapes_the_song() -> None:
    shapes = [
        _with_planner(_device("cpu"), asked)[0].shaping() for asked in ("none", "int8", "int4")
    ]
    assert [shape["lm_quantization"] for shape in shapes] == ["none", "int8", "int4"]
    assert all(shape | {"lm_quantization": "none"} == shapes[0] for shape in shapes)


# The planner is the largest stage: 6.71, 3.36 and 1.89 GiB beside the DiT's 4.47.
@pytest.mark.parametrize(
    ("asked", "free", "residency"),
    [
        ("none", 13.1, "all"),
        ("none", 12.6, "stage"),
        ("int8", 9.7, "all"),
        ("int8", 9.3, "stage"),
        ("int4", 8.2, "all"),
        ("int4", 7.8, "stage"),
    ],
)
def test_quantised_planners_take_less_memory(
    asked: Quantization, free: float, residency: str
) -> None:
    policy, _ = _with_planner(_device("cpu", free), asked)
    assert policy.residency == residency
    with pytest.raises(OutOfMemory, match="dit" if asked != "none" else "planner"):
        _with_planner(_device("cpu", 4), asked)


def test_threads() -> None:
    cpu = _device("cpu")
    assert _choose(cpu, OMP_NUM_THREADS="3")[0].threads == 3
    assert _choose(cpu, OMP_NUM_THREADS="4,2")[0].threads == 4
    assert _choose(cpu, settings=Settings(threads=2), OMP_NUM_THREADS="3")[0].threads == 2
    for text in ("0", "many", "-1", "9999", "²"):
        with pytest.raises(SettingsError, match="OMP_NUM_THREADS"):
            _choose(cpu, OMP_NUM_THREADS=text)


def test_threads_reach_torch() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        set_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        set_threads(before)


def test_the_record_is_plain_and_the_digest_s_part_ignores_the_moment() -> None:
    policy, _ = _choose(_device("cpu"))
    assert json.loads(json.dumps(policy.as_dict())) == policy.as_dict()
    assert policy.as_dict()["residency"] == "all"
    later = replace(policy, residency="stage", device=_device("cpu", 7))
    assert later.shaping() == policy.shaping()
    assert later.as_dict() != policy.as_dict()
    assert replace(policy, tile_frames=64).shaping() != policy.shaping()


def test_nothing_to_load_fits_everywhere() -> None:
    policy, changes = choose_policy(
        Settings(), {}, devices=[_device("cpu", 2)], cores=1, environ={}
    )
    assert (policy.residency, changes) == ("all", ())


def test_all_refusals_reach_a_person() -> None:
    for settings in (Settings(device="cuda:7"), Settings(dtype="float16")):
        with pytest.raises(AceStepError) as caught:
            _choose(_device("cpu"), settings=settings)
        assert caught.value.hint
