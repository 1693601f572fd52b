"""Which of the installed planners a run uses, and the policy that goes with it.

On an accelerator the largest whose weights and cache fit the free memory; on a CPU, where every
weight is read for every token, the smallest. Each step down for want of memory is an `Adjusted`
event.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from acestep_cli.config import Settings
from acestep_cli.errors import CheckpointError, OutOfMemory
from acestep_cli.events import Adjusted
from acestep_cli.hardware.devices import Device, available_devices
from acestep_cli.hardware.memory import in_gib
from acestep_cli.hardware.policy import (
    Policy,
    Residency,
    choose_policy,
    needed_bytes,
    planner_form,
)

# With guidance the planner writes two sequences at once.
STREAMS = 2
_CODES_A_SECOND = 5
_LONGEST_SONG = 600.0
# Instructions, headers and the planner's own metadata and caption.
_FRAME_POSITIONS = 1024
# Byte-level tokens of the published vocabulary: about this many bytes of text in the worst of the
# scripts that people write.
_BYTES_A_TOKEN = 3
# Caches come in whole multiples of this.
_ROUNDED_TO = 512


@dataclass(frozen=True, slots=True)
class PlannerSize:
    """What a planner takes: `values` counts its weights, `cached` the keys and values that one
    position of one sequence leaves behind."""

    name: str
    values: int
    cached: int

    @classmethod
    def of(cls, name: str, values: int, config: Mapping[str, Any]) -> PlannerSize:
        """The size of the planner `name` with `values` weights, its cache read from its parsed
        `config.json`: CheckpointError names a key that is no positive number."""
        heads = _count(name, config, "num_attention_heads")
        kv_heads = _count(name, config, "num_key_value_heads", heads)
        width = max(1, _count(name, config, "hidden_size") // heads)
        head_dim = _count(name, config, "head_dim", width)
        return cls(
            name, values, 2 * _count(name, config, "num_hidden_layers") * kv_heads * head_dim
        )

    def stages(self, positions: int, streams: int = STREAMS) -> dict[str, int]:
        """What it adds to the counts that a policy is chosen for: its weights, and the keys and
        values of `streams` sequences of `positions` tokens."""
        return {"planner": self.values, "planner_cache": self.cached * positions * streams}


@dataclass(frozen=True, slots=True)
class Hardware:
    """The policy of a run, what memory made it change, and its planner: an index into the
    candidates, or None with the `reason` in a sentence."""

    policy: Policy
    adjusted: tuple[Adjusted, ...]
    planner: int | None
    reason: str = ""


def context_positions(text_bytes: int, seconds: float | None) -> int:
    """How many tokens a plan may come to: `text_bytes` of UTF-8 in caption and lyrics, and the
    codes of `seconds` of sound, of the longest song where nobody knows; a multiple of 512."""
    codes = ceil(_CODES_A_SECOND * (_LONGEST_SONG if seconds is None else seconds))
    tokens = _FRAME_POSITIONS + ceil(text_bytes / _BYTES_A_TOKEN) + codes
    return ceil(tokens / _ROUNDED_TO) * _ROUNDED_TO


def choose_hardware(
    settings: Settings,
    values: Mapping[str, int],
    candidates: Sequence[PlannerSize],
    *,
    positions: int,
    required: bool = False,
    devices: list[Device] | None = None,
    cores: int | None = None,
    environ: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> Hardware:
    """The policy for `settings` and the one of the `candidates`, smallest first, that goes with it.

    `values` counts the weights of all stages but the planner. Device and dtype are chosen for them
    alone; where there are none, a planner that no accelerator holds may run on the CPU, if the
    device is `auto`. `positions` is the length of its cache. `recorded` and errors as in
    `choose_policy`, and OutOfMemory when a `required` planner fits nowhere.
    """
    environ = os.environ if environ is None else environ
    if devices is None:
        devices = available_devices(environ, gpus=settings.device != "cpu")

    def choose(settings: Settings, more: Mapping[str, int]) -> tuple[Policy, tuple[Adjusted, ...]]:
        return choose_policy(
            settings,
            {**values, **more},
            devices=devices,
            cores=cores,
            environ=environ,
            recorded=recorded,
        )

    def attempt(settings: Settings) -> tuple[Policy, int | None, str]:
        alone, _ = choose(settings, {"planner": 0})
        together = settings.offload_to_cpu is False and alone.residency == "all"
        found = choose_planner(candidates, alone, values, positions=positions, together=together)
        return alone, *found

    alone, planner, reason = attempt(settings)
    early: tuple[Adjusted, ...] = ()
    if _may_move(settings, alone) and planner is None and candidates and not values:
        early = (Adjusted("device", alone.device.torch_name, "cpu", reason),)
        settings = replace(settings, device="cpu")
        alone, planner, reason = attempt(settings)
    if planner is None and candidates and required:
        raise OutOfMemory(
            f"not enough memory on {alone.device.torch_name}: {reason}",
            "close other programs, or name a smaller planner with --lm"
            + (", or use --no-lm" if values else ""),
        )
    more = {} if planner is None else candidates[planner].stages(positions)
    policy, changes = choose(settings, more)
    passed = _passed_over(candidates, planner, alone, reason)
    return Hardware(policy, (*early, *passed, *changes), planner, "" if more else reason)


def choose_planner(
    candidates: Sequence[PlannerSize],
    policy: Policy,
    values: Mapping[str, int],
    *,
    positions: int,
    together: bool = False,
) -> tuple[int | None, str]:
    """The index of the planner to use with `policy`, and in a sentence why it is not the one that
    would be used with enough memory; None, with the reason, when there is none or none fits.

    It needs room for its weights and cache while the other networks, counted in `values`, wait
    outside the device; with `together` beside them, if any of the candidates fits there.
    """
    if not candidates:
        return None, "no planner is installed"
    order = _order(candidates, policy)
    residencies: tuple[Residency, ...] = ("all", "stage") if together else ("stage",)
    refusals: list[str] = []
    for residency in residencies:
        for index in order:
            refusal = _refusal(candidates[index], policy, values, positions, residency)
            if not refusal:
                return index, refusals[0] if refusals else ""
            refusals.append(refusal)
    return None, refusals[-1]


def _order(candidates: Sequence[PlannerSize], policy: Policy) -> list[int]:
    """The candidates worth trying, the preferred one first."""
    return [0] if policy.device.kind == "cpu" else list(reversed(range(len(candidates))))


def _refusal(
    planner: PlannerSize,
    policy: Policy,
    values: Mapping[str, int],
    positions: int,
    residency: Residency,
) -> str:
    """Why `planner` does not fit; empty when it does."""
    beside = values if residency == "all" else {}
    needed = needed_bytes(policy, {**beside, **planner.stages(positions)}, residency)
    free = policy.device.memory.free
    if needed <= free:
        return ""
    others = " beside the other networks" if beside else ""
    return (
        f"{planner.name} in {planner_form(policy)} with its cache needs {in_gib(needed)}{others} "
        f"and {in_gib(free)} are free"
    )


def _passed_over(
    candidates: Sequence[PlannerSize], chosen: int | None, policy: Policy, reason: str
) -> tuple[Adjusted, ...]:
    """The event that memory decided for another planner than the preferred one, or for none."""
    if not candidates or not reason:
        return ()
    preferred = candidates[_order(candidates, policy)[0]].name
    after = "none" if chosen is None else candidates[chosen].name
    # The preferred one may have been found too large only for staying beside the others.
    return () if after == preferred else (Adjusted("planner", preferred, after, reason),)


def _may_move(settings: Settings, policy: Policy) -> bool:
    return settings.device == "auto" and policy.device.kind != "cpu"


def _count(name: str, config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CheckpointError(
            f"the config.json of {name} gives {key} as {value!r}, which must be a positive integer",
            "the checkpoint is no planner of this model, or damaged; fetch it again",
        )
    return value
