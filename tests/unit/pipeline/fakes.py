"""A network whose velocity is a formula, so that whole runs can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from acestep_cli.models.config import AceStepConfig
from acestep_cli.models.dit import CrossCache, DiT, Modulation
from acestep_cli.pipeline.noise import NoiseSource
from acestep_cli.pipeline.sampler import SamplerInputs, SamplingOptions, sample
from acestep_cli.pipeline.schedule import Schedule, turbo_schedule
from acestep_cli.pipeline.velocity import Condition

NULL = torch.zeros(1, 1, 5)
"""The null condition of a formula network."""

Formula = Callable[[Tensor, Tensor, float], Tensor]
"""(latents [B, T, C], first value of each item's condition [B, 1, 1], time) to a velocity."""


class FormulaNetwork:
    """Stands in for a DiT: the same four things that the samplers ask of one."""

    def __init__(self, formula: Formula, dtype: torch.dtype = torch.float32) -> None:
        self.formula = formula
        self.scale_shift_table = torch.zeros(1, dtype=dtype)
        self.batches: list[int] = []
        self.contexts: list[Tensor] = []
        self.dtypes: list[torch.dtype] = []
        self.conditions = 0

    def modulation(self, times: Tensor) -> Modulation:
        return Modulation(times[:, None], times[:, None, None])

    def condition(self, states: Tensor) -> CrossCache:
        self.conditions += 1
        return CrossCache((states[:, None],), (states[:, None],))

    def __call__(
        self, latents: Tensor, context: Tensor, cross: CrossCache, modulation: Modulation
    ) -> Tensor:
        assert len(latents) == len(context) == len(cross.keys[0])
        self.batches.append(len(latents))
        self.contexts.append(context)
        self.dtypes.append(latents.dtype)
        states = cross.keys[0][:, :, 0, :1]
        return self.formula(latents, states, float(modulation.embedding[0, 0]))


def network(formula: Formula, dtype: torch.dtype = torch.float32) -> tuple[DiT, FormulaNetwork]:
    """The same object as the samplers' types see it and as the test does."""
    fake = FormulaNetwork(formula, dtype)
    return cast(DiT, fake), fake


def condition(*values: float, frames: int = 4, channels: int = 2) -> Condition:
    """One item for each value; its context is zero."""
    states = torch.tensor(values)[:, None, None].expand(-1, 3, 5)
    return Condition(states, torch.zeros(len(values), frames, 2 * channels))


def ramp(items: int = 1, frames: int = 4, channels: int = 2) -> Tensor:
    """Latents [items, frames, channels] that differ everywhere."""
    count = items * frames * channels
    return (torch.arange(count, dtype=torch.float32) / count - 0.4).view(items, frames, channels)


def tiny_dit(seed: int = 0) -> DiT:
    """A real DiT, small and random: 16 wide, 2 layers, conditions 12 wide."""
    config = AceStepConfig.from_json(
        {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
            "intermediate_size": 24,
            "sliding_window": 4,
            "encoder_hidden_size": 12,
            "fsq_dim": 12,
            "text_hidden_dim": 12,
            "num_lyric_encoder_hidden_layers": 1,
            "num_timbre_encoder_hidden_layers": 1,
            "num_attention_pooler_hidden_layers": 1,
        }
    )
    dit = DiT(config)
    generator = torch.Generator().manual_seed(seed)
    for parameter in dit.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return dit.eval()


def run(
    formula: Formula,
    options: SamplingOptions | None = None,
    schedule: Schedule | None = None,
    noise_source: NoiseSource | None = None,
    **inputs: Any,
) -> tuple[Tensor, FormulaNetwork, list[float]]:
    """Sample one item with four turbo steps unless told otherwise: latents, network, times."""
    dit, fake = network(formula)
    given: dict[str, Any] = {"condition": condition(1.0), "noise": ramp()} | inputs
    times: list[float] = []
    result = sample(
        dit,
        SamplerInputs(**given),
        options or SamplingOptions(),
        schedule or turbo_schedule(4, 1),
        noise_source,
        on_call=times.append,
    )
    return result, fake, times


def toward(x: Tensor, condition: Tensor | float, time: float) -> Tensor:
    """A straight path from where x is to the condition's value."""
    return (x - condition) / time


def clock(x: Tensor, condition: Tensor | float, time: float) -> Tensor:
    """A velocity that is the time."""
    return torch.full_like(x, time)


def told(values: list[list[float]]) -> Formula:
    """Remembers the condition of every call."""

    def formula(x: Tensor, condition: Tensor, time: float) -> Tensor:
        values.append(condition.flatten().tolist())
        return torch.zeros_like(x)

    return formula
