"""What no golden case holds: calls of the original's handler that other vectors may record."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import GOLDEN
from tests.parity.arguments import plans_of
from tests.parity.checkpoints import open_networks
from tests.parity.rendered import Rendered
from tests.parity.sources import Given, edit_of, given_of, region_of

TURBO, BASE = "acestep-v15-turbo", "acestep-v15-base"
SOURCE = {"src_audio": "src_stereo48k"}


def rendered(model: str, given: Given | None = None, items: int = 1, **arguments: Any) -> Rendered:
    words = {"captions": "folk", "lyrics": "la", "audio_duration": 5.2, **arguments}
    return Rendered(open_networks(GOLDEN, model), words, plans_of(words, items), given)


@torch.no_grad()
def test_every_item_hears_its_own_reference() -> None:
    one = load_file(GOLDEN / "handler" / "reference_mono.safetensors")["refer_latents"]
    rows = {"refer_latents": torch.cat([one, one.flip(1)]), "refer_order": torch.tensor([1, 0])}
    both = rendered(TURBO, given_of(GOLDEN, {}, rows), 2)
    alone = rendered(TURBO, given_of(GOLDEN, {}, {"refer_latents": one}), 2)
    assert torch.equal(both.states(1)[0], alone.states(0)[0])
    assert not torch.equal(both.states(0)[0], alone.states(0)[0])
    assert torch.equal(alone.states(0)[0], alone.states(1)[0])


@pytest.mark.parametrize(
    ("start", "end", "region"),
    [
        (1.0, None, ((1.0, 5.4),)),
        (1.0, -1, ((1.0, 5.4),)),
        (-2.0, 7.0, ((-2.0, 7.0),)),
        (6.0, None, ()),
        (5.4, -1, ()),
        (6.0, 7.0, ((6.0, 7.0),)),
    ],
)
def test_a_region_without_an_end_needs_a_source_behind_its_start(
    start: float, end: float | None, region: tuple[tuple[float, float], ...]
) -> None:
    arguments = {"repainting_start": start, "repainting_end": end}
    assert region_of(arguments, "repaint", 5.4) == region
    assert region_of(arguments, "cover", 5.4) == ()


def test_times_of_a_base_checkpoint_are_taken_as_they_are() -> None:
    ours = rendered(BASE, timesteps=[1.0, 0.5, 0.25], guidance_scale=3.0)
    assert ours.schedule.times == (1.0, 0.5, 0.25)
    many = [1 - index / 30 for index in range(30)]
    assert rendered(TURBO, timesteps=many).schedule.steps == 20


def test_a_morph_of_a_new_song_drops_its_codes() -> None:
    arguments = {**SOURCE, "flow_edit_morph": True, "audio_code_string": "<|audio_code_5|>" * 9}
    edit = edit_of(GOLDEN, arguments)
    assert edit is not None and edit.samples is not None
    ours = rendered(TURBO, Given(edit), **arguments)
    assert not any(plan.audio_codes for plan in ours.plans)
    assert ours.extent is not None
    assert math.isclose(ours.extent.total, edit.samples.shape[1] / 48_000)
