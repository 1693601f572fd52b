"""What moves which weights, and how far."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.autoencoder.layers import Decoder, Encoder
from training.autoencoder.sizes import DECODER_WIDTHS, ENCODER_WIDTHS, STRIDES
from training.codes import Codes
from training.optimizer import Optimizer, matrices_of
from training.planner.network import Planner
from training.renderer.network import Renderer

RATE = 1e-2


class Network(nn.Module):
    """Tokens to one number through a layer of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 32)
        self.layers = nn.ModuleList([nn.Linear(32, 48), nn.Conv1d(48, 24, 3, padding=1)])
        self.out = nn.Linear(24, 16)

    def forward(self, tokens: Tensor) -> Tensor:
        wide = self.layers[0](self.embed(tokens)).tanh()
        made: Tensor = self.out(self.layers[1](wide.mT).tanh().mT)
        return made.square().mean()


def network() -> Network:
    torch.manual_seed(0)
    return Network()


def moved(steps: int, optimizer: Optimizer, module: nn.Module, first: int = 0) -> None:
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        loss = module(torch.randint(40, (4, 10), generator=generator))
        module.zero_grad()
        loss.backward()
        optimizer.step()


def optimizer_of(module: nn.Module, weight_decay: float = 0.0) -> Optimizer:
    return Optimizer(module, RATE, (0.9, 0.99), weight_decay)


@pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.weight"])
def test_all_directions_of_a_matrix_move_about_equally_far(name: str) -> None:
    module = network()
    before = copy.deepcopy(module.state_dict())[name]
    moved(1, optimizer_of(module), module)
    step = (module.state_dict()[name] - before).flatten(1)
    far = torch.linalg.svdvals(step) / (RATE * 0.2 * max(step.shape) ** 0.5)
    gradient = torch.linalg.svdvals(module.get_parameter(name).grad.flatten(1))  # type: ignore[union-attr]
    strong = far[: int((gradient > 0.01 * gradient.norm()).sum())]
    assert len(strong) > 8 and gradient[0] > 5 * gradient[len(strong) - 1]
    assert strong.min() > 0.65 and strong.max() < 1.25


@pytest.mark.parametrize("name", ["embed.weight", "out.weight", "layers.0.bias"])
def test_what_is_no_matrix_of_a_layer_moves_as_with_adamw(name: str) -> None:
    module, other = network(), network()
    before = copy.deepcopy(module.state_dict())[name]
    moved(1, optimizer_of(module), module)
    assert (module.state_dict()[name] - before).abs().max() == pytest.approx(RATE, rel=0.01)
    adamw = torch.optim.AdamW(other.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0)
    other(torch.randint(40, (4, 10), generator=torch.Generator().manual_seed(0))).backward()
    adamw.step()
    assert torch.allclose(module.state_dict()[name], other.state_dict()[name], atol=1e-6)


def test_a_rate_of_zero_moves_nothing() -> None:
    module = network()
    before = copy.deepcopy(module.state_dict())
    optimizer = optimizer_of(module, weight_decay=0.1)
    optimizer.set_rate(0.0)
    moved(2, optimizer, module)
    assert all(torch.equal(own, before[name]) for name, own in module.state_dict().items())


def test_weights_decay() -> None:
    module, decayed = network(), network()
    moved(1, optimizer_of(module), module)
    moved(1, optimizer_of(decayed, weight_decay=0.5), decayed)
    start = network().state_dict()
    for name, own in decayed.state_dict().items():
        wanted = module.state_dict()[name] - RATE * 0.5 * start[name]
        assert torch.allclose(own, wanted, atol=1e-6), name


def test_it_goes_on_from_its_state() -> None:
    whole = network()
    moved(4, optimizer_of(whole), whole)
    cut = network()
    first = optimizer_of(cut)
    moved(2, first, cut)
    state = copy.deepcopy(first.state_dict())
    resumed = optimizer_of(cut)
    resumed.load_state_dict(state)
    moved(2, resumed, cut, first=2)
    for name, own in cut.state_dict().items():
        assert torch.equal(own, whole.state_dict()[name]), name


def test_a_state_of_another_optimizer_is_refused() -> None:
    module = network()
    state = torch.optim.AdamW(module.parameters()).state_dict()
    with pytest.raises(KeyError):
        optimizer_of(module).load_state_dict(state)


def test_what_has_no_gradient_stays() -> None:
    module = network()
    module.layers.append(nn.Linear(24, 24))  # of no use to the loss
    before = copy.deepcopy(module.state_dict())
    moved(2, optimizer_of(module, weight_decay=0.1), module)
    for name in ("layers.2.weight", "layers.2.bias"):
        assert torch.equal(module.state_dict()[name], before[name])


@pytest.mark.parametrize(
    ("make", "inner", "outer"),
    [
        (
            lambda: Renderer(100),
            {
                "model.decoder.layers.5.mlp.down_proj.weight",
                "model.decoder.layers.0.cross_attn.q_proj.weight",
                "model.encoder.lyric_encoder.layers.1.self_attn.o_proj.weight",
                "text.layers.0.mlp.gate_proj.weight",
            },
            {
                "text.embed_tokens.weight",
                "model.decoder.proj_in.1.weight",
                "model.decoder.proj_out.1.weight",
                "model.decoder.time_embed.time_proj.weight",
                "model.decoder.condition_embedder.weight",
                "model.decoder.layers.0.scale_shift_table",
                "model.decoder.layers.0.self_attn_norm.weight",
                "syllables.weight",
            },
        ),
        (
            lambda: Planner(100),
            {"model.layers.0.self_attn.k_proj.weight", "model.layers.5.mlp.up_proj.weight"},
            {"model.embed_tokens.weight", "rows.0.weight", "clocks.weight"},
        ),
        (
            Codes,
            {"detokenizer.layers.0.mlp.up_proj.weight"},
            {"detokenizer.proj_out.weight", "tokenizer.audio_acoustic_proj.weight"},
        ),
        (
            lambda: Decoder(DECODER_WIDTHS, STRIDES[::-1]),
            {"block.0.conv_t1.weight", "block.4.res_unit3.conv1.weight"},
            {"conv1.weight", "conv2.weight", "block.0.snake1.alpha"},
        ),
        (
            lambda: Encoder(ENCODER_WIDTHS, STRIDES),
            {"block.1.res_unit1.conv1.weight"},
            {"conv1.weight", "conv2.weight"},
        ),
    ],
)
def test_the_layers_of_every_network_are_moved_by_muon(
    make: Callable[[], nn.Module], inner: set[str], outer: set[str]
) -> None:
    module = make()
    assert inner | outer <= {name for name, _ in module.named_parameters()}
    found = matrices_of(module)
    assert inner <= found
    assert not outer & found
