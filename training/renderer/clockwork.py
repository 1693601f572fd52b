"""Lay, before training, the one connection that training does not find: tempo times place.

The silence latent holds the beat of every tempo, the text encoder names the one that is asked for,
and the DiT has to multiply the two. Left to itself it never does: as long as neither is used, there
is nothing to gain from the other. So its first block begins with the product in place, in a part of
its width, and keeps it; all that follows from the beat is learnt.

In the condition, as many dimensions as there are beats belong to the words alone: lyrics and timbre
say nothing in them. In the DiT:

| dimensions, from `first` on | what they hold |
|---|---|
| 12 | of the chosen beat's multiples 2, 3 and 4: each as the chosen beat itself, below |
| 2 n | cosine and sine of each of the n beats, as the silence latent has them |
| n | 1 at the beat that the last token of the prompt names |
| 4 | cosine and sine of that beat in both frames of a patch |
| 1 | always 1 |

The second and the third block begin with the products that turn the beat into its multiples: a
stroke lasts a frame or two, which is a matter of many multiples of the beat, and from cosine and
sine alone strokes that are rare were never learnt. A pair of units multiplies: silu(a) b -
silu(-a) b = a b. The products are only begun with, not kept.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.dit import DiTLayer, TimeEmbedding
from acestep_cli.models.layers import Attention
from training.band.tuning import FRAME_SAMPLES, SAMPLE_RATE, clock_bpm
from training.renderer.reading import BEATS, FIRST_BEAT, STRENGTH
from training.silence import LOUDNESS

_MULTIPLES = (2, 3, 4)
DIMENSIONS = 3 * BEATS + 5  # those that are kept
# What states measure at time 1 once they are trained, in root mean square, where beats and their
# multiples are to have these amplitudes.
_SIZE = 2.1
_BEAT, _MULTIPLE = 1.5, 0.7
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
    for embedding in _times(model):
        for parameter in embedding.time_proj.parameters():
            parameter.view(6, width, -1)[:, places.first :] = 0
    _name(block, places)
    _choose(block, places, _least_used(block, 2 * BEATS))
    _multiply(model, places)


@torch.no_grad()
def renew_clockwork(model: AceStepModel) -> None:
    """Lay what older weights have weaker or not at all: gates that let one beat through and no
    other, loud enough to be heard among noise, and its multiples."""
    places = _Places(model.decoder.scale_shift_table.shape[-1] - DIMENSIONS)
    block, units = model.decoder.blocks()[0], _units(model, places)
    if float(block.mlp.gate_proj.weight[units, places.one].max()) <= -_OPEN:
        return
    _choose(block, places, units)
    _multiply(model, places)


def hold_clockwork(model: AceStepModel) -> None:
    """Keep the connection as it was laid, up to what the units pass on: their gradients become 0.

    Left free, some beats lose their name within a thousand steps, and a gate that has closed for a
    beat stays closed. RuntimeError for a model in which it was never laid.
    """
    decoder = model.decoder
    width = decoder.scale_shift_table.shape[-1]
    places = _Places(width - DIMENSIONS)
    block, encoder = decoder.blocks()[0], model.encoder
    cross, mlp = block.cross_attn, block.mlp
    if not is_laid(model):
        raise RuntimeError("the clockwork was not laid in these weights")
    said, units = _said(model), _units(model, places)
    keys, queries = _rows(cross)
    patch = dict(decoder.proj_in.named_parameters())
    kept = slice(places.first, None)
    _hold(patch["1.weight"], kept)
    _hold(patch["1.bias"], kept)
    _hold(decoder.condition_embedder.weight, kept)
    _hold(decoder.condition_embedder.weight, (slice(None), said))
    assert decoder.condition_embedder.bias is not None
    _hold(decoder.condition_embedder.bias, kept)
    _hold(encoder.text_projector.weight, said)
    _hold(encoder.lyric_encoder.norm.weight, said)
    _hold(encoder.timbre_encoder.norm.weight, said)
    _hold(model.null_condition_emb, (..., said))
    _hold(block.self_attn.o_proj.weight, kept)
    for norm in (block.cross_attn_norm, block.mlp_norm):
        _hold(norm.weight, kept)
    for norm in (cross.q_norm, cross.k_norm):
        _hold(norm.weight, slice(2))
    _hold(block.scale_shift_table, (..., kept))
    rows = torch.arange(6 * width).view(6, width)[:, kept].flatten()
    for embedding in _times(model):
        for parameter in embedding.time_proj.parameters():
            _hold(parameter, rows)
    _hold(cross.q_proj.weight, queries)
    _hold(cross.k_proj.weight, keys)
    _hold(cross.v_proj.weight, keys)
    _hold(cross.o_proj.weight, (slice(None), queries))
    _hold(cross.o_proj.weight, kept)
    _hold(mlp.gate_proj.weight, units)
    _hold(mlp.up_proj.weight, units)


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


def _times(model: AceStepModel) -> tuple[TimeEmbedding, TimeEmbedding]:
    return model.decoder.time_embed, model.decoder.time_embed_r


def _hold(parameter: Tensor, place: Any) -> None:
    free = torch.ones_like(parameter)
    free[place] = 0
    parameter.register_hook(lambda gradient: gradient * free)


class _Places:
    """Which dimensions hold what."""

    def __init__(self, first: int) -> None:
        self.first = first
        multiples = torch.arange(first - 4 * len(_MULTIPLES), first).view(-1, 4)
        self.multiples = dict(zip(_MULTIPLES, multiples, strict=True))
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
    gate, up, down = _weights(block)
    units = units.view(BEATS, 2)
    down[places.first :] = 0
    passed = _OPEN / _SIZE / _SIZE
    for beat in range(BEATS):
        for unit, place in zip(units[beat], places.beats[beat], strict=True):
            gate[unit], up[unit], down[:, unit] = 0, 0, 0
            gate[unit, places.named[beat]], gate[unit, places.one] = 2 * _OPEN / _NAME, -_OPEN
            up[unit, place] = 1 / LOUDNESS
        turns = _turns(FIRST_BEAT + beat) * _BEAT / passed
        down[places.chosen[:, None], units[beat][None]] = turns


def _multiply(model: AceStepModel, places: _Places) -> None:
    """The chosen beat's double in the second block; in the third that and the beat make the triple,
    and the double of the double."""
    blocks = model.decoder.blocks()
    rows = torch.cat(list(places.multiples.values()))
    _clear(model, rows)
    second, third = blocks[1], blocks[2]
    double = places.multiples[2]
    _turn_by(second, places.chosen, places.chosen, double, _BEAT * _BEAT)
    _turn_by(third, double, places.chosen, places.multiples[3], _MULTIPLE * _BEAT)
    _turn_by(third, double, double, places.multiples[4], _MULTIPLE * _MULTIPLE)


def _clear(model: AceStepModel, rows: Tensor) -> None:
    """Nothing is written into the dimensions `rows`, and nothing reads them; shift 0, scale 0 and
    gate 1 at all times."""
    decoder = model.decoder
    patch, out = dict(decoder.proj_in.named_parameters()), dict(decoder.proj_out.named_parameters())
    width = decoder.scale_shift_table.shape[-1]
    patch["1.weight"][rows], patch["1.bias"][rows], out["1.weight"][rows] = 0, 0, 0
    for embedding in _times(model):
        for parameter in embedding.time_proj.parameters():
            parameter.view(6, width, -1)[:, rows] = 0
    for block in decoder.blocks():
        own, cross = block.self_attn, block.cross_attn
        gate, up, down = _weights(block)
        for written in (own.o_proj.weight, cross.o_proj.weight, down):
            written[rows] = 0
        for read in (own.q_proj, own.k_proj, own.v_proj, cross.q_proj):
            read.weight[:, rows] = 0
        gate[:, rows], up[:, rows] = 0, 0
        block.scale_shift_table[..., rows] = 0
        block.scale_shift_table[:, [2, 5], rows[:, None]] = 1
        for norm in (block.self_attn_norm, block.cross_attn_norm, block.mlp_norm):
            norm.weight[rows] = 1


def _turn_by(block: DiTLayer, one: Tensor, other: Tensor, made: Tensor, size: float) -> None:
    """Units of a block multiply the angles `one` and `other`, each cosine and sine in two frames,
    as complex numbers, into the dimensions `made`. size: of the product of both amplitudes."""
    _, _, down = _weights(block)
    strength = _MULTIPLE * _SIZE * _SIZE / size
    for frame in (0, 2):
        cosine, sine = one[frame : frame + 2].tolist()
        other_cosine, other_sine = other[frame : frame + 2].tolist()
        for left, right, place, sign in (
            (cosine, other_cosine, frame, 1),
            (sine, other_sine, frame, -1),
            (cosine, other_sine, frame + 1, 1),
            (sine, other_cosine, frame + 1, 1),
        ):
            units = _product(block, left, right)
            down[made[place], units] = sign * strength * torch.tensor([1.0, -1.0])


def _product(block: DiTLayer, left: int, right: int) -> Tensor:
    """The two least used units of a block, whose difference becomes the product of two dimensions
    of a state."""
    gate, up, down = _weights(block)
    units = _least_used(block, 2)
    scale = block.mlp_norm.weight * (1 + block.scale_shift_table[0, 4])
    gate[units], up[units], down[:, units] = 0, 0, 0
    gate[units, left] = torch.tensor([1.0, -1.0]) / scale[left]
    up[units, right] = 1 / scale[right]
    block.scale_shift_table[:, 3, [left, right]] = 0
    return units


def _least_used(block: DiTLayer, count: int) -> Tensor:
    _, up, down = _weights(block)
    return (down.norm(dim=0) * up.norm(dim=1)).argsort(stable=True)[:count]


def _weights(block: DiTLayer) -> tuple[Tensor, Tensor, Tensor]:
    """Gate, up [units, width] and down [width, units] of the MLP."""
    mlp = block.mlp
    return mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight


def _turns(clock: int) -> Tensor:
    """What cosine and sine of a clock, which it has in the even or the odd frame, become in both:
    cosine and sine of the even, then of the odd frame, [4, 2]."""
    step = 2 * math.pi * clock_bpm(clock) / 60 * FRAME_SAMPLES / SAMPLE_RATE
    rows = []
    for frame in (0, 1):
        angle = step * (frame - clock % 2)
        rows += [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return torch.tensor(rows)
