"""Can songs be made here: checkpoints, planner, and room for them in memory. Loads no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from acestep_cli.errors import CheckpointError
from acestep_cli.hardware.memory import in_gib
from acestep_cli.hardware.planner import choose_hardware, context_positions
from acestep_cli.hardware.policy import needed_bytes
from acestep_cli.run.check import Check, Findings
from acestep_cli.run.spec import used_folders
from acestep_cli.weights.catalog import DEFAULT_PLANNER, Kind, fetch_command
from acestep_cli.weights.demonstration import DEMO_WORDS, REAL_ONE
from acestep_cli.weights.folder import Folder
from acestep_cli.weights.index import read_index
from acestep_cli.weights.locate import find_set, installed
from acestep_cli.weights.places import search_places
from acestep_cli.weights.planners import find_planners, planner_size
from acestep_cli.weights.sets import CheckpointSet

_KINDS: tuple[Kind, ...] = ("dit", "vae", "text_encoder", "planner")
# What memory is worked out for: a song of some length with a caption and lyrics.
_SECONDS, _TEXT_BYTES = 240.0, 2000
# What only some checkpoints can do.
_SPECIAL_TASK = "extract"


def find_checkpoints(findings: Findings) -> Iterator[Check]:
    """The set that makes songs, its headers read, and which other checkpoints are installed."""
    findings.places = search_places(
        findings.settings.checkpoints,
        environ=findings.environ,
        cwd=findings.cwd,
        further=findings.settings.models,
    )
    chosen = find_set(findings.request.model, "text2music", findings.places)
    for folder in used_folders(chosen, None):
        read_index(folder.path)
    findings.checkpoints = chosen
    try:
        real = [place for place in findings.places if not place.is_demo]
        here = [folder for kind in _KINDS for folder in installed(real, kind)]
    except CheckpointError as error:
        # Songs can be made; it is another one that is damaged.
        detail = f"songs are made with {chosen.dit.name}; {error.message}"
        yield Check("checkpoints", "warn", detail, error.hint, facts=_facts(chosen, ()))
        return
    facts = _facts(chosen, here)
    if chosen.is_demo:
        detail = f"songs are made with {chosen.dit.name}, {DEMO_WORDS}"
        yield Check("checkpoints", "warn", detail, REAL_ONE, facts=facts)
        return
    models = [folder for folder in here if folder.kind == "dit"]
    others = [model.name for model in models if model.name != chosen.dit.name]
    also = f"; also here: {', '.join(others)}" if others else ""
    yield Check("checkpoints", "ok", f"songs are made with {chosen.dit.name}{also}", facts=facts)
    if not any(_SPECIAL_TASK in model.tasks for model in models):
        detail = "all but extract, lego and complete, which take a base checkpoint"
        yield Check("tasks", "ok", detail)


def find_planner(findings: Findings) -> Iterator[Check]:
    """Which planners are there; songs can be made without one."""
    if findings.no_planner:
        yield Check("planner", "ok", "switched off by a setting")
        return
    if findings.checkpoints is None:
        return
    found = _planners(findings)
    if found:
        names = ", ".join(folder.name for folder in found)
        yield Check("planner", "ok", names, facts={"installed": [f.name for f in found]})
        return
    if findings.checkpoints.is_demo:
        detail = "the demonstration has none: songs are made without a plan"
        yield Check("planner", "ok", detail, facts={"installed": []})
        return
    yield Check(
        "planner",
        "warn",
        "none is installed: songs are made without a plan",
        f"fetch one: {fetch_command(DEFAULT_PLANNER)}",
        facts={"installed": []},
    )


def work_out_memory(findings: Findings) -> Iterator[Check]:
    """Whether a song fits on the device that would be used, and how."""
    chosen = findings.checkpoints
    if chosen is None or findings.policy is None:
        return  # why, has been told
    values: dict[str, int] = {
        part.kind: read_index(part.path).values() for part in used_folders(chosen, None)
    }
    planners = () if findings.no_planner else _planners(findings)
    sizes = [planner_size(folder) for folder in planners]
    positions = context_positions(_TEXT_BYTES, _SECONDS)
    hardware = choose_hardware(
        findings.settings,
        values,
        sizes,
        positions=positions,
        devices=findings.devices,
        environ=findings.environ,
    )
    policy, planner = hardware.policy, hardware.planner
    beside = {} if planner is None else sizes[planner].stages(positions)
    needed = needed_bytes(policy, {**values, **beside}, policy.residency)
    free = policy.device.memory.free
    way = "all at once" if policy.residency == "all" else "one stage at a time"
    crew = "no planner" if planner is None else planners[planner].name
    detail = (
        f"{in_gib(needed)} of {in_gib(free)} free on {policy.device.torch_name}: {chosen.dit.name} "
        f"and {crew} in {policy.dtype}, {way}"
    )
    facts = {**policy.as_dict(), "needed_bytes": needed, "free_bytes": free, "planner": crew}
    lowered = [f"{change.what}: {change.reason}" for change in hardware.adjusted]
    if planner is None and sizes:
        lowered.append(hardware.reason)
    yield Check(
        "memory",
        "warn" if lowered else "ok",
        "; ".join([detail, *lowered]),
        "see `acestep help memory`" if lowered else "",
        facts=facts,
    )


def _planners(findings: Findings) -> tuple[Folder, ...]:
    return find_planners(
        findings.request.lm_model_path, findings.places, beside=findings.checkpoints
    )


def _facts(chosen: CheckpointSet, here: Sequence[Folder]) -> dict[str, Any]:
    return {
        "model": chosen.dit.name,
        "demonstration": chosen.is_demo,
        "installed": [
            {
                "name": folder.name,
                "kind": folder.kind,
                "path": str(folder.path),
                "tasks": list(folder.tasks),
            }
            for folder in here
        ],
    }
