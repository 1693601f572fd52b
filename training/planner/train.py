"""Train the planner on the band's songs and the codes that the trained tokenizer gives them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.band.compose import compose
from training.band.recipes import draw_recipe, in_eighths
from training.band.score import Score
from training.codes import Codes, train_codes
from training.latents import Latents, latents_of
from training.loop import Plan, Run, train
from training.planner.network import Planner
from training.planner.texts import Sequence, first_code_id, sequence_of, text_of
from training.renderer.attention import use_plain_attention
from training.renderer.tasks import heard
from training.renderer.weights import set_first_weights

PLAN = Plan("planner", steps=9000, rate=2e-3, warmup=200, decay=0.997, stretch=3)
SONGS, TEXTS = 8, 48
# How often a batch is one of texts alone: short, so that many teach at once what words mean.
_TEXT_SHARE = 0.25
# Seconds of the songs of a batch, and how often they are drawn.
LENGTHS = ((10, 0.55), (20, 0.2), (30, 0.2), (60, 0.05))
_TEXT_WEIGHT, _BEAT_WEIGHT = 2.0, 0.5


def train_planner(run: Run) -> Planner:
    """The trained planner; its state lies where `run` says."""
    use_plain_attention()
    codes = train_codes(run)
    planner = Planner(first_code_id())
    set_first_weights(planner, 5)

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        return batch(step, codes)

    def loss(drawn: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        text, code, beat = planner.loss(*drawn)
        told = {"text": text, "codes": code, "beat": beat}
        return _TEXT_WEIGHT * text + code + _BEAT_WEIGHT * beat, told

    return train(planner, PLAN, draw, loss, run)  # type: ignore[return-value]


def batch(step: int, codes: Codes) -> tuple[Tensor, Tensor, Tensor]:
    """Ids [B, L], what follows each of them [B, L], -1 where it is given or padding, and the beat
    that is to be known at each of them [B, L], -1 where none is."""
    random = np.random.default_rng((6, step))
    if random.random() < _TEXT_SHARE:
        return padded([text_of(score, random) for score in _songs(TEXTS, 10, random)])
    seconds = LENGTHS[random.choice(len(LENGTHS), p=[share for _, share in LENGTHS])][0]
    scores = _songs(max(2, SONGS * 10 // seconds), seconds, random)
    latents = [latents_of(score) for score in scores]
    told = _codes_of(latents, codes)
    listened = _codes_of([heard(song, random) for song in latents], codes)
    return padded(
        [
            sequence_of(score, written, read, random)
            for score, written, read in zip(scores, told, listened, strict=True)
        ]
    )


def _songs(count: int, seconds: int, random: np.random.Generator) -> list[Score]:
    recipes = [in_eighths(draw_recipe(random), random) for _ in range(count)]
    return [compose(recipe, float(seconds), random) for recipe in recipes]


def padded(rows: list[Sequence]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, what follows and beats of `rows` as `batch` has them."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    targets = torch.full((len(rows), longest), -1, dtype=torch.int64)
    beats = targets.clone()
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        targets[index, row.answer - 1 : len(row.ids) - 1] = torch.tensor(row.ids[row.answer :])
        if row.beat >= 0:
            beats[index, row.before_codes : max(row.before_codes + 1, len(row.ids) - 1)] = row.beat
    return ids, targets, beats


@torch.no_grad()
def _codes_of(latents: list[Latents], codes: Codes) -> list[tuple[int, ...]]:
    shown = torch.from_numpy(np.stack(latents))
    return [tuple(song) for song in codes.tokenizer(shown).indices.tolist()]
