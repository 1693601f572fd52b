"""The shared block: norms, rotary positions, and row 0 on its own."""

from __future__ import annotations

import pytest
import torch

from acestep_cli.models.layers import (
    Block,
    BlockConfig,
    RMSNorm,
    apply_rope,
    rope_table,
    window_of,
)
from tests.unit.models.transformers import difference

CONFIG = BlockConfig(hidden=24, heads=4, kv_heads=2, head_dim=8, mlp=40, window=3)


def block(window: int | None = None) -> Block:
    made = Block(CONFIG, window=window).requires_grad_(False)
    generator = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        parameter.normal_(std=0.4, generator=generator)
    return made


def test_rms_norm_is_its_formula() -> None:
    norm = RMSNorm(6, 1e-6).requires_grad_(False)
    norm.weight.copy_(torch.linspace(0.5, 2, 6))
    x = torch.tensor([[3.0, -4, 0, 1, 2, 5]])
    wanted = x / (55 / 6 + 1e-6) ** 0.5 * norm.weight
    assert difference(norm(x), wanted) < 1e-6
    assert torch.equal(norm(torch.zeros(1, 6)), torch.zeros(1, 6))


def test_rotary_positions_turn_products_by_distance_alone() -> None:
    rope = rope_table(12, 8, 1e4, device=torch.device("cpu"), dtype=torch.float32)
    pair = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    turned = apply_rope(pair[:, None].expand(2, 12, 8)[None], rope)[0]  # (2, L, d)
    products = turned[0] @ turned[1].T
    for distance in (0, 2, 5):
        line = products.diagonal(distance)
        assert torch.allclose(line, line[:1].expand_as(line), atol=1e-5)
    assert not torch.allclose(products.diagonal(0)[:1], products.diagonal(3)[:1], atol=1e-3)


def test_tables_are_rounded_only_where_asked() -> None:
    def cos(**how: bool) -> torch.Tensor:
        device = torch.device("cpu")
        return rope_table(400, 16, 1e6, device=device, dtype=torch.bfloat16, **how).cos

    assert cos().dtype == torch.bfloat16
    assert cos(exact=True).dtype == torch.float32
    assert torch.equal(cos(exact=True).bfloat16(), cos())
    assert not torch.equal(cos(rounded=True), cos())


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("length", [1, 4, 11])
def test_row_0_alone_equals_row_0_of_all(window: int | None, length: int) -> None:
    layer = block(window)
    h = torch.randn(2, length, 24, generator=torch.Generator().manual_seed(length))
    rope = rope_table(length, 8, 1e6, device=torch.device("cpu"), dtype=torch.float32)
    assert difference(layer.first(h, rope), layer(h, rope)[:, :1]) < 1e-6


def test_only_sliding_layers_have_a_window() -> None:
    types = ("sliding_attention", "full_attention")
    assert window_of(CONFIG, types, 0) == 3
    assert window_of(CONFIG, types, 1) is None
    assert window_of(CONFIG, None, 0) is None
