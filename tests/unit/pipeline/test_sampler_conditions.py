from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.pipeline.guidance import angle_guidance, plain_guidance, projected_guidance
from acestep_cli.pipeline.sampler import SamplingOptions
from acestep_cli.pipeline.schedule import base_schedule
from tests.unit.pipeline.fakes import NULL, clock, condition, ramp, run, told


def guided(x: Tensor, condition: Tensor | float, time: float) -> Tensor:
    """Differs with and without the condition, in a direction of its own."""
    return x * time + condition * torch.linspace(-1, 1, x.shape[1])[:, None] ** 2


def test_guidance_is_one_batch_with_momentum() -> None:
    options = SamplingOptions(turbo=False, guidance_scale=4.0)
    result, fake, times = run(guided, options, base_schedule(3, 1), null_state=NULL)
    assert fake.batches == [2, 2, 2] and fake.conditions == 2 and len(times) == 3
    x, carried = ramp(), None
    for time, after in zip(times, [*times[1:], 0], strict=True):
        with_words, without = guided(x, torch.ones(1, 1, 1), time), guided(x, 0.0, time)
        difference = with_words - without
        carried = difference if carried is None else difference - 0.75 * carried
        x = x - projected_guidance(with_words, carried, 4.0) * (time - after)
    assert torch.allclose(result, x, atol=1e-6)


def test_outside_its_interval_guidance_costs_nothing_and_momentum_rests() -> None:
    options = SamplingOptions(
        turbo=False, guidance_scale=4.0, cfg_interval_start=0.5, cfg_interval_end=0.8
    )
    result, fake, times = run(guided, options, base_schedule(5, 1), null_state=NULL)
    assert fake.batches == [1, 2, 2, 1, 1]  # times 1, 0.8 (held as 0.80000001), 0.6, 0.4, 0.2
    x, carried = ramp(), None
    for time, after, batch in zip(times, [*times[1:], 0], fake.batches, strict=True):
        velocity = guided(x, torch.ones(1, 1, 1), time)
        if batch == 2:
            difference = velocity - guided(x, 0.0, time)
            carried = difference if carried is None else difference - 0.75 * carried
            velocity = projected_guidance(velocity, carried, 4.0)
        x = x - velocity * (time - after)
    assert torch.allclose(result, x, atol=1e-6)


@pytest.mark.parametrize("use_adg", [False, True])
def test_the_corrector_is_guided_without_momentum_and_without_angles_at_zero(use_adg: bool) -> None:
    options = SamplingOptions(turbo=False, guidance_scale=3.0, sampler_mode="heun", use_adg=use_adg)
    result, _, _ = run(guided, options, base_schedule(2, 1), null_state=NULL)
    x, carried = ramp(), None
    for time, after in ((1.0, 0.5), (0.5, 0.0)):
        c, u = guided(x, torch.ones(1, 1, 1), time), guided(x, 0.0, time)
        carried = c - u if carried is None else c - u - 0.75 * carried
        first = angle_guidance(x, c, u, time, 3.0) if use_adg else projected_guidance(c, carried, 3)
        ahead = x - first * 0.5
        c, u = guided(ahead, torch.ones(1, 1, 1), after), guided(ahead, 0.0, after)
        if use_adg and after > 0:
            second = angle_guidance(ahead, c, u, after, 3.0)
        else:
            second = plain_guidance(c, u, 3.0)
        x = x - (first + second) / 2 * 0.5
    assert torch.allclose(result, x, atol=1e-5)


def test_guidance_without_a_null_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="null_state"):
        run(guided, SamplingOptions(guidance_scale=2.0))


@pytest.mark.parametrize(
    ("strength", "wanted"),
    [(1.0, [1, 1, 1, 1]), (0.6, [1, 1, 2, 2]), (0.1, [2, 2, 2, 2]), (0.0, [2, 2, 2, 2])],
)
def test_the_second_condition_takes_over(strength: float, wanted: list[float]) -> None:
    values: list[list[float]] = []
    second = condition(2.0)
    options = SamplingOptions(audio_cover_strength=strength)
    _, fake, _ = run(told(values), options, second=second)
    assert values == [[value] for value in wanted]
    assert fake.conditions == len(set(wanted))


def test_the_switch_brings_its_own_context_and_null_condition() -> None:
    values: list[list[float]] = []
    second = condition(2.0)
    second.context.fill_(9.0)
    options = SamplingOptions(turbo=False, guidance_scale=2.0, audio_cover_strength=0.5)
    _, fake, _ = run(told(values), options, base_schedule(2, 1), second=second, null_state=NULL)
    assert values == [[1, 0], [2, 0]]
    assert [float(context[1, 0, 0]) for context in fake.contexts] == [0, 9]


def test_a_strength_without_second_condition_changes_nothing() -> None:
    values: list[list[float]] = []
    run(told(values), SamplingOptions(audio_cover_strength=0.0))
    assert values == [[1]] * 4


def test_cover_noise_starts_from_the_noised_source() -> None:
    source = torch.full((1, 4, 2), 7.0)
    options = SamplingOptions(cover_noise_strength=0.4)
    result, _, times = run(told([]), options, source=source)
    assert times == [0.5, 0.25]
    assert torch.allclose(result, 0.5 * ramp() + 0.5 * source)


def test_cover_noise_without_source_is_refused() -> None:
    with pytest.raises(ValueError, match="source"):
        run(clock, SamplingOptions(cover_noise_strength=0.4))
