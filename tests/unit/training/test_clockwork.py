"""The connection that is laid before training picks the beat that the prompt names."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from acestep_cli.models.layers import rope_table
from training.latents import BEAT
from training.optimizer import Optimizer
from training.renderer import tasks
from training.renderer.batches import make_batch
from training.renderer.clockwork import (
    DIMENSIONS,
    _Places,
    hold_clockwork,
    lay_clockwork,
)
from training.renderer.network import Batch, Renderer, _layer
from training.renderer.reading import BEATS, draw_told
from training.renderer.sizes import DIT
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights

SONGS = 4
PLACES = _Places(DIT.stack.width - DIMENSIONS)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    made = Renderer(tokenizer().get_vocab_size())
    set_first_weights(made, 0)
    lay_clockwork(made.model, made.sense)
    return made


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    monkeypatch.setattr(tasks, "_REFERRED", 0.0)
    made = make_batch(0, ("rock", "jazz"), shapes=((120, SONGS, 1.0),), shares={"text2music": 1.0})
    return dataclasses.replace(made, dropped=torch.zeros(SONGS, dtype=torch.bool))


@torch.no_grad()
def after_blocks(count: int, renderer: Renderer, batch: Batch, read: torch.Tensor) -> torch.Tensor:
    decoder = renderer.model.decoder
    words = renderer.condition(batch, read, renderer.sung(batch))
    modulation = decoder.modulation(batch.times)
    h = decoder.patchify(batch.noise, batch.context)
    rope = rope_table(h.shape[1], 32, decoder.block.theta, device=h.device, dtype=torch.float32)
    embedded = decoder.embed_condition(words.states)
    for layer in decoder.blocks()[:count]:
        h = _layer(layer, h, rope, embedded, words.mask, modulation.projection)
    return h


def read_well(renderer: Renderer, batch: Batch) -> torch.Tensor:
    """States of the prompts as the trained text encoder has them: the last token names the beat
    of the song."""
    states = torch.randn(*batch.text.shape, renderer.sense.shape[1])
    states -= states @ renderer.sense.T @ renderer.sense
    angle = np.unwrap(np.arctan2(*batch.latents[:, :, BEAT].numpy().T[::-1]), axis=0)
    bpm = np.diff(angle, axis=0).mean(axis=0) / (2 * np.pi) * 25 * 60
    named = np.round(np.log2(bpm / 60) * 17).astype(int)
    last = batch.text_mask.sum(1) - 1
    states[torch.arange(SONGS), last] += 4 * renderer.sense[torch.from_numpy(named)]
    return states


def test_the_named_beat_is_chosen(renderer: Renderer, batch: Batch) -> None:
    h = after_blocks(1, renderer, batch, read_well(renderer, batch))
    chosen = h[..., PLACES.chosen]
    assert_turns_with(chosen, batch.latents[..., BEAT], 1)
    assert 1.0 < chosen.square().mean().sqrt() < 2.0  # not drowned, and drowning nothing


def test_its_multiples_are_made(renderer: Renderer, batch: Batch) -> None:
    h = after_blocks(3, renderer, batch, read_well(renderer, batch))
    for multiple, places in PLACES.multiples.items():
        assert_turns_with(h[..., places], batch.latents[..., BEAT], multiple)


def assert_turns_with(found: torch.Tensor, beat: torch.Tensor, multiple: int) -> None:
    """Cosines and sines of both frames of a patch [B, P, 4] turn as often as `multiple` beats, at
    every place."""
    made = torch.view_as_complex(found.unflatten(2, (2, 2)).contiguous())
    true = torch.view_as_complex(beat.unflatten(1, (-1, 2)).contiguous()) ** multiple
    assert made.abs().min() > 0.1
    assert ((made * true.conj()).angle().abs() < 0.1).all()


def test_without_a_name_none_is_chosen(renderer: Renderer, batch: Batch) -> None:
    dropped = dataclasses.replace(batch, dropped=torch.ones(SONGS, dtype=torch.bool))
    h = after_blocks(1, renderer, dropped, read_well(renderer, batch))
    assert h[..., PLACES.chosen].abs().max() < 1e-4


def test_every_beat_has_a_name() -> None:
    shown = draw_told(np.random.default_rng(0), 300).shown[:, :BEATS]
    assert (shown.sum(0) > 0).all()


def test_what_is_held_does_not_move(batch: Batch) -> None:
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    lay_clockwork(renderer.model, renderer.sense)
    put_back = hold_clockwork(renderer.model)
    before = copy.deepcopy(renderer.state_dict())
    # Weights that have no gradient decay all the same.
    optimizer = Optimizer(renderer, 0.1, (0.9, 0.99), weight_decay=0.1)
    for _ in range(2):
        loss, _ = renderer.loss(batch)
        renderer.zero_grad()
        loss.backward()
        optimizer.step()
        put_back()
    cross, mlp = "model.decoder.layers.0.cross_attn", "model.decoder.layers.0.mlp"
    first, one, width = PLACES.first, PLACES.one, DIT.stack.head_dim
    after = renderer.state_dict()
    for name, place in {
        f"{cross}.q_proj.weight": slice(-2 * width, None),
        f"{cross}.k_proj.weight": slice(-width, None),
        f"{cross}.v_proj.weight": slice(-width, None),
        "model.decoder.proj_in.1.weight": slice(first, None),
        "model.decoder.condition_embedder.weight": slice(first, None),
        f"{cross}.q_norm.weight": slice(2),
        f"{cross}.k_norm.weight": slice(2),
        f"{mlp}.up_proj.weight": before[f"{mlp}.gate_proj.weight"][:, one] < -4,
    }.items():
        changed = after[name] != before[name]
        assert not changed[place].any(), name
        assert changed.any(), name
    renderer.load_state_dict(after)
    hold_clockwork(renderer.model)


def test_what_was_not_laid_cannot_be_held() -> None:
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    with pytest.raises(RuntimeError, match="was not laid"):
        hold_clockwork(renderer.model)
