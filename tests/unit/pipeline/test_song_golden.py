"""Whole runs of every edit, and what reaches the DiT on the way, against the original's handler."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.parity.handler import CONDITION, LATENTS, of_item
from tests.unit.pipeline.captured import Told, captured, golden_job
from tests.unit.pipeline.songs import Watched, networks_of

TURBO = {
    "cover": {},
    "cover_strength_noise_batch2": {},
    "cover_nofsq": {},
    "repaint_inside": {},
    "repaint_inside_explicit_mask": {},
    "repaint_to_end": {},
    "repaint_beyond_end_batch2": {},
    "repaint_before_start": {},
    "flow_edit_t2m": {},
}
BASE: dict[str, dict[str, Any]] = {
    "extract": {"tracks": ("vocals",)},
    "lego_region": {"tracks": ("drums",)},
    "lego_full": {},
    "complete": {"tracks": ("guitar", "bass")},
    "cover_strength_cfg": {},
}


@pytest.fixture(scope="module")
def turbo() -> Watched:
    return networks_of()


@pytest.fixture(scope="module")
def base() -> Watched:
    return networks_of("acestep-v15-base")


def close(ours: Tensor, golden: Tensor, tolerance: float) -> bool:
    assert ours.shape == golden.shape
    return bool((ours - golden).abs().max() <= tolerance * golden.abs().max())


@pytest.mark.parametrize("name", [*TURBO, *BASE])
def test_an_edit_is_the_originals(turbo: Watched, base: Watched, name: str) -> None:
    networks = turbo if name in TURBO else base
    job, golden = golden_job(name, networks is turbo, **(TURBO | BASE)[name])
    songs, told = captured(job, networks)
    assert [ids[0].tolist() for ids in told.texts[:1]] == golden["text_token_ids"][:1].tolist()
    condition = golden["encoder_hidden_states"][:1]
    assert any(close(states, condition, CONDITION) for states in told.states)
    compare_start(told, golden, name)
    for song in songs:
        assert close(song.latents[None], of_item(golden["final_latents"], song.index), LATENTS)


def compare_start(told: Told, golden: dict[str, Tensor], name: str) -> None:
    """Source latents, mask and noise of the first item's first step."""
    latents, context = (tensor[:1] for tensor in told.calls[0])
    frames = golden["final_latents"].shape[1]
    assert torch.equal(context[..., 64], golden["chunk_masks"][:1].float())
    assert torch.equal(context[..., 64:], context[..., 64:65].expand(1, frames, 64))
    encoded = golden["target_latents_in"][:1]
    source = golden.get("src_latents", encoded)[:1]
    if name.startswith("cover") and name != "cover_nofsq":
        # What its codes stand for: like the source, and yet another thing.
        assert not close(context[..., :64], encoded, 1e-2)
    elif name == "flow_edit_t2m":
        noised = golden["flow_noise_0"]
        assert close(latents, noised, CONDITION)
        assert not close(context[..., :64], encoded, 1e-2)
        return
    else:
        assert close(context[..., :64], source, CONDITION)
    noise = golden["noise"][:1]
    if name == "cover_strength_noise_batch2":
        time = 0.75  # of the schedule, nearest to 1 - 0.3
        noise = time * noise + (1 - time) * encoded
    assert close(latents, noise, CONDITION)
