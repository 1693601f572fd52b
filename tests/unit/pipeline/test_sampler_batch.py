"""Items of a batch do not hear each other, and a run repeats: with a real (tiny) DiT."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.pipeline.flow_edit import FlowEditInputs, FlowEditOptions, flow_edit
from acestep_cli.pipeline.noise import SeededNoise, batch_noise
from acestep_cli.pipeline.repaint import Repaint
from acestep_cli.pipeline.sampler import SamplerInputs, SamplingOptions, sample
from acestep_cli.pipeline.schedule import base_schedule, flow_edit_schedule, turbo_schedule
from acestep_cli.pipeline.velocity import Condition
from acestep_cli.pipeline.wavelet import Correction
from tests.unit.pipeline.fakes import tiny_dit

FRAMES = 21
SEEDS = [5, 6, 7]


def drawn(name: str, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    return torch.randn(*shape, generator=generator)


def given(name: str) -> Condition:
    return Condition(drawn(name, 3, 6, 12), drawn(name + "context", 3, FRAMES, 128))


def only(condition: Condition, items: list[int]) -> Condition:
    return Condition(condition.states[items], condition.context[items])


def regions() -> Tensor:
    mask = torch.zeros(3, FRAMES, dtype=torch.bool)
    for row, (start, end) in enumerate([(3, 9), (0, FRAMES), (10, 21)]):
        mask[row, start:end] = True
    return mask


OPTIONS = {
    "turbo": SamplingOptions(),
    "sde": SamplingOptions(infer_method="sde", wavelet=Correction()),
    "apg": SamplingOptions(turbo=False, guidance_scale=5.0, velocity_norm_threshold=0.9),
    "adg": SamplingOptions(turbo=False, guidance_scale=5.0, use_adg=True, sampler_mode="heun"),
    "cover": SamplingOptions(audio_cover_strength=0.5, cover_noise_strength=0.3),
}


def compose(options: SamplingOptions, items: list[int]) -> Tensor:
    seeds = [SEEDS[item] for item in items]
    source = drawn("source", 3, FRAMES, 64)[items]
    inputs = SamplerInputs(
        condition=only(given("words"), items),
        noise=batch_noise(seeds, FRAMES),
        second=only(given("other"), items),
        null_state=drawn("null", 1, 1, 12),
        source=source,
        repaint=Repaint(regions()[items], source),
    )
    schedule = turbo_schedule(4, 3) if options.turbo else base_schedule(4, 3)
    stream = SeededNoise.derived(seeds, "sde", FRAMES)
    return sample(tiny_dit(), inputs, options, schedule, stream)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_item_of_a_batch_is_what_it_is_alone(name: str) -> None:
    together = compose(OPTIONS[name], [0, 1, 2])
    for item in range(3):
        alone = compose(OPTIONS[name], [item])
        assert torch.allclose(together[item], alone[0], rtol=1e-4, atol=2e-5)
    assert not torch.allclose(together[0], together[1], atol=0.1)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_run_gives_the_same_numbers(name: str) -> None:
    first = compose(OPTIONS[name], [0, 1])
    torch.manual_seed(99)
    torch.randn(7)
    assert torch.equal(compose(OPTIONS[name], [0, 1]), first)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_edits_of_a_batch_are_what_they_are_alone(scale: float) -> None:
    def edit(items: list[int]) -> Tensor:
        inputs = FlowEditInputs(
            source=drawn("source", 3, FRAMES, 64)[items],
            source_condition=only(given("words"), items),
            target_condition=only(given("other"), items),
            null_state=drawn("null", 1, 1, 12),
        )
        options = FlowEditOptions(n_min=0.2, n_max=0.7, n_avg=2, guidance_scale=scale)
        stream = SeededNoise.derived([SEEDS[item] for item in items], "flow_edit", FRAMES)
        return flow_edit(tiny_dit(), inputs, options, flow_edit_schedule(5, 3), stream)

    together = edit([0, 1, 2])
    for item in range(3):
        assert torch.allclose(together[item], edit([item])[0], rtol=1e-4, atol=2e-5)
