"""The DiT's attention is guided to the syllable that is sung."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.training.test_band import recipe
from training.band.compose import compose
from training.band.singing import sing_line
from training.renderer import tasks
from training.renderer.batches import make_batch
from training.renderer.following import strayed, wanted
from training.renderer.network import Renderer
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights


def test_positions_look_at_all_syllables_of_their_place() -> None:
    beats = torch.tensor([[0, 0, 0, 1, 1, 1, -1, -1]])
    places = torch.tensor([[-1, 0, 1, 0]])
    there = wanted(beats, places, tokens=6)
    assert there.shape == (1, 4, 6)
    found = [row.nonzero().flatten().tolist() for row in there[0]]
    assert found == [[1, 3], [], [2], []]  # in the second position two syllables meet
    assert not wanted(torch.full_like(beats, -1), places, 6).any()


def test_attention_that_strays_is_an_error() -> None:
    there = wanted(torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, -1]]), tokens=4)
    mask = torch.tensor([[True, True, True, False]])
    query = torch.zeros(1, 4, 2, 8)
    key = torch.zeros(1, 2, 4, 8)
    assert float(strayed(query, key, mask, there)) == pytest.approx(math.log(3))
    # The last key head serves the last two of the four query heads: these alone are judged.
    query[:, 2:, 0, 0], query[:, 2:, 1, 1] = 60.0, 60.0
    key[:, 1, 0, 0], key[:, 1, 1, 1] = 1.0, 1.0
    assert float(strayed(query, key, mask, there)) == pytest.approx(0, abs=1e-6)
    assert float(strayed(query.flip(1), key, mask, there)) == pytest.approx(math.log(3))
    assert float(strayed(query, key, mask, torch.zeros_like(there))) == 0


def test_a_song_knows_its_syllable_in_every_frame_if_they_differ() -> None:
    song = recipe(bpm=120, meter=4)
    score = compose(song, 10.0, np.random.default_rng(0))
    beats = tasks._beats_of(sing_line(score, (0, 1, 2, 3)), 250)
    assert beats is not None
    assert beats[:2].tolist() == [0, 0]
    middle = int(2.5 * song.beat_seconds * 25)
    assert beats[middle] == 2
    assert set(beats.tolist()) == {0, 1, 2, 3}
    assert tasks._beats_of(score.on_vowel(2), 250) is None
    assert tasks._beats_of(score.only("bass"), 250) is None


def test_the_guide_moves_what_the_attention_looks_with() -> None:
    renderer = Renderer(tokenizer().get_vocab_size())
    set_first_weights(renderer, 0)
    batch = make_batch(0, ("rock",), shapes=((60, 4, 1.0),))
    length = batch.lyrics.shape[1]
    places = torch.full((4, length), -1)
    places[:, 0] = 0
    led = replace(batch, beats=torch.zeros(4, 60, dtype=torch.int64), places=places)
    left = replace(led, beats=torch.full((4, 60), -1))
    attention = renderer.model.decoder.blocks()[4].cross_attn
    found = []
    for own in (led, left):
        renderer.zero_grad()
        renderer.loss(own)[0].backward()
        gradient = attention.q_proj.weight.grad
        assert gradient is not None
        found.append(gradient.clone())
    changed = (found[0] != found[1]).any(dim=1)
    heads = changed.view(attention.heads, attention.head_dim).any(dim=1)
    assert heads.tolist() == [False, False, False, False, True, True]
