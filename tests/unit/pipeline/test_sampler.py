import pytest
import torch

from acestep_cli.errors import Cancelled, ExitCode, UnusableResult
from acestep_cli.pipeline.guidance import angle_guidance, plain_guidance, projected_guidance
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
from tests.unit.pipeline.fakes import condition, network, ramp

BASE = SamplingOptions(turbo=False)
NULL = torch.zeros(1, 1, 5)


def run(formula, options=None, schedule=None, noise_source=None, **inputs):
    dit, fake = network(formula)
    given = {"condition": condition(1.0), "noise": ramp()} | inputs
    times = []
    result = sample(
        dit,
        SamplerInputs(**given),
        options or SamplingOptions(),
        schedule or turbo_schedule(4, 1),
        noise_source,
        on_call=times.append,
    )
    return result, fake, times


def toward(x, condition, time):
    """A straight path from where x is to the condition's value."""
    return (x - condition) / time


def clock(x, condition, time):
    return torch.full_like(x, time)


def test_euler_follows_a_straight_path_to_its_end():
    result, fake, times = run(toward)
    assert torch.allclose(result, torch.ones(1, 4, 2), atol=1e-6)
    assert times == [1, 0.75, 0.5, 0.25]
    assert fake.batches == [1, 1, 1, 1] and fake.conditions == 1


def test_euler_by_hand():
    result, _, _ = run(clock, schedule=turbo_schedule(2, 1))
    assert torch.allclose(result, ramp() - 1 * 0.5 - 0.5 * 0.5)


def test_heun_integrates_what_is_linear_in_time():
    heun = SamplingOptions(turbo=False, sampler_mode="heun")
    result, _, times = run(clock, heun, base_schedule(2, 1))
    assert torch.allclose(result, ramp() - 0.5)
    assert times == [1, 0.5, 0.5, 0]


def test_the_last_turbo_step_has_no_corrector():
    result, _, times = run(clock, SamplingOptions(sampler_mode="heun"), turbo_schedule(2, 1))
    assert times == [1, 0.5, 0.5]
    assert torch.allclose(result, ramp() - 0.75 * 0.5 - 0.5 * 0.5)


def test_the_corrector_looks_from_the_predicted_point():
    seen = []

    def formula(x, condition, time):
        seen.append(x.clone())
        return clock(x, condition, time)

    run(formula, SamplingOptions(turbo=False, sampler_mode="heun"), base_schedule(1, 1))
    assert torch.allclose(seen[1], ramp() - 1)


def test_sde_renoises_to_the_next_time_of_the_schedule():
    fresh = torch.full((1, 4, 2), 3.0)
    options = SamplingOptions(turbo=False, infer_method="sde", sampler_mode="heun")
    schedule = base_schedule(2, 3)
    result, _, times = run(clock, options, schedule, GivenNoise([fresh]))
    first, second = schedule.times[:2]
    moved = second * fresh + (1 - second) * (ramp() - first * first)
    assert torch.allclose(result, moved - second * second)
    assert times == [first, second]  # no corrector, and no draw for the end


def test_sde_of_the_original_base_model_ignores_the_schedule():
    fresh = torch.full((1, 4, 2), 3.0)
    options = SamplingOptions(turbo=False, infer_method="sde", parity=Parity(linear_sde_times=True))
    schedule = base_schedule(2, 3)
    result, _, _ = run(clock, options, schedule, GivenNoise([fresh]))
    moved = 0.5 * fresh + 0.5 * (ramp() - 1)
    assert torch.allclose(result, moved - schedule.times[1] ** 2)


def test_sde_without_noise_is_refused():
    with pytest.raises(ValueError, match="noise_source"):
        run(clock, SamplingOptions(infer_method="sde"))


def test_a_velocity_is_shrunk_to_a_share_of_the_latents():
    velocity, latents = torch.full((2, 3, 2), 4.0), torch.full((2, 3, 2), 2.0)
    latents[1] = 100.0
    clamped = clamp_norm(velocity, latents, 0.5)
    assert torch.allclose(clamped[0], torch.ones(3, 2))
    assert torch.equal(clamped[1], velocity[1])
    assert clamp_norm(velocity, latents, 0) is velocity


def test_the_average_takes_in_the_velocity_before():
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    assert float(moving_average(three, one, 0.25)) == 2.5
    assert moving_average(three, None, 0.25) is three


def test_clamp_and_average_act_in_every_step():
    options = SamplingOptions(velocity_norm_threshold=0.1, velocity_ema_factor=0.5)
    result, _, _ = run(lambda x, c, t: 5 * x, options, turbo_schedule(2, 1))
    x = ramp()
    first = 0.1 * x  # the norm of 5x is brought down to a tenth of that of x
    x = x - first * 0.5
    second = 0.5 * 0.1 * x + 0.5 * first
    assert torch.allclose(result, x - second * 0.5, atol=1e-6)


def test_after_heun_the_mean_velocity_is_the_previous_one():
    options = SamplingOptions(turbo=False, sampler_mode="heun", velocity_ema_factor=0.5)
    result, _, _ = run(clock, options, base_schedule(2, 1))
    ends = (1 + (0.5 * 0.5 + 0.5 * 1)) / 2
    first = 0.5 * 0.5 + 0.5 * ends
    second = (first + (0.5 * 0 + 0.5 * first)) / 2
    assert torch.allclose(result, ramp() - 0.5 * ends - 0.5 * second)


def guided(x, condition, time):
    """Differs with and without the condition, in a direction of its own."""
    return x * time + condition * torch.linspace(-1, 1, x.shape[1])[:, None] ** 2


