"""What fits a machine and what is recommended for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acestep_cli.config import Settings
from acestep_cli.hardware.devices import Device, Kind
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.planner import PlannerSize
from acestep_cli.weights.catalog import BY_NAME, CATALOG
from acestep_cli.weights.fit import Machine, needs, recommended

SET = ("acestep-v15-turbo", "vae", "Qwen3-Embedding-0.6B")


def _machine(cpu: float, cuda: float = 0.0, settings: Settings | None = None) -> Machine:
    """A machine with so many GiB, half of them in use."""
    sizes: list[tuple[Kind, float]] = [("cuda", cuda), ("cpu", cpu)]
    devices = [
        Device(kind, 0, kind, Memory(int(size * GIB), int(size * GIB / 2)), bfloat16=True)
        for kind, size in sizes
        if size
    ]
    emptied = [replace(one, memory=Memory(one.memory.total, one.memory.total)) for one in devices]
    return Machine(settings or Settings(), tuple(emptied), {})


@pytest.mark.parametrize(
    ("cpu", "cuda", "planner"),
    [
        (64, 0, "acestep-5Hz-lm-0.6B"),
        (16, 8, "acestep-5Hz-lm-0.6B"),
        (16, 12, "acestep-5Hz-lm-0.6B"),
        (16, 16, "acestep-5Hz-lm-1.7B"),
        (16, 24, "acestep-5Hz-lm-1.7B"),
        (16, 80, "acestep-5Hz-lm-4B"),
        (1, 0, None),
    ],
)
def test_the_planner_follows_the_memory(cpu: float, cuda: float, planner: str | None) -> None:
    found = tuple(entry.name for entry in recommended(_machine(cpu, cuda)))
    assert found == (*SET, *([planner] if planner else []))
    settings = Settings(device="cpu")
    on_cpu = recommended(_machine(16, 80, settings))
    assert on_cpu[-1].name == "acestep-5Hz-lm-0.6B"


def test_what_does_not_fit_is_told_with_both_sizes() -> None:
    xl, turbo = BY_NAME["acestep-v15-xl-base"], BY_NAME["acestep-v15-turbo"]
    small = _machine(8)
    assert not small.misfit(turbo.kind, turbo.values)
    assert not small.misfit("dit", 0)  # nobody knows how large it is
    assert "needs 9" in small.misfit(xl.kind, xl.values)
    assert not _machine(16).misfit(xl.kind, xl.values)
    planner = BY_NAME["acestep-5Hz-lm-4B"]
    assert "needs" in small.misfit("planner", planner.values, planner.cached)
    nowhere = _machine(8, settings=Settings(device="cuda"))
    assert "is not here" in nowhere.misfit("dit", turbo.values)


def test_planners_are_preferred_as_a_run_does() -> None:
    sizes = [
        PlannerSize(entry.name, entry.values, entry.cached)
        for entry in sorted(CATALOG, key=lambda entry: entry.values)
        if entry.kind == "planner"
    ]
    assert _machine(64).preferred(sizes) == 0
    assert _machine(16, 80).preferred(sizes) == 2
    assert _machine(1).preferred(sizes) is None


def test_a_model_needs_its_parts() -> None:
    assert [entry.name for entry in needs(BY_NAME["acestep-v15-sft"])] == [
        "vae",
        "Qwen3-Embedding-0.6B",
    ]
    assert needs(BY_NAME["vae"]) == needs(BY_NAME["acestep-5Hz-lm-4B"]) == ()
