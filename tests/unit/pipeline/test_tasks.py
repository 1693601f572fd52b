from __future__ import annotations

import pytest
import torch

from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.tasks import silence_frames, text2music

SILENCE = torch.arange(300.0).reshape(1, 300, 1).expand(1, 300, 64)


@pytest.mark.parametrize(
    ("duration", "frames", "samples"),
    [
        (30.0, 750, 1_440_000),
        (1.0, 128, 48_000),
        (5.12, 128, 245_760),
        (5.1201, 129, 245_765),
        (12.345, 309, 592_560),
    ],
)
def test_the_length_is_exact_to_the_sample(duration: float, frames: int, samples: int) -> None:
    canvas = text2music(duration, SILENCE)
    assert canvas.source.shape == (1, frames, 64)
    assert canvas.samples == samples
    assert canvas.mask.shape == (1, frames) and bool((canvas.mask == 1).all())


def test_upstream_lengths() -> None:
    canvas = text2music(3.04, SILENCE, parity=Parity(untrimmed=True))
    assert canvas.samples == 128 * 1920
    assert text2music(11.2, SILENCE, parity=Parity(untrimmed=True)).source.shape[1] == 280


def test_silence_is_tiled_from_its_start() -> None:
    tiled = silence_frames(SILENCE, 700)
    assert tiled[0, :, 0].tolist() == [*range(300), *range(300), *range(100)]


def test_context_is_source_then_mask() -> None:
    canvas = text2music(6.0, SILENCE)
    assert canvas.context.shape == (1, 150, 128)
    assert torch.equal(canvas.context[..., :64], canvas.source)
    assert bool((canvas.context[..., 64:] == 1).all())


def test_an_own_instruction_is_used() -> None:
    assert text2music(6.0, SILENCE, "Sing:").instruction == "Sing:"
    assert text2music(6.0, SILENCE).instruction.startswith("Fill the audio semantic mask")
