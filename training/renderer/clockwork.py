"""Lay, before training, the one connection that training does not find: tempo times place.

The silence latent holds the beat of every tempo, the text encoder names the one that is asked for,
and the DiT has to multiply the two. Left to itself it never does: as long as neither is used, there
is nothing to gain from the other. So its first block begins with the product in place, in a part of
its width, and keeps it; all that follows from the beat is learnt.

In the condition, as many dimensions as there are beats belong to the words alone: lyrics and timbre
say nothing in them. In the DiT:

| dimensions, the last ones | what they hold |
|---|---|
| 12 | of the chosen beat's multiples 2, 3 and 4: each as the chosen beat itself, below |
| 2 n, from `first` on | cosine and sine of each of the n beats, as the silence latent has them |
| n | 1 at the beat that the last token of the prompt names |
| 4 | cosine and sine of that beat in both frames of a patch |
| 1 | always 1 |

The multiples are laid by `multiples.py`, and only begun with, not kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.dit import DiTLayer
from acestep_cli.models.layers import Attention
from training.band.tuning import FRAME_SAMPLES, SAMPLE_RATE, clock_bpm
from training.renderer.multiples import (
    MULTIPLES,
    lay_multiples,
    least_used,
    leave_alone,
    mlp_weights,
    silence_times,
    time_embeddings,
)
from training.renderer.reading import BEATS, FIRST_BEAT, STRENGTH
from training.silence import LOUDNESS

DIMENSIONS = 3 * BEATS + 5  # those that are kept
_BEAT = 1.5  # amplitude of the chosen beat at time 1
_SIZE = 0.7  # what states of the first blocks measure at time 1, in root mean square
_NAME = 0.8  # what the name of a beat measures in its dimension
_OPEN = 16.0  # what the gate of the beat that is named is opened by, and all others are closed by
_LEAST = 4.0  # by which they are known
_LOUD = 10.0  # how much more a named beat counts in a key than what all tokens have

_SHARP = 1.3  # of the norms in the two dimensions that queries and keys of this use


@torch.no_grad()
def lay_clockwork(model: AceStepModel, sense: Tensor) -> None:
    """Write the connection into the last dimensions of the DiT. sense: the text encoder's
    directions [n, width], those of the beats first."""
    width = model.decoder.scale_shift_table.shape[-1]
    places = _Places(width - DIMENSIONS)
    _take_in(model, places, sense[:BEATS])
    block = model.decoder.blocks()[0]
    block.self_attn.o_proj.weight[places.first :] = 0
    for norm in (block.cross_attn_norm, block.mlp_norm):
        norm.weight[places.first :] = 1.0
    # Shift 0, scale 0 and gate 1 at all times.
    block.scale_shift_table[..., places.first :] = 0
    block.scale_shift_table[:, [2, 5], places.first :] = 1
    silence_times(model, slice(places.first, None))
    _name(block, places)
    _choose(block, places, least_used(block, 2 * BEATS))
    # First weights would only blur the beat before its multiples are made.
    for later in model.decoder.blocks()[1:3]:
        leave_alone(later, places.chosen)
    lay_multiples(model, places.chosen, places.multiples, _BEAT, _SIZE)


def hold_clockwork(model: AceStepModel) -> Callable[[], None]:
    """Keep the connection as it was laid, up to what the units pass on: its gradients become 0.

    Returns what puts it back as it is now, to be called after every step: an optimizer lets weights
    decay that have no gradient. Left free, some beats lose their name within a thousand steps, and
    a gate that has closed for a beat stays closed. RuntimeError for a model in which it was never
    laid.
    """
    decoder = model.decoder
    width = decoder.scale_shift_table.shape[-1]
    places = _Places(width - DIMENSIONS)
    block, encoder = decoder.blocks()[0], model.encoder
    cross, mlp = block.cross_attn, block.mlp
    if not is_laid(model):
        raise RuntimeError("the clockwork was not laid in these weights")
    held: list[_Held] = []

    def hold(parameter: nn.Parameter, place: Any) -> None:
        held.append(_Held(parameter, place))

    said, units = _said(model), _units(model, places)
    keys, queries = _rows(cross)
    patch = dict(decoder.proj_in.named_parameters())
    kept = slice(places.first, None)
    hold(patch["1.weight"], kept)
    hold(patch["1.bias"], kept)
    hold(decoder.condition_embedder.weight, kept)
    hold(decoder.condition_embedder.weight, (slice(None), said))
    assert decoder.condition_embedder.bias is not None
    hold(decoder.condition_embedder.bias, kept)
    hold(encoder.text_projector.weight, said)
    hold(encoder.lyric_encoder.norm.weight, said)
    hold(encoder.timbre_encoder.norm.weight, said)
    hold(model.null_condition_emb, (..., said))
    hold(block.self_attn.o_proj.weight, kept)
    for norm in (block.cross_attn_norm, block.mlp_norm):
        hold(norm.weight, kept)
    for norm in (cross.q_norm, cross.k_norm):
        hold(norm.weight, slice(2))
    hold(block.scale_shift_table, (..., kept))
    rows = torch.arange(6 * width).view(6, width)[:, kept].flatten()
    for embedding in time_embeddings(model):
        for parameter in embedding.time_proj.parameters():
            hold(parameter, rows)
    hold(cross.q_proj.weight, queries)
    hold(cross.k_proj.weight, keys)
    hold(cross.v_proj.weight, keys)
    hold(cross.o_proj.weight, (slice(None), queries))
    hold(cross.o_proj.weight, kept)
    hold(mlp.gate_proj.weight, units)
    hold(mlp.up_proj.weight, units)

    def put_back() -> None:
        for part in held:
            part.put_back()

    return put_back


def is_laid(model: AceStepModel) -> bool:
    """Whether the connection is in the weights of `model`."""
    places = _Places(model.decoder.scale_shift_table.shape[-1] - DIMENSIONS)
    return int(_said(model).sum()) == BEATS and len(_units(model, places)) == 2 * BEATS


def _said(model: AceStepModel) -> Tensor:
    """Which dimensions of the condition are the names', bool [width]."""
    return model.encoder.lyric_encoder.norm.weight == 0


