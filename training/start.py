"""Begin from the weights of a written set, where the state of its training is gone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_WIDTHS, ENCODER_WIDTHS, STRIDES
from training.autoencoder.vowels import lay_vowels
from training.codes import Codes
from training.loop import begin, borrow, holds
from training.planner.network import Planner
from training.planner.rows import fit_rows
from training.planner.texts import first_code_id
from training.renderer.clockwork import is_laid
from training.renderer.network import Renderer
from training.renderer.text import tokenizer
from training.renderer.weights import set_first_weights
from training.stages import PLANS

# What a network is trained with, or written into the same file with.
_NEEDED = {
    "renderer": ("codes",),
    "planner": ("codes",),
    "codes": ("renderer",),
    "encoder": ("decoder",),
    "decoder": ("encoder",),
}


def start_from(folder: Path, state: Path, trained: Collection[str]) -> None:
    """Write states with the weights of the set in `folder` into `state`: of no steps for the stages
    that are to be `trained` and were not yet, finished ones for those that these need. What only
    training uses has its first weights.

    ValueError for a set without a planner, or whose DiT was trained without the clockwork, and
    where `state` has other weights of what is needed and not trained.
    """
    place = folder / "acestep-5Hz-lm-demo"
    if not place.is_dir():
        raise ValueError(f"--start {folder} has no {place.name}; take a set that is whole")
    dit = _read(folder / "demo" / "model.safetensors")
    text = _read(folder / "Qwen3-Embedding-0.6B" / "model.safetensors")
    vae = _plain(_read(folder / "vae" / "diffusion_pytorch_model.safetensors"))
    renderer, codes = Renderer(tokenizer().get_vocab_size()), Codes()
    encoder, decoder = Encoder(ENCODER_WIDTHS, STRIDES), Decoder(DECODER_WIDTHS, STRIDES[::-1])
    set_first_weights(renderer, 0)
    _fill(renderer.model, dit)
    _fill(renderer.text, text)
    if not is_laid(renderer.model):
        raise ValueError(
            f"--start {folder} was trained without the clockwork; take a newer set or none"
        )
    _fill(codes, dit)
    _fill(encoder, _under(vae, "encoder."))
    _fill(decoder, _under(vae, "decoder."))
    lay_vowels(decoder)
    found = {"codes": codes, "renderer": renderer, "encoder": encoder, "decoder": decoder}
    needed = {other for name in trained for other in _NEEDED.get(name, ())} - set(trained)
    for name in sorted(needed):
        path = state / f"{name}.pt"
        if path.is_file() and not holds(path, found[name]):
            raise ValueError(
                f"--state {state} has other {name} than {folder}: name {name} too, or another state"
            )
        borrow(path, found[name], PLANS[name])
    for name in found.keys() & set(trained):
        begin(state / f"{name}.pt", found[name])
    if "planner" in trained and not (state / "planner.pt").is_file():
        begin(state / "planner.pt", _planner_of(_read(place / "model.safetensors")))


def _planner_of(tensors: dict[str, Tensor]) -> Planner:
    """The planner whose rows for codes were written instead of the network that makes them."""
    planner = Planner(first_code_id())
    set_first_weights(planner, 5)
    table = tensors["model.embed_tokens.weight"]
    _fill(planner.model, {n.removeprefix("model."): value for n, value in tensors.items()})
    fit_rows(planner, table[planner.texts :][: len(planner.code_levels)])
    return planner


def _read(path: Path) -> dict[str, Tensor]:
    return {name: value.float() for name, value in load_file(path).items()}


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Gains and directions as weights."""
    found = {}
    for name, value in tensors.items():
        if name.endswith(".weight_v"):
            gain = tensors[name.removesuffix("_v") + "_g"]
            norm = value.flatten(1).norm(dim=1)[:, None, None]
            found[name.removesuffix("_v")] = gain * value / norm
        elif not name.endswith(".weight_g"):
            found[name] = value
    return found


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


@torch.no_grad()
def _fill(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Every parameter from the tensor of its name, of which the first places belong to it. Units
    that the set does not have yet keep their first weights and say nothing."""
    for name, parameter in module.named_parameters():
        told = tensors[name][tuple(slice(size) for size in parameter.shape)]
        if name.endswith("down_proj.weight"):
            parameter.zero_()
        parameter[tuple(slice(size) for size in told.shape)] = told
