from __future__ import annotations

import pytest
import torch

from acestep_cli.pipeline.parity import Parity
from acestep_cli.pipeline.prompts import TEXT2MUSIC
from acestep_cli.pipeline.tasks import fitted, from_codes, released, silence_frames, text2music

SILENCE = torch.arange(300.0).reshape(1, 300, 1).expand(1, 300, 64)
HINTS = -torch.arange(1.0, 151.0).reshape(1, 150, 1).expand(1, 150, 64)
COVER = "Generate audio semantic tokens based on the given conditions:"


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


@pytest.mark.parametrize(("duration", "frames"), [(2.0, 128), (5.3, 133), (6.0, 150), (7.2, 180)])
def test_codes_are_the_source_and_the_duration_decides(duration: float, frames: int) -> None:
    canvas = from_codes(HINTS, duration, SILENCE)
    assert canvas.source.shape == (1, frames, 64)
    kept = min(frames, 150)
    assert torch.equal(canvas.source[:, :kept], HINTS[:, :kept])
    assert torch.equal(canvas.source[:, kept:], SILENCE[:, : frames - kept])
    assert canvas.samples == round(duration * 48_000)
    assert bool((canvas.mask == 1).all()) and canvas.mask.shape == (1, frames)
    assert canvas.steered and not text2music(duration, SILENCE).steered


@pytest.mark.parametrize(("codes", "frames"), [(30, 150), (20, 128)])
def test_upstream_the_codes_decide_the_length(codes: int, frames: int) -> None:
    canvas = from_codes(HINTS[:, : 5 * codes], 60.0, SILENCE, parity=Parity(untrimmed=True))
    assert canvas.source.shape == (1, frames, 64) and canvas.samples == frames * 1920
    assert torch.equal(canvas.source[:, 5 * codes :], SILENCE[:, : frames - 5 * codes])


@pytest.mark.parametrize(
    ("typed", "told"), [("", COVER), (TEXT2MUSIC, COVER), ("Hum along:", "Hum along:")]
)
def test_what_follows_codes_is_told_as_a_cover(typed: str, told: str) -> None:
    assert from_codes(HINTS, 6.0, SILENCE, typed).instruction == told


def test_released_from_its_source_a_canvas_is_one_of_silence() -> None:
    canvas = released(from_codes(HINTS, 7.2, SILENCE, "Hum along:"), SILENCE)
    plain = text2music(7.2, SILENCE)
    assert (canvas.instruction, canvas.samples) == (TEXT2MUSIC, plain.samples)
    assert torch.equal(canvas.context, plain.context) and not canvas.steered


def test_fitting_cuts_or_fills_up_with_silence() -> None:
    assert fitted(HINTS, SILENCE, 70)[0, :, 0].tolist() == list(range(-1, -71, -1))
    longer = fitted(HINTS, SILENCE, 150 + 310)
    assert longer[0, 150:, 0].tolist() == [*range(300), *range(10)]
    assert torch.equal(fitted(HINTS, SILENCE, 150), HINTS)
