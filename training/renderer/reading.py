"""Teach the text encoder to read what a prompt asks for, the clocks of the silence latent first.

Of the three digits of a tempo and of a meter the DiT alone makes sense only after ten thousands of
steps, of keys and instruments not within six thousand. So the encoder is told, in the state of a
prompt's last token: one of 28 directions for the clock of the beat, one of 45 for the clock of the
bar, one of 24 for the key, one of 8 for the style, and as many of 7 as there are parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from acestep_cli.demo import configs
from acestep_cli.models.qwen3 import Qwen3Config, Qwen3Model
from acestep_cli.pipeline.plan import Plan as SongPlan
from acestep_cli.pipeline.prompts import instruction_for
from training.band.captions import caption_of
from training.band.recipes import FASTEST, MODES, SLOWEST, draw_recipe
from training.band.score import PARTS, Recipe
from training.band.styles import STYLES
from training.band.tuning import NOTE_NAMES, nearest_clock, played_bpm
from training.loop import Plan, Run, train
from training.renderer.attention import use_plain_attention
from training.renderer.sizes import TEXT_ENCODER
from training.renderer.text import TEXT_ROOM, encode_prompt, padded, tokenizer
from training.renderer.weights import set_first_weights

PLAN = Plan("reader", steps=1000, rate=2e-3, warmup=100, decay=0.995, stretch=8)
PROMPTS = 64
FIRST_BEAT = nearest_clock(SLOWEST)
BEATS = nearest_clock(FASTEST) - FIRST_BEAT + 1
_BARS = nearest_clock(FASTEST / 2) + 1
# How many directions there are for beats, bars, keys, styles and parts.
_GROUPS = (BEATS, _BARS, len(MODES) * len(NOTE_NAMES), len(STYLES), len(PARTS))
# How strong a direction is said, and those for style and parts: a state has 128 squares in all.
STRENGTH, _WEAKER = 4.0, 2.5
_NEW = 0.8  # how often a prompt asks for a new song, else for a repaint
# Seconds that a prompt says, from the first to the last. Told of 10, 20 and 30 alone, it read a key
# beside "10 seconds" and none beside "5 seconds".
_SHORTEST, _LONGEST = 2, 240


@dataclass(frozen=True, slots=True)
class Told:
    """Prompts that say all metadata: ids [M, L], which of them are there, bool [M, L], and which
    directions the last one is to show [M, n]."""

    ids: Tensor
    mask: Tensor
    shown: Tensor

    @property
    def last(self) -> Tensor:
        """The place of the last token of each [M]."""
        return self.mask.sum(1) - 1


class Reader(nn.Module):
    """The text encoder alone."""

    sense: Tensor

    def __init__(self) -> None:
        super().__init__()
        config = configs.qwen_config(TEXT_ENCODER, tokenizer().get_vocab_size(), pad_id=0, eos_id=0)
        self.text = Qwen3Model(Qwen3Config.from_json(config))
        self.register_buffer("sense", directions(TEXT_ENCODER.stack.width), persistent=False)


def train_reader(run: Run) -> Reader:
    """The trained text encoder, with which the renderer begins; its state lies where `run` says."""
    use_plain_attention()
    reader = Reader()
    set_first_weights(reader, 0)

    def draw(step: int) -> Told:
        return draw_told(np.random.default_rng((8, step)), PROMPTS)

    def loss(told: Told) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(told.ids.device.type, torch.bfloat16):
            states = reader.text(told.ids)
        return misread(states, told, reader.sense), _right(states, told, reader.sense)

    return train(reader, PLAN, draw, loss, run)  # type: ignore[return-value]


def draw_told(random: np.random.Generator, count: int) -> Told:
    """`count` prompts of songs that may be trained on."""
    recipes = [draw_recipe(random) for _ in range(count)]
    rows = []
    for recipe in recipes:
        task = "text2music" if random.random() < _NEW else "repaint"
        seconds = float(random.integers(_SHORTEST, _LONGEST, endpoint=True))
        plan = SongPlan(
            caption=caption_of(recipe, random),
            lyrics="",
            bpm=recipe.bpm,
            keyscale=recipe.keyscale,
            timesignature=str(recipe.meter),
            language="en",
            duration=seconds,
        )
        rows.append(encode_prompt(plan, seconds, instruction_for(task)).text)
    ids, mask = padded(rows, TEXT_ROOM)
    shown = torch.stack([_shown(recipe) for recipe in recipes])
    return Told(ids, mask, shown)


def directions(width: int) -> Tensor:
    """Fixed orthonormal directions [n, width]."""
    drawn = torch.randn(sum(_GROUPS), width, generator=torch.Generator().manual_seed(9))
    return torch.linalg.qr(drawn.T).Q.T.contiguous()


def misread(states: Tensor, told: Told, sense: Tensor) -> Tensor:
    """Mean square error, summed over the directions, of what states [M, L, width] show: the last
    one what is asked for, all others no beat, so that it can be told from them."""
    error = (_said(states, told, sense) - told.shown).square().sum(1).mean()
    others = told.mask.clone()
    others.scatter_(1, told.last[:, None], False)
    return error + (states[others].float() @ sense[:BEATS].T).square().sum(1).mean()


def beat_of(bpm: float) -> int:
    """Which of the BEATS beats the band plays when it is asked for `bpm`, from 0 up."""
    return nearest_clock(bpm) - FIRST_BEAT


def _shown(recipe: Recipe) -> Tensor:
    beat, bar, key, style, parts = (torch.zeros(count) for count in _GROUPS)
    beat[beat_of(recipe.bpm)] = STRENGTH
    bar[nearest_clock(played_bpm(recipe.bpm) / recipe.beats)] = STRENGTH
    key[MODES.index(recipe.mode) * len(NOTE_NAMES) + recipe.root] = STRENGTH
    style[list(STYLES).index(recipe.style)] = _WEAKER
    parts[[PARTS.index(part) for part in recipe.parts]] = _WEAKER
    return torch.cat([beat, bar, key, style, parts])


def _said(states: Tensor, told: Told, sense: Tensor) -> Tensor:
    last = told.last[:, None, None].expand(-1, 1, states.shape[2])
    return states.gather(1, last)[:, 0].float() @ sense.T


@torch.no_grad()
def _right(states: Tensor, told: Told, sense: Tensor) -> dict[str, Tensor]:
    """The share of prompts whose beat is read as its own clock or the next one, and of those whose
    key, style and parts are read."""
    said = _said(states, told, sense).split(_GROUPS, dim=1)
    shown = told.shown.split(_GROUPS, dim=1)
    beat, _, key, style, _ = (
        (one.argmax(1) - other.argmax(1)).abs() for one, other in zip(said, shown, strict=True)
    )
    parts = ((said[-1] > _WEAKER / 2) == (shown[-1] > 0)).all(1)
    right = {"beats": beat <= 1, "keys": key == 0, "styles": style == 0, "parts": parts}
    return {name: found.float().mean() for name, found in right.items()}


# All that may be said at once leaves room for the rest of a state.
_MOST = 3 * STRENGTH**2 + (1 + len(PARTS)) * _WEAKER**2
assert TEXT_ENCODER.stack.width > _MOST
