"""Lay, before training, how the decoder tells vowels apart.

Which vowel is sung is one number, and a breath is to sound where that has one of five values, not
at any other. First weights make nearly straight lines of it, of which no such choice can be built,
and training did not bend them in 8,000 steps. So some units of the first layer begin with waves of
that number, one, two and four to all its values, of which any choice is a sum.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from training.autoencoder.layers import Decoder, DecoderBlock
from training.band.score import VOWELS
from training.latents import VOWEL, VOWEL_SCALE

# Rate and phase of sin(rate * x + phase)^2, over vowels that lie 1 apart; the fastest wave has its
# extremes at them, so that its other phase would be the same everywhere.
_WAVES = tuple(
    (math.pi / parts, phase)
    for parts, phases in ((8, (0.0, math.pi / 4)), (4, (0.0, math.pi / 4)), (2, (0.0,)))
    for phase in phases
)
_GAIN = 2.0  # of the squares, which are between 0 and 1
# The share of a unit's weights that hear the vowel by which a wave is known: laid it is 1, after
# 4,000 steps of training 0.54 to 0.86; that of all other units stays below 0.06.
_HEARD = 0.2


@torch.no_grad()
def lay_vowels(decoder: Decoder) -> None:
    """Turn the units of the first layer that say least into waves of the vowel, which nothing hears
    yet: Snake, x + sin^2(a x) / b, of x = vowel + phase / rate with a = rate. Without effect where
    there are any."""
    if _has_waves(decoder):
        return
    first, block = decoder.conv1, cast(DecoderBlock, decoder.block[0])
    assert first.bias is not None
    snake, following = block.snake1, block.conv_t1.weight
    units = following.flatten(1).norm(dim=1).argsort()[: len(_WAVES)]
    middle = first.weight.shape[2] // 2
    for unit, (rate, phase) in zip(units.tolist(), _WAVES, strict=True):
        rate *= len(VOWELS) / float(VOWEL_SCALE)
        first.weight[unit] = 0
        first.weight[unit, VOWEL, middle] = 1
        first.bias[unit] = phase / rate
        snake.alpha[0, unit], snake.beta[0, unit] = math.log(rate), -math.log(_GAIN)
        following[unit] = 0


def _has_waves(decoder: Decoder) -> bool:
    """Whether any unit of the first layer hears the vowel above most else."""
    heard: Tensor = decoder.conv1.weight.square().sum(dim=2)
    return bool((heard[:, VOWEL] > _HEARD * heard.sum(dim=1)).any())
