"""Which planner a machine gets: tables of memory sizes, and what is said of each step down."""

from __future__ import annotations

from typing import Any

import pytest

from acestep_cli.config import Settings
from acestep_cli.errors import OutOfMemory
from acestep_cli.events import Adjusted
from acestep_cli.hardware.devices import Device, Kind
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.planner import (
    Hardware,
    PlannerSize,
    choose_hardware,
    choose_planner,
    context_positions,
)
from acestep_cli.hardware.policy import choose_policy, needed_bytes

VALUES = {"text_encoder": 600_000_000, "dit": 2_400_000_000, "vae": 170_000_000}
VOCABULARY = 217_204
POSITIONS = 4096


def _size(name: str, layers: int, hidden: int, mlp: int, heads: int) -> PlannerSize:
    """A published planner: weights and cache from planner facts 1.1."""
    layer = 2 * hidden * heads * 128 + 2 * hidden * 8 * 128 + 3 * hidden * mlp + 2 * hidden + 256
    values = VOCABULARY * hidden + layers * layer + hidden
    config = {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "head_dim": 128,
    }
    return PlannerSize.of(f"acestep-5Hz-lm-{name}", values, config)


SMALL = _size("0.6B", 28, 1024, 3072, 16)
MIDDLE = _size("1.7B", 28, 2048, 6144, 16)
LARGE = _size("4B", 36, 2560, 9728, 32)
ALL = (SMALL, MIDDLE, LARGE)


def _device(kind: Kind, free: float = 64, *, bfloat16: bool = True) -> Device:
    return Device(kind, 0, f"a {kind}", Memory(64 * GIB, int(free * GIB)), bfloat16)


def _choose(
    *found: Device,
    candidates: tuple[PlannerSize, ...] = ALL,
    values: dict[str, int] | None = None,
    required: bool = False,
    **settings: Any,
) -> Hardware:
    return choose_hardware(
        Settings(**settings),
        VALUES if values is None else values,
        candidates,
        positions=POSITIONS,
        required=required,
        devices=list(found),
        cores=6,
        environ={},
    )


def _name(hardware: Hardware) -> str | None:
    return None if hardware.planner is None else ALL[hardware.planner].name.rpartition("-")[2]


def test_the_cache_is_counted_from_the_config() -> None:
    assert SMALL.cached == MIDDLE.cached == 2 * 28 * 8 * 128
    assert SMALL.stages(100) == {"planner": SMALL.values, "planner_cache": SMALL.cached * 200}
    assert SMALL.stages(100, streams=1)["planner_cache"] == SMALL.cached * 100
    # Without its own width a head takes its share of the hidden states; without a number of its
    # own there is a key for each query.
    plain = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
    assert PlannerSize.of("mine", 1, plain).cached == 2 * 2 * 4 * 16


def test_positions_grow_with_words_and_length() -> None:
    assert context_positions(0, None) == context_positions(0, 600.0) == 4096
    assert context_positions(0, 10.0) == 1536
    assert context_positions(6000, 10.0) == 3584
    assert all(context_positions(n, 17.3) % 512 == 0 for n in (1, 999, 60_000))


# Weights and two caches of 4096 tokens in bfloat16, half a GiB to work and a tile: 2.7, 4.9 and
# 9.5 GiB; the DiT needs 5.1 GiB in any case, all but the planner 6.5 GiB.
@pytest.mark.parametrize(
    ("free", "name", "residency"),
    [
        (24, "4B", "all"),
        (15, "4B", "stage"),
        (9.6, "4B", "stage"),
        (9.4, "1.7B", "stage"),
        (5.2, "1.7B", "stage"),
    ],
)
def test_an_accelerator_takes_the_largest_that_fits(free: float, name: str, residency: str) -> None:
    hardware = _choose(_device("cuda", free))
    assert (_name(hardware), hardware.policy.residency) == (name, residency)
    assert hardware.policy.device.kind == "cuda"
    passed = [change for change in hardware.adjusted if change.what == "planner"]
    assert [(change.before, change.after) for change in passed] == (
        [] if name == "4B" else [(LARGE.name, f"acestep-5Hz-lm-{name}")]
    )
    assert hardware.reason == ""


# Without a renderer beside it the small ones have their turn too.
@pytest.mark.parametrize(
    ("free", "name"), [(11, "4B"), (9, "1.7B"), (5.1, "1.7B"), (4.8, "0.6B"), (2.9, "0.6B")]
)
def test_alone_on_an_accelerator(free: float, name: str) -> None:
    hardware = _choose(_device("cuda", free), values={}, device="cuda")
    assert _name(hardware) == name
    assert hardware.policy.residency == "all"


@pytest.mark.parametrize(
    ("free", "name", "residency"), [(24, "4B", "all"), (13, "1.7B", "all"), (10, "0.6B", "all")]
)
def test_no_offload_asks_for_a_planner_beside_the_others(
    free: float, name: str, residency: str
) -> None:
    hardware = _choose(_device("cuda", free), offload_to_cpu=False)
    assert (_name(hardware), hardware.policy.residency) == (name, residency)
    for change in hardware.adjusted:
        assert change.what == "planner"
        assert "with its cache needs" in change.reason
        assert f"beside the other networks and {free}.00 GiB are free" in change.reason


def test_no_offload_gives_way_where_none_fits_beside_the_others() -> None:
    hardware = _choose(_device("cuda", 8), offload_to_cpu=False)
    assert (_name(hardware), hardware.policy.residency) == ("1.7B", "stage")
    assert [change.what for change in hardware.adjusted] == ["planner", "residency"]
    hardware = _choose(_device("cuda", 8), offload_to_cpu=False, candidates=(MIDDLE,))
    assert (hardware.planner, hardware.policy.residency) == (0, "stage")
    assert [change.what for change in hardware.adjusted] == ["residency"]


