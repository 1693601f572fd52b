"""What the text encoder is taught to read."""

from __future__ import annotations

import numpy as np
import torch

from tests.unit.training.test_band import recipe
from training.renderer import reading
from training.renderer.text import tokenizer


def test_directions_do_not_mix() -> None:
    sense = reading.directions(128)
    assert torch.allclose(sense @ sense.T, torch.eye(len(sense)), atol=1e-5)


def test_a_prompt_shows_its_beat_and_its_bar() -> None:
    seen = set()
    for bpm, meter in ((60, 4), (180, 4), (180, 6), (60, 3), (120, 4)):
        shown = reading._shown(recipe(style="pop", bpm=bpm, meter=meter))
        assert int((shown > 0).sum()) == 2
        seen.add(tuple(shown.nonzero().flatten().tolist()))
    assert len(seen) == 5


def test_the_last_token_is_asked() -> None:
    told = reading.draw_told(np.random.default_rng(1), 6)
    for row, last in zip(told.ids, told.last, strict=True):
        assert tokenizer().decode(row[: last + 1].tolist()).rstrip().endswith("seconds")
        assert not row[last + 1 :].any()


def test_what_is_said_is_measured() -> None:
    told = reading.draw_told(np.random.default_rng(2), 4)
    sense = reading.directions(128)
    states = torch.zeros(4, told.ids.shape[1], 128)
    assert torch.isclose(reading.misread(states, told, sense), torch.tensor(32.0))
    states[torch.arange(4), told.last] = told.shown @ sense
    assert reading.misread(states, told, sense) < 1e-6
    states[0, 1] = sense[3]
    assert reading.misread(states, told, sense) > 1e-3
