"""What the text encoder is taught to read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tests.unit.training.test_band import recipe
from training.renderer import reading
from training.renderer.text import tokenizer


def test_directions_do_not_mix() -> None:
    sense = reading.directions(128)
    assert torch.allclose(sense @ sense.T, torch.eye(len(sense)), atol=1e-5)


def test_a_prompt_shows_what_it_asks_for() -> None:
    songs = [
        recipe(style="pop", bpm=bpm, meter=meter, root=root, mode=mode)
        for bpm, meter in ((60, 4), (180, 4), (180, 6), (60, 3), (120, 4))
        for root, mode in ((0, "major"), (0, "minor"), (11, "minor"))
    ]
    songs += [replace(songs[0], style="jazz"), replace(songs[0], parts=("drums",))]
    seen = set()
    for song in songs:
        shown = reading._shown(song)
        assert int((shown > 0).sum()) == 4 + len(song.parts)
        assert shown.square().sum() <= reading._MOST
        seen.add(tuple(shown.nonzero().flatten().tolist()))
    assert len(seen) == len(songs)


def test_the_last_token_is_asked() -> None:
    told = reading.draw_told(np.random.default_rng(1), 6)
    for row, last in zip(told.ids, told.last, strict=True):
        assert tokenizer().decode(row[: last + 1].tolist()).rstrip().endswith("seconds")
        assert not row[last + 1 :].any()


def test_prompts_say_lengths_of_all_kinds() -> None:
    told = reading.draw_told(np.random.default_rng(3), 200)
    texts = [tokenizer().decode(row.tolist()) for row in told.ids]
    said = {text.partition("duration: ")[2].split()[0] for text in texts}
    assert len(said) > 100
    assert {len(digits) for digits in said} == {1, 2, 3}


def test_what_is_said_is_measured() -> None:
    told = reading.draw_told(np.random.default_rng(2), 4)
    sense = reading.directions(128)
    states = torch.zeros(4, told.ids.shape[1], 128)
    asked = told.shown.square().sum(1).mean()
    assert asked > 48  # three at full strength, and more
    assert torch.isclose(reading.misread(states, told, sense), asked)
    states[torch.arange(4), told.last] = told.shown @ sense
    assert reading.misread(states, told, sense) < 1e-6
    assert all(right == 1 for right in reading._right(states, told, sense).values())
    states[0, 1] = sense[3]
    assert reading.misread(states, told, sense) > 1e-3