@pytest.mark.parametrize("free", [64, 16, 8, 5.5])
def test_a_cpu_takes_the_smallest_and_no_event_tells(free: float) -> None:
    hardware = _choose(_device("cpu", free))
    assert _name(hardware) == "0.6B"
    assert "planner" not in [change.what for change in hardware.adjusted]
    only = _choose(_device("cpu", 64), candidates=(LARGE,))
    assert only.planner == 0


def test_the_planner_never_moves_the_renderer() -> None:
    """A planner too large for the accelerator is left out; the song is still rendered there."""
    hardware = _choose(_device("cuda", 7), _device("cpu"), candidates=(LARGE,))
    assert hardware.planner is None
    assert hardware.policy.device.kind == "cuda"
    assert hardware.reason == (
        "acestep-5Hz-lm-4B in bfloat16 with its cache needs 9.52 GiB and 7.00 GiB are free"
    )
    assert Adjusted("planner", LARGE.name, "none", hardware.reason) in hardware.adjusted
    with_float32 = _choose(_device("mps", 15, bfloat16=False), _device("cpu"))
    assert (_name(with_float32), with_float32.policy.dtype) == ("1.7B", "float32")


def test_a_planner_alone_may_go_to_the_cpu() -> None:
    small_gpu, cpu = _device("cuda", 2), _device("cpu")
    hardware = _choose(small_gpu, cpu, values={})
    assert (_name(hardware), hardware.policy.device.kind) == ("0.6B", "cpu")
    [change] = hardware.adjusted
    assert (change.what, change.before, change.after) == ("device", "cuda:0", "cpu")
    assert change.reason.startswith("acestep-5Hz-lm-0.6B in bfloat16 with its cache needs")
    hardware = _choose(small_gpu, cpu, values={}, device="cuda")
    assert (hardware.planner, hardware.policy.device.kind) == (None, "cuda")


def test_none_installed_is_no_adjustment() -> None:
    hardware = _choose(_device("cpu"), candidates=(), lm_quantization="int8")
    assert (hardware.planner, hardware.reason) == (None, "no planner is installed")
    assert (hardware.adjusted, hardware.policy.lm_quantization) == ((), "none")
    assert (
        hardware.policy
        == choose_policy(Settings(), VALUES, devices=[_device("cpu")], cores=6, environ={})[0]
    )


@pytest.mark.parametrize(("kind", "free"), [("cuda", 7), ("cpu", 8)])
def test_a_named_planner_that_does_not_fit_is_an_error(kind: Kind, free: float) -> None:
    with pytest.raises(OutOfMemory) as caught:
        _choose(_device(kind, free), _device("cpu"), candidates=(LARGE,), required=True)
    name = "cuda:0" if kind == "cuda" else "cpu"
    assert f"not enough memory on {name}: {LARGE.name} in bfloat16" in caught.value.message
    assert f"GiB and {free}.00 GiB are free" in caught.value.message
    assert "--lm" in caught.value.hint and "--no-lm" in caught.value.hint
    assert caught.value.exit_code == 4


# 4.2 billion weights: 7.8 GiB in bfloat16, 3.9 in int8, 2.2 in int4, and 1.1 GiB of cache.
@pytest.mark.parametrize(
    ("quantization", "enough", "short"), [("none", 9.5, 8.5), ("int8", 5.6, 5.2), ("int4", 4.9, 3)]
)
def test_quantised_weights_are_counted_as_they_lie(
    quantization: str, enough: float, short: float
) -> None:
    options = {"candidates": (LARGE,), "values": {}, "lm_quantization": quantization}
    hardware = _choose(_device("cpu", enough), **options)
    assert (hardware.planner, hardware.policy.lm_quantization) == (0, quantization)
    assert hardware.adjusted == ()
    hardware = _choose(_device("cpu", short), **options)
    assert hardware.planner is None
    form = "bfloat16" if quantization == "none" else quantization
    assert hardware.reason.startswith(f"{LARGE.name} in {form} with its cache needs ")


def test_quantisation_is_taken_back_on_other_devices() -> None:
    hardware = _choose(_device("cuda", 24), lm_quantization="int4")
    assert hardware.policy.lm_quantization == "none"
    assert [change.what for change in hardware.adjusted] == ["lm_quantization"]


def test_the_policy_counts_the_planner_with_its_cache() -> None:
    hardware = _choose(_device("cpu"), candidates=(SMALL,))
    policy = hardware.policy
    stages = SMALL.stages(POSITIONS)
    alone = needed_bytes(policy, {}, "all")
    whole = needed_bytes(policy, stages, "stage")
    assert whole - alone == 2 * (SMALL.values + 2 * POSITIONS * SMALL.cached)
    everything = needed_bytes(policy, {**VALUES, **stages}, "all")
    assert everything - alone == whole - alone + 2 * sum(VALUES.values())


def test_the_preferred_one_is_told_apart() -> None:
    policy, _ = choose_policy(Settings(), {}, devices=[_device("cuda", 6)], cores=1, environ={})
    chosen, reason = choose_planner(ALL, policy, {}, positions=POSITIONS)
    assert chosen == 1
    assert reason == (
        "acestep-5Hz-lm-4B in bfloat16 with its cache needs 9.52 GiB and 6.00 GiB are free"
    )
    assert choose_planner(ALL[:2], policy, {}, positions=POSITIONS) == (1, "")
    # A longer song needs a longer cache.
    assert choose_planner(ALL[:2], policy, {}, positions=5 * POSITIONS)[0] is None
