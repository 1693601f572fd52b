"""Lay, before training, what turns a beat into its multiples: a stroke lasts a frame or two.

That is a matter of many multiples of the beat. From its cosine and sine alone strokes that are rare
were never learnt. So the second and the third block of the DiT begin with products of complex
numbers: the square of the beat is its double, that times the beat the triple, the square of the
double the quadruple. A pair of units multiplies exactly: silu(a) b - silu(-a) b = a b. All of it is
free to learn from there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from acestep_cli.models.acestep import AceStepModel
from acestep_cli.models.dit import DiTLayer, TimeEmbedding

MULTIPLES = (2, 3, 4)
_AMPLITUDE = 0.7  # of the multiples
_UNITS = 16  # that make one: a pair for each of four products in each of two frames


@torch.no_grad()
def lay_multiples(
    model: AceStepModel, beat: Tensor, places: Mapping[int, Tensor], amplitude: float, size: float
) -> None:
    """Write the products into the least used units of two blocks.

    beat: the four dimensions that hold cosine and sine of a beat in both frames of a patch, with
    this `amplitude` behind the first block; places: the four of each of MULTIPLES, which lose what
    they held; size: root mean square of the states of these blocks.
    """
    _clear(model, torch.cat(list(places.values())))
    _, second, third, *_ = model.decoder.blocks()
    double = places[2]
    _multiply(second, least_used(second, _UNITS), beat, beat, double, size**2 / amplitude**2)
    tripling, quadrupling = least_used(third, 2 * _UNITS).chunk(2)
    _multiply(third, tripling, double, beat, places[3], size**2 / (_AMPLITUDE * amplitude))
    _multiply(third, quadrupling, double, double, places[4], size**2 / _AMPLITUDE**2)


def least_used(block: DiTLayer, count: int) -> Tensor:
    """The `count` units of a block's MLP that say least."""
    _, up, down = mlp_weights(block)
    return (down.norm(dim=0) * up.norm(dim=1)).argsort(stable=True)[:count]


def mlp_weights(block: DiTLayer) -> tuple[Tensor, Tensor, Tensor]:
    """Gate and up [units, width] and down [width, units] of a block's MLP."""
    mlp = block.mlp
    return mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight


def leave_alone(block: DiTLayer, rows: Tensor) -> None:
    """A block writes nothing into the dimensions `rows`."""
    for written in (block.self_attn.o_proj, block.cross_attn.o_proj, block.mlp.down_proj):
        written.weight[rows] = 0


def time_embeddings(model: AceStepModel) -> tuple[TimeEmbedding, TimeEmbedding]:
    """Those of the time, and of the length of a step."""
    return model.decoder.time_embed, model.decoder.time_embed_r


def silence_times(model: AceStepModel, rows: Tensor | slice) -> None:
    """In the dimensions `rows` of the DiT no shift, scale or gate follows the time."""
    width = model.decoder.scale_shift_table.shape[-1]
    for embedding in time_embeddings(model):
        for parameter in embedding.time_proj.parameters():
            parameter.view(6, width, -1)[:, rows] = 0


def _clear(model: AceStepModel, rows: Tensor) -> None:
    """Nothing is written into the dimensions `rows`, and nothing reads them; shift 0, scale 0 and
    gate 1 at all times."""
    decoder = model.decoder
    patch, out = dict(decoder.proj_in.named_parameters()), dict(decoder.proj_out.named_parameters())
    patch["1.weight"][rows], patch["1.bias"][rows], out["1.weight"][rows] = 0, 0, 0
    silence_times(model, rows)
    for block in decoder.blocks():
        own, cross = block.self_attn, block.cross_attn
        gate, up, _ = mlp_weights(block)
        leave_alone(block, rows)
        for read in (own.q_proj, own.k_proj, own.v_proj, cross.q_proj):
            read.weight[:, rows] = 0
        gate[:, rows], up[:, rows] = 0, 0
        block.scale_shift_table[..., rows] = 0
        block.scale_shift_table[:, [2, 5], rows[:, None]] = 1
        for norm in (block.self_attn_norm, block.cross_attn_norm, block.mlp_norm):
            norm.weight[rows] = 1


def _multiply(
    block: DiTLayer, units: Tensor, one: Tensor, other: Tensor, made: Tensor, gain: float
) -> None:
    """`units` [16] of a block multiply the angles `one` and `other`, each cosine and sine in two
    frames, as complex numbers, into the dimensions `made`. gain: what makes products as large as 1.
    """
    _, _, down = mlp_weights(block)
    pairs = iter(units.view(-1, 2))
    for frame in (0, 2):
        cosine, sine = one[frame : frame + 2].tolist()
        other_cosine, other_sine = other[frame : frame + 2].tolist()
        for left, right, place, sign in (
            (cosine, other_cosine, frame, 1),
            (sine, other_sine, frame, -1),
            (cosine, other_sine, frame + 1, 1),
            (sine, other_cosine, frame + 1, 1),
        ):
            pair = next(pairs)
            _give_product(block, pair, left, right)
            down[made[place], pair] = sign * _AMPLITUDE * gain * torch.tensor([1.0, -1.0])


def _give_product(block: DiTLayer, pair: Tensor, left: int, right: int) -> None:
    """The difference of the `pair` of units is the product of two dimensions of a state."""
    gate, up, down = mlp_weights(block)
    scale = block.mlp_norm.weight * (1 + block.scale_shift_table[0, 4])
    gate[pair], up[pair], down[:, pair] = 0, 0, 0
    gate[pair, left] = torch.tensor([1.0, -1.0]) / scale[left]
    up[pair, right] = 1 / scale[right]
    block.scale_shift_table[:, 3, [left, right]] = 0
