"""What a job would be made of, found out without loading, drawing or writing anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acestep_cli.events import Adjusted, Noted, Warned
from acestep_cli.hardware.policy import needed_bytes, weight_bytes
from acestep_cli.jobs.plain import plain
from acestep_cli.run.prepare import prepare
from acestep_cli.run.spec import Job, RunSpec, used_folders
from acestep_cli.run.targets import PLOT
from acestep_cli.run.wishes import plain_wishes
from acestep_cli.weights.index import read_index

# What stands for the id of a job that there is not.
NO_JOB = "JOB"


def dry_run(spec: RunSpec) -> tuple[dict[str, Any], tuple[Warned, ...]]:
    """All that is known of the job of `spec` before it is made, ready for JSON, and its warnings.

    Raises what would stop the job before it exists.
    """
    job = prepare(spec, warm=False)
    request = job.request.to_dict()
    facts = {
        "request": request,
        "origins": {name: job.origins.get(name, "default") for name in request},
        "settings": _settings(spec),
        "wishes": plain_wishes(job.spec.wishes),
        "items": job.first_items(),
        "checkpoints": _checkpoints(job),
        "planner": None if job.planner is None else job.planner.name,
        "hardware": job.policy.as_dict(),
        "memory": _memory(job),
        "seeds": [
            {"seed": seed, "drawn": drawn}
            for seed, drawn in zip(job.seeds, _drawn(spec, job), strict=True)
        ],
        "paths": _paths(job),
        "record": str(job.folder / f"{NO_JOB}.json"),
        "digest": job.digest,
        "adjustments": [_adjusted(event) for event in job.early if isinstance(event, Adjusted)],
        "notes": [event.message for event in job.early if isinstance(event, Noted)],
    }
    warnings = tuple(event for event in job.early if isinstance(event, Warned))
    told = [{"code": event.code, "message": event.message} for event in warnings]
    values: dict[str, Any] = plain({**facts, "warnings": told})
    return values, warnings


def _settings(spec: RunSpec) -> dict[str, Any]:
    """The settings that say where and how the job runs, each with its origin."""
    resolved = spec.resolved
    names = ("checkpoints", "device", "dtype", "offload_to_cpu", "threads", "lm_quantization")
    return {
        name: {"value": getattr(resolved.settings, name), "origin": resolved.origins[name]}
        for name in names
    }


def _checkpoints(job: Job) -> list[dict[str, Any]]:
    sizes = {
        folder.name: read_index(folder.path).nbytes
        for folder in used_folders(job.checkpoints, job.planner)
    }
    return [{**one, "bytes": sizes[one["name"]]} for one in job.recorded_checkpoints()]


def _memory(job: Job) -> dict[str, Any]:
    """Bytes: what the weights of each stage take, what is needed at the peak, what there is."""
    policy = job.policy
    return {
        "weights": weight_bytes(policy, job.weights),
        "needed": needed_bytes(policy, job.weights, policy.residency),
        "free": policy.device.memory.free,
        "total": policy.device.memory.total,
    }


def _drawn(spec: RunSpec, job: Job) -> list[bool]:
    """Whether the seed of each item was drawn, here or by a command that needs it earlier."""
    asked = [seed for seed in spec.resolved.request.seed if seed >= 0]
    if not asked or (spec.resolved.origins["seed"] == "default" and spec.pinned is None):
        return [True] * len(job.seeds)
    if len(spec.resolved.request.seed) == 1:
        return [False] * len(job.seeds)
    return [seed not in asked for seed in job.seeds]


def _paths(job: Job) -> list[str]:
    """The files as far as their names are known: a name with parts as it was written."""
    made = [job.targets]
    if job.spec.plot_file is not None:
        made.append(job.targets.to(job.spec.plot_file, PLOT))
    paths: list[Path] = []
    for targets in made:
        if targets.is_fixed:
            paths += (targets.path(index, NO_JOB) for index in range(len(job.seeds)))
        elif targets.file is not None:
            paths.append(targets.file)
    return ["-"] if job.spec.to_stdout else [str(path) for path in dict.fromkeys(paths)]


def _adjusted(event: Adjusted) -> dict[str, Any]:
    return {
        "what": event.what,
        "before": str(event.before),
        "after": str(event.after),
        "reason": event.reason,
    }