def _units(model: AceStepModel, places: _Places) -> Tensor:
    """The units of the first block that pass beats on, those of a beat together."""
    gate = model.decoder.blocks()[0].mlp.gate_proj.weight
    units = (gate[:, places.one] < -_LEAST).nonzero().flatten()
    return units[gate[units][:, places.named].argmax(dim=1).argsort(stable=True)]


class _Held:
    """The part `place` of a parameter, which stays as it is."""

    def __init__(self, parameter: nn.Parameter, place: Any) -> None:
        self._parameter = parameter
        self._held = torch.zeros_like(parameter, dtype=torch.bool)
        self._held[place] = True
        self._kept = parameter.detach().clone()
        parameter.register_hook(lambda gradient: gradient.masked_fill(self._held, 0))

    @torch.no_grad()
    def put_back(self) -> None:
        self._parameter.copy_(torch.where(self._held, self._kept, self._parameter))


class _Places:
    """Which dimensions hold what."""

    def __init__(self, first: int) -> None:
        self.first = first
        multiples = torch.arange(first - 4 * len(MULTIPLES), first).view(-1, 4)
        self.multiples = dict(zip(MULTIPLES, multiples, strict=True))
        self.beats = torch.arange(first, first + 2 * BEATS).view(BEATS, 2)
        self.named = torch.arange(first + 2 * BEATS, first + 3 * BEATS)
        self.chosen = torch.arange(first + 3 * BEATS, first + 3 * BEATS + 4)
        self.one = first + 3 * BEATS + 4


