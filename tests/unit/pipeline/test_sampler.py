from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.pipeline.noise import GivenNoise
from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.repaint import Repaint
from acestep_cli.pipeline.sampler import (
    SamplerInputs,
    SamplingOptions,
    clamp_norm,
    moving_average,
    sample,
)
from acestep_cli.pipeline.schedule import base_schedule, turbo_schedule
from acestep_cli.pipeline.wavelet import Correction
from tests.unit.pipeline.fakes import clock, condition, network, ramp, run, toward

BASE = SamplingOptions(turbo=False)


def test_euler_follows_a_straight_path_to_its_end() -> None:
    result, fake, times = run(toward)
    assert torch.allclose(result, torch.ones(1, 4, 2), atol=1e-6)
    assert times == [1, 0.75, 0.5, 0.25]
    assert fake.batches == [1, 1, 1, 1] and fake.conditions == 1


def test_euler_by_hand() -> None:
    result, _, _ = run(clock, schedule=turbo_schedule(2, 1))
    assert torch.allclose(result, ramp() - 1 * 0.5 - 0.5 * 0.5)


def test_heun_integrates_what_is_linear_in_time() -> None:
    heun = SamplingOptions(turbo=False, sampler_mode="heun")
    result, _, times = run(clock, heun, base_schedule(2, 1))
    assert torch.allclose(result, ramp() - 0.5)
    assert times == [1, 0.5, 0.5, 0]


def test_the_last_turbo_step_has_no_corrector() -> None:
    result, _, times = run(clock, SamplingOptions(sampler_mode="heun"), turbo_schedule(2, 1))
    assert times == [1, 0.5, 0.5]
    assert torch.allclose(result, ramp() - 0.75 * 0.5 - 0.5 * 0.5)


def test_the_corrector_looks_from_the_predicted_point() -> None:
    seen: list[Tensor] = []

    def formula(x: Tensor, condition: Tensor, time: float) -> Tensor:
        seen.append(x.clone())
        return clock(x, condition, time)

    run(formula, SamplingOptions(turbo=False, sampler_mode="heun"), base_schedule(1, 1))
    assert torch.allclose(seen[1], ramp() - 1)


def test_sde_renoises_to_the_next_time_of_the_schedule() -> None:
    fresh = torch.full((1, 4, 2), 3.0)
    options = SamplingOptions(turbo=False, infer_method="sde", sampler_mode="heun")
    schedule = base_schedule(2, 3)
    result, _, times = run(clock, options, schedule, GivenNoise([fresh]))
    first, second = schedule.times[:2]
    moved = second * fresh + (1 - second) * (ramp() - first * first)
    assert torch.allclose(result, moved - second * second)
    assert times == [first, second]  # no corrector, and no draw for the end


def test_sde_of_the_original_base_model_ignores_the_schedule() -> None:
    fresh = torch.full((1, 4, 2), 3.0)
    options = SamplingOptions(turbo=False, infer_method="sde", parity=Parity(linear_sde_times=True))
    schedule = base_schedule(2, 3)
    result, _, _ = run(clock, options, schedule, GivenNoise([fresh]))
    moved = 0.5 * fresh + 0.5 * (ramp() - 1)
    assert torch.allclose(result, moved - schedule.times[1] ** 2)


def test_sde_without_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise_source"):
        run(clock, SamplingOptions(infer_method="sde"))


def test_a_velocity_is_shrunk_to_a_share_of_the_latents() -> None:
    velocity, latents = torch.full((2, 3, 2), 4.0), torch.full((2, 3, 2), 2.0)
    latents[1] = 100.0
    clamped = clamp_norm(velocity, latents, 0.5)
    assert torch.allclose(clamped[0], torch.ones(3, 2))
    assert torch.equal(clamped[1], velocity[1])
    assert clamp_norm(velocity, latents, 0) is velocity


def test_the_average_takes_in_the_velocity_before() -> None:
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    assert float(moving_average(three, one, 0.25)) == 2.5
    assert moving_average(three, None, 0.25) is three


def test_clamp_and_average_act_in_every_step() -> None:
    options = SamplingOptions(velocity_norm_threshold=0.1, velocity_ema_factor=0.5)
    result, _, _ = run(lambda x, c, t: 5 * x, options, turbo_schedule(2, 1))
    x = ramp()
    first = 0.1 * x  # the norm of 5x is brought down to a tenth of that of x
    x = x - first * 0.5
    second = 0.5 * 0.1 * x + 0.5 * first
    assert torch.allclose(result, x - second * 0.5, atol=1e-6)


def test_after_heun_the_mean_velocity_is_the_previous_one() -> None:
    options = SamplingOptions(turbo=False, sampler_mode="heun", velocity_ema_factor=0.5)
    result, _, _ = run(clock, options, base_schedule(2, 1))
    ends = (1 + (0.5 * 0.5 + 0.5 * 1)) / 2
    first = 0.5 * 0.5 + 0.5 * ends
    second = (first + (0.5 * 0 + 0.5 * first)) / 2
    assert torch.allclose(result, ramp() - 0.5 * ends - 0.5 * second)


