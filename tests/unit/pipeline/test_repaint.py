from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.pipeline.repaint import Repaint, blend, inject, regions_of, soft_mask


def mask(text: str) -> Tensor:
    return torch.tensor([[letter == "x" for letter in text]])


@pytest.mark.parametrize(
    ("text", "frames", "wanted"),
    [
        ("....xx....", 3, [0, 0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0]),
        (".xx.......", 3, [0.5, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0]),
        ("......xxxx", 1, [0, 0, 0, 0, 0, 0.5, 1, 1, 1, 1]),
        ("xxxxxxxxxx", 4, [1] * 10),
        ("..........", 4, [0] * 10),
        ("...xx.....", 0, [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]),
        # Two regions: a ramp at every edge, half of what is between them for each.
        (".xx....x..", 1, [0.5, 1, 1, 0.5, 0, 0, 0.5, 1, 0.5, 0]),
        (".x...x....", 3, [0.5, 1, 0.5, 0, 0.5, 1, 0.75, 0.5, 0.25, 0]),
        ("x..x.x....", 2, [1, 0.5, 0.5, 1, 0, 1, 2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_ramps_lie_outside_and_fit_the_room(text: str, frames: int, wanted: list[float]) -> None:
    assert soft_mask(mask(text), frames)[0].tolist() == pytest.approx(wanted)


def test_rows_have_regions_of_their_own() -> None:
    rows = torch.cat([mask("x..."), mask("...x")])
    assert soft_mask(rows, 1).tolist() == [[1, 0.5, 0, 0], [0, 0, 0.5, 1]]


def test_runs_of_a_row() -> None:
    assert regions_of(mask("xx..x.xxx")[0]) == [(0, 2), (4, 5), (6, 9)]
    assert regions_of(mask("...")[0]) == []


def test_two_regions_are_blended_each_by_itself() -> None:
    latents, source = torch.ones(1, 8, 2), torch.full((1, 8, 2), 3.0)
    blended = blend(latents, Repaint(mask("x....x.."), source, crossfade_frames=1))
    assert blended[0, :, 0].tolist() == [1, 2, 3, 3, 2, 1, 2, 3]


def test_injection_puts_back_the_source_at_the_noise_level() -> None:
    latents, noise = torch.full((1, 4, 2), 5.0), torch.full((1, 4, 2), 10.0)
    repaint = Repaint(mask("..x."), torch.full((1, 4, 2), -2.0))
    moved = inject(latents, repaint, 0.25, noise)
    assert moved[0, :, 0].tolist() == [1.0, 1.0, 5.0, 1.0]  # 0.25 * 10 + 0.75 * -2


def test_blend_keeps_what_is_far_from_the_region() -> None:
    latents, source = torch.ones(1, 6, 2), torch.full((1, 6, 2), 3.0)
    blended = blend(latents, Repaint(mask("...x.."), source, crossfade_frames=1))
    assert blended[0, :, 1].tolist() == [3, 3, 2, 1, 2, 3]


def test_no_crossfade_blends_nothing() -> None:
    latents = torch.ones(1, 4, 2)
    repaint = Repaint(mask("..x."), torch.zeros(1, 4, 2), crossfade_frames=0)
    assert torch.equal(blend(latents, repaint), latents)


@pytest.mark.parametrize(("ratio", "steps", "injected"), [(0.5, 5, 2), (0.5, 7, 4), (1, 8, 8)])
def test_halves_of_a_step_go_to_the_even_number(ratio: float, steps: int, injected: int) -> None:
    repaint = Repaint(mask("x"), torch.zeros(1, 1, 1), injection_ratio=ratio)
    assert repaint.injected_steps(steps) == injected
