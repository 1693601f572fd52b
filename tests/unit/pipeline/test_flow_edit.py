from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.pipeline.flow_edit import FlowEditInputs, FlowEditOptions, flow_edit
from acestep_cli.pipeline.guidance import projected_guidance
from acestep_cli.pipeline.noise import GivenNoise
from acestep_cli.pipeline.schedule import flow_edit_schedule
from tests.unit.pipeline.fakes import Formula, condition, network, ramp

NULL = torch.zeros(1, 1, 5)


def draws(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(8)
    return [torch.randn(1, 4, 2, generator=generator) for _ in range(count)]


def run(
    formula: Formula,
    options: FlowEditOptions,
    noise: Sequence[Tensor] = (),
    null_state: Tensor | None = None,
    **more: Any,
) -> tuple[Tensor, list[float]]:
    dit, _ = network(formula)
    inputs = FlowEditInputs(ramp(), condition(1.0), condition(3.0), null_state)
    times: list[float] = []
    result = flow_edit(
        dit,
        inputs,
        options,
        flow_edit_schedule(4, 1),
        GivenNoise(noise),
        on_call=times.append,
        **more,
    )
    return result, times


def curved(x: Tensor, condition: Tensor | float, time: float) -> Tensor:
    return x * time + condition * torch.linspace(-1, 1, x.shape[1])[:, None] ** 2


def test_a_constant_difference_moves_the_source_by_itself() -> None:
    result, times = run(
        lambda x, condition, time: condition.expand_as(x), FlowEditOptions(), noise=draws(4)
    )
    assert torch.allclose(result, ramp() - (3 - 1))
    assert times == [1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25]


def test_nothing_is_done_before_the_first_step() -> None:
    result, times = run(curved, FlowEditOptions(n_min=1.0))
    assert torch.equal(result, ramp()) and times == []


def test_shares_of_the_steps_are_cut_to_whole_steps() -> None:
    options = FlowEditOptions(n_min=0.3, n_max=0.7)  # int(1.2), int(2.8) of four steps
    _, times = run(curved, options, noise=draws(2))
    assert times == [0.75, 0.75, 0.5, 0.25]


def slow_edit(
    noise: list[Tensor],
    n_min: int,
    n_max: int,
    n_avg: int,
    clamp: Callable[[Tensor, Tensor], Tensor] = lambda velocity, latents: velocity,
    factor: float = 0.0,
    scale: float = 1.0,
) -> Tensor:
    """Step by step as the facts have it, for four even steps."""
    source, z, draws = ramp(), ramp(), iter(noise)
    x: Tensor | None = None
    before: dict[float, Tensor] = {}
    momentum: dict[float, Tensor] = {}

    def look(values: Tensor, at: float, time: float) -> tuple[Tensor, Tensor]:
        c, u = curved(values, at, time), curved(values, 0.0, time)
        if scale == 1:
            return clamp(c, values), c - u
        carried = c - u - 0.75 * momentum.get(at, torch.zeros(()))
        return clamp(projected_guidance(c, carried, scale), values), c - u

    def settle(at: float, looks: list[tuple[Tensor, Tensor]]) -> Tensor:
        velocity = torch.stack([v for v, _ in looks]).mean(0)
        difference = torch.stack([d for _, d in looks]).mean(0)
        momentum[at] = difference - 0.75 * momentum.get(at, torch.zeros(()))
        if at in before:
            velocity = (1 - factor) * velocity + factor * before[at]
        before[at] = velocity
        return velocity

    for index, time in enumerate((1.0, 0.75, 0.5, 0.25)):
        if index < n_min:
            continue
        if index < n_max:
            origin, target = [], []
            for _ in range(n_avg):
                noised = (1 - time) * source + time * next(draws)
                origin.append(look(noised, 1.0, time))
                target.append(look(z + noised - source, 3.0, time))
            z = z - 0.25 * (settle(3.0, target) - settle(1.0, origin))
        else:
            if x is None:
                x = z + ((1 - time) * source + time * next(draws)) - source
            x = x - 0.25 * settle(3.0, [look(x, 3.0, time)])
    return z if x is None else x


@pytest.mark.parametrize(("n_min", "n_max", "n_avg"), [(0, 4, 1), (1, 3, 2), (0, 0, 1), (2, 2, 3)])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_edits_are_the_slow_ones(n_min: int, n_max: int, n_avg: int, scale: float) -> None:
    noise = draws(9)
    options = FlowEditOptions(n_min / 4, n_max / 4, n_avg, guidance_scale=scale)
    result, _ = run(curved, options, noise=noise, null_state=NULL)
    wanted = slow_edit(noise, n_min, n_max, n_avg, scale=scale)
    assert torch.allclose(result, wanted, atol=1e-5)


def test_clamp_acts_on_a_draw_and_the_average_on_a_step() -> None:
    def clamp(velocity: Tensor, latents: Tensor) -> Tensor:
        return velocity * min(1.0, 0.4 * float(latents.norm() / velocity.norm()))

    noise = draws(9)
    options = FlowEditOptions(
        n_max=0.5, n_avg=2, velocity_norm_threshold=0.4, velocity_ema_factor=0.3
    )
    result, _ = run(curved, options, noise=noise)
    wanted = slow_edit(noise, 0, 2, 2, clamp=clamp, factor=0.3)
    assert torch.allclose(result, wanted, atol=1e-5)


def test_guidance_outside_its_interval_looks_once() -> None:
    options = FlowEditOptions(guidance_scale=3.0, cfg_interval_start=0.6)
    dit, fake = network(curved)
    inputs = FlowEditInputs(ramp(), condition(1.0), condition(3.0), NULL)
    flow_edit(dit, inputs, options, flow_edit_schedule(4, 1), GivenNoise(draws(4)))
    assert fake.batches == [2, 2, 2, 2, 1, 1, 1, 1]


def test_progress_counts_from_the_first_step_done() -> None:
    seen: list[tuple[int, int]] = []
    options = FlowEditOptions(n_min=0.5)
    run(curved, options, noise=draws(2), on_step=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]


def test_cancelling_and_bad_answers_are_told() -> None:
    with pytest.raises(Cancelled) as caught:
        run(curved, FlowEditOptions(), noise=draws(1), cancelled=lambda: ExitCode.TERMINATED)
    assert caught.value.exit_code == ExitCode.TERMINATED
    with pytest.raises(UnusableResult, match="step 1 of 4"):
        run(lambda x, c, t: x / 0, FlowEditOptions(), noise=draws(1))


def test_guidance_without_a_null_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="null_state"):
        run(curved, FlowEditOptions(guidance_scale=2.0), noise=draws(1))