def _take_in(model: AceStepModel, places: _Places, sense: Tensor) -> None:
    """Beats from the silence latent, names from the prompt, and a constant from both biases."""
    decoder = model.decoder
    patch = dict(decoder.proj_in.named_parameters())
    weight, bias = patch["1.weight"], patch["1.bias"]
    weight[places.first :], bias[places.first :] = 0, 0
    for beat, (cosine, sine) in enumerate(places.beats.tolist()):
        clock = FIRST_BEAT + beat
        frame, column = clock % 2, clock - clock % 2
        weight[cosine, column, frame] = weight[sine, column + 1, frame] = 1
    bias[places.one] = 1
    words = decoder.condition_embedder
    assert words.bias is not None
    words.weight[places.first :], words.bias[places.first :] = 0, 0
    words.bias[places.one] = 1
    said = words.weight.norm(dim=0).argsort()[:BEATS]
    words.weight[:, said] = 0
    words.weight[places.named, said] = 1
    encoder = model.encoder
    encoder.text_projector.weight[said] = sense / STRENGTH
    encoder.lyric_encoder.norm.weight[said] = 0
    encoder.timbre_encoder.norm.weight[said] = 0
    model.null_condition_emb[..., said] = 0


def _name(block: DiTLayer, places: _Places) -> None:
    """The last heads of the cross-attention look at the token that names a beat, and write it."""
    cross = block.cross_attn
    share, width = cross.heads // cross.kv_heads, cross.head_dim
    keys, queries = _rows(cross)
    for projection, rows in ((cross.q_proj, queries), (cross.k_proj, keys), (cross.v_proj, keys)):
        projection.weight[rows] = 0
    cross.o_proj.weight[:, queries] = 0
    cross.o_proj.weight[places.first :] = 0
    key, value = cross.k_proj.weight[keys], cross.v_proj.weight[keys]
    key[0, places.named], key[1, places.one] = _LOUD, 1
    cross.q_norm.weight[:2], cross.k_norm.weight[:2] = _SHARP, _SHARP
    value[torch.arange(BEATS), places.named] = 1
    for head in range(share):
        first = queries.start + head * width
        cross.q_proj.weight[first, places.one] = 1
        cross.q_proj.weight[first + 1, places.one] = -1
        cross.o_proj.weight[places.named, first + torch.arange(BEATS)] = 1 / share


def _rows(cross: Attention) -> tuple[slice, slice]:
    """Rows of the last key head, and of the query heads that share it."""
    share, width = cross.heads // cross.kv_heads, cross.head_dim
    return (
        slice((cross.kv_heads - 1) * width, cross.kv_heads * width),
        slice((cross.heads - share) * width, cross.heads * width),
    )


def _choose(block: DiTLayer, places: _Places, units: Tensor) -> None:
    """Of the `units` [2 n] two pass a beat on where it is named, turned to both frames."""
    gate, up, down = mlp_weights(block)
    units = units.view(BEATS, 2)
    down[places.first :] = 0
    passed = _OPEN / _SIZE**2
    for beat in range(BEATS):
        for unit, place in zip(units[beat], places.beats[beat], strict=True):
            gate[unit], up[unit], down[:, unit] = 0, 0, 0
            gate[unit, places.named[beat]], gate[unit, places.one] = 2 * _OPEN / _NAME, -_OPEN
            up[unit, place] = 1 / LOUDNESS
        turns = _turns(FIRST_BEAT + beat) * _BEAT / passed
        down[places.chosen[:, None], units[beat][None]] = turns


def _turns(clock: int) -> Tensor:
    """What cosine and sine of a clock, which it has in the even or the odd frame, become in both:
    cosine and sine of the even, then of the odd frame, [4, 2]."""
    step = 2 * math.pi * clock_bpm(clock) / 60 * FRAME_SAMPLES / SAMPLE_RATE
    rows = []
    for frame in (0, 1):
        angle = step * (frame - clock % 2)
        rows += [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return torch.tensor(rows)