def kept_half(ratio: float, crossfade: int) -> Repaint:
    region = torch.tensor([[True, True, False, False]])
    return Repaint(region, torch.full((1, 4, 2), 7.0), ratio, crossfade)


def test_kept_frames_are_put_back_after_the_first_steps() -> None:
    seen: list[Tensor] = []

    def formula(x: Tensor, condition: Tensor, time: float) -> Tensor:
        seen.append(x.clone())
        return torch.ones_like(x)

    repaint = kept_half(0.5, 0)
    result, _, _ = run(formula, schedule=turbo_schedule(4, 1), repaint=repaint)
    noised = 0.75 * ramp() + 0.25 * 7
    assert torch.allclose(seen[1][:, 2:], noised[:, 2:])
    assert torch.allclose(seen[1][:, :2], ramp()[:, :2] - 0.25)
    noised = 0.5 * ramp() + 0.5 * 7
    assert torch.allclose(seen[2][:, 2:], noised[:, 2:])
    assert torch.allclose(result[:, 2:], noised[:, 2:] - 0.5)


def test_the_last_turbo_step_puts_nothing_back() -> None:
    turbo, _, _ = run(clock, repaint=kept_half(1.0, 0))
    base, _, _ = run(clock, BASE, base_schedule(4, 1), repaint=kept_half(1.0, 0))
    kept = torch.full((1, 2, 2), 7.0)
    assert torch.equal(base[:, 2:], kept)
    assert not torch.allclose(turbo[:, 2:], kept, atol=1e-3)


def test_the_end_is_blended_into_the_source() -> None:
    result, _, _ = run(toward, repaint=kept_half(0.0, 1))
    assert torch.allclose(result[0, :, 0], torch.tensor([1.0, 1.0, 4.0, 7.0]), atol=1e-6)


def test_the_correction_comes_after_every_update_and_before_injection() -> None:
    options = SamplingOptions(wavelet=Correction("pix", 0.5))
    result, _, _ = run(clock, options, turbo_schedule(2, 1), repaint=kept_half(0.5, 0))
    x = ramp()
    moved = x - 0.5
    moved = moved + 0.5 * (moved - (x - 1))
    injected = 0.5 * ramp() + 0.5 * 7
    x = torch.cat([moved[:, :2], injected[:, 2:]], dim=1)
    moved = x - 0.25
    assert torch.allclose(result, moved + 0.5 * (moved - (x - 0.25)), atol=1e-6)


def test_the_correction_of_a_heun_step_looks_from_where_it_began() -> None:
    options = SamplingOptions(turbo=False, sampler_mode="heun", wavelet=Correction("pix", 0.5))
    result, _, _ = run(clock, options, base_schedule(1, 1))
    moved = ramp() - 0.5  # the mean of the velocities 1 and 0
    assert torch.allclose(result, moved + 0.5 * (moved - (ramp() - 1)))


def test_progress_counts_the_steps_that_are_made() -> None:
    dit, _ = network(clock)
    seen: list[tuple[int, int]] = []
    inputs = SamplerInputs(condition(1.0), ramp(), source=ramp())
    options = SamplingOptions(cover_noise_strength=0.4)
    sample(dit, inputs, options, turbo_schedule(4, 1), on_step=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_cancelling_is_heard_before_every_network_call(code: ExitCode) -> None:
    dit, fake = network(clock)
    options = SamplingOptions(turbo=False, sampler_mode="heun")

    def poll() -> ExitCode | None:
        return code if len(fake.batches) == 3 else None

    with pytest.raises(Cancelled) as caught:
        sample(
            dit,
            SamplerInputs(condition(1.0), ramp()),
            options,
            base_schedule(4, 1),
            cancelled=poll,
        )
    assert caught.value.exit_code == code
    assert len(fake.batches) == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_answer_that_is_not_finite_names_the_step(bad: float) -> None:
    def formula(x: Tensor, condition: Tensor, time: float) -> Tensor:
        return torch.full_like(x, bad if time == 0.5 else 0.0)

    with pytest.raises(UnusableResult, match="step 3 of 4"):
        run(formula)


def test_the_network_sees_its_own_dtype_and_latents_stay_float32() -> None:
    def formula(x: Tensor, condition: Tensor, time: float) -> Tensor:
        return torch.full_like(x, 2**-12)  # lost if latents of about 1 were bfloat16

    dit, fake = network(formula, torch.bfloat16)
    inputs = SamplerInputs(condition(1.0), torch.ones(1, 4, 2))
    result = sample(dit, inputs, SamplingOptions(), turbo_schedule(4, 1))
    assert set(fake.dtypes) == {torch.bfloat16}
    assert {context.dtype for context in fake.contexts} == {torch.bfloat16}
    assert result.dtype == torch.float32
    assert torch.equal(result, torch.full((1, 4, 2), 1 - 2**-12))


def test_sampling_leaves_its_inputs_alone() -> None:
    noise = ramp()
    run(toward, repaint=kept_half(1.0, 2), noise=noise)
    assert torch.equal(noise, ramp())