def test_guidance_is_one_batch_with_momentum():
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


def test_outside_its_interval_guidance_costs_nothing_and_momentum_rests():
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
def test_the_corrector_is_guided_without_momentum_and_without_angles_at_zero(use_adg):
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


def test_guidance_without_a_null_condition_is_refused():
    with pytest.raises(ValueError, match="null_state"):
        run(guided, SamplingOptions(guidance_scale=2.0))


def told(values):
    """Remembers the condition of every call."""

    def formula(x, condition, time):
        values.append(condition.flatten().tolist())
        return torch.zeros_like(x)

    return formula


@pytest.mark.parametrize(
    ("strength", "wanted"),
    [(1.0, [1, 1, 1, 1]), (0.6, [1, 1, 2, 2]), (0.1, [2, 2, 2, 2]), (0.0, [2, 2, 2, 2])],
)
def test_the_second_condition_takes_over(strength, wanted):
    values = []
    second = condition(2.0)
    options = SamplingOptions(audio_cover_strength=strength)
    _, fake, _ = run(told(values), options, second=second)
    assert values == [[value] for value in wanted]
    assert fake.conditions == len(set(wanted))


def test_the_switch_brings_its_own_context_and_null_condition():
    values = []
    second = condition(2.0)
    second.context.fill_(9.0)
    options = SamplingOptions(turbo=False, guidance_scale=2.0, audio_cover_strength=0.5)
    _, fake, _ = run(told(values), options, base_schedule(2, 1), second=second, null_state=NULL)
    assert values == [[1, 0], [2, 0]]
    assert [float(context[1, 0, 0]) for context in fake.contexts] == [0, 9]


def test_a_strength_without_second_condition_changes_nothing():
    values = []
    run(told(values), SamplingOptions(audio_cover_strength=0.0))
    assert values == [[1]] * 4


def test_cover_noise_starts_from_the_noised_source():
    source = torch.full((1, 4, 2), 7.0)
    options = SamplingOptions(cover_noise_strength=0.4)
    result, _, times = run(told([]), options, source=source)
    assert times == [0.5, 0.25]
    assert torch.allclose(result, 0.5 * ramp() + 0.5 * source)


def test_cover_noise_without_source_is_refused():
    with pytest.raises(ValueError, match="source"):
        run(clock, SamplingOptions(cover_noise_strength=0.4))


def kept_half(ratio, crossfade):
    region = torch.tensor([[True, True, False, False]])
    return Repaint(region, torch.full((1, 4, 2), 7.0), ratio, crossfade)


def test_kept_frames_are_put_back_after_the_first_steps():
    seen = []

    def formula(x, condition, time):
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


def test_the_last_turbo_step_puts_nothing_back():
    turbo, _, _ = run(clock, repaint=kept_half(1.0, 0))
    base, _, _ = run(clock, BASE, base_schedule(4, 1), repaint=kept_half(1.0, 0))
    kept = torch.full((1, 2, 2), 7.0)
    assert torch.equal(base[:, 2:], kept)
    assert not torch.allclose(turbo[:, 2:], kept, atol=1e-3)


def test_the_end_is_blended_into_the_source():
    result, _, _ = run(toward, repaint=kept_half(0.0, 1))
    assert torch.allclose(result[0, :, 0], torch.tensor([1.0, 1.0, 4.0, 7.0]), atol=1e-6)


def test_the_correction_comes_after_every_update_and_before_injection():
    options = SamplingOptions(wavelet=Correction("pix", 0.5))
    result, _, _ = run(clock, options, turbo_schedule(2, 1), repaint=kept_half(0.5, 0))
    x = ramp()
    moved = x - 0.5
    moved = moved + 0.5 * (moved - (x - 1))
    injected = 0.5 * ramp() + 0.5 * 7
    x = torch.cat([moved[:, :2], injected[:, 2:]], dim=1)
    moved = x - 0.25
    assert torch.allclose(result, moved + 0.5 * (moved - (x - 0.25)), atol=1e-6)


def test_progress_counts_the_steps_that_are_made():
    dit, _ = network(clock)
    seen = []
    inputs = SamplerInputs(condition(1.0), ramp(), source=ramp())
    options = SamplingOptions(cover_noise_strength=0.4)
    sample(dit, inputs, options, turbo_schedule(4, 1), on_step=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_cancelling_is_heard_before_every_network_call(code):
    dit, fake = network(clock)
    options = SamplingOptions(turbo=False, sampler_mode="heun")

    def poll():
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
def test_an_answer_that_is_not_finite_names_the_step(bad):
    def formula(x, condition, time):
        return torch.full_like(x, bad if time == 0.5 else 0.0)

    with pytest.raises(UnusableResult, match="step 3 of 4"):
        run(formula)


def test_the_network_sees_its_own_dtype_and_latents_stay_float32():
    def formula(x, condition, time):
        return torch.full_like(x, 2**-12)  # lost if latents of about 1 were bfloat16

    dit, fake = network(formula, torch.bfloat16)
    inputs = SamplerInputs(condition(1.0), torch.ones(1, 4, 2))
    result = sample(dit, inputs, SamplingOptions(), turbo_schedule(4, 1))
    assert set(fake.dtypes) == {torch.bfloat16}
    assert {context.dtype for context in fake.contexts} == {torch.bfloat16}
    assert result.dtype == torch.float32
    assert torch.equal(result, torch.full((1, 4, 2), 1 - 2**-12))


def test_sampling_leaves_its_inputs_alone():
    noise = ramp()
    run(toward, repaint=kept_half(1.0, 2), noise=noise)
    assert torch.equal(noise, ramp())
