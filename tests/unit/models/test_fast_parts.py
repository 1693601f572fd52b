"""What the fast stacks are made of: tiles, scratch memory, products with epilogues, row norms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from acestep_cli.models.fused import Product, normalise, pointwise_available, turn_heads
from acestep_cli.models.layers import Linear, RMSNorm, apply_rope, rope_table
from acestep_cli.models.scratch import Scratch, round_up, tiles
from tests.unit.models.transformers import difference


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("batch", "rows", "most"), [(1, 8, 64), (5, 24, 64), (3, 64, 64), (2, 200, 64), (1, 1000, 64)]
)
def test_tiles_cover_every_row_once_and_are_contiguous(batch: int, rows: int, most: int) -> None:
    h = torch.zeros(batch, rows, 4)
    for items, span in tiles(batch, rows, most):
        part = h[items, span]
        assert part.is_contiguous()
        assert part.shape[0] * part.shape[1] <= most + 8
        assert part.shape[0] == 1 or part.shape[1] == rows
        part += 1
    assert torch.equal(h, torch.ones_like(h))


def test_rows_are_rounded_up_to_eights() -> None:
    assert [round_up(rows) for rows in (1, 8, 9, 375)] == [8, 8, 16, 376]


def test_scratch_memory_is_kept() -> None:
    scratch = Scratch()
    first = scratch.take("a", (4, 6), torch.float32)
    assert scratch.take("a", (2, 3), torch.float32).data_ptr() == first.data_ptr()
    assert scratch.take("b", (2, 3), torch.float32).data_ptr() != first.data_ptr()
    assert scratch.take("a", (2, 3), torch.bfloat16).dtype == torch.bfloat16
    assert scratch.take("a", (9, 9), torch.float32).shape == (9, 9)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_epilogues_equal_separate_operations(fused: bool, dtype: torch.dtype, bias: bool) -> None:
    if fused and not pointwise_available(dtype):
        pytest.skip("this build of torch has no such products")
    layer = Linear(32, 48, bias=bias).requires_grad_(False)
    layer.weight.data = draw(48, 32, seed=1).to(dtype)
    if layer.bias is not None:
        layer.bias.data = draw(48, seed=2).to(dtype)
    x, other = draw(2, 8, 32, seed=3).to(dtype), draw(2, 8, 48, seed=4).to(dtype)
    bare = layer.double()(x.double())
    product = Product(layer.to(dtype))
    product.fused = fused
    close = 1e-6 if dtype == torch.float32 else 1e-2
    assert difference(product(x), bare) < close
    assert difference(product.silu(x), F.silu(bare)) < close
    assert difference(product.times(x, other), bare * other) < close
    assert difference(product.plus(x, other), bare + other) < close


def test_normalise_is_norm_then_modulation() -> None:
    norm = RMSNorm(16, 1e-6).requires_grad_(False)
    norm.weight.copy_(draw(16, seed=1))
    x, scratch = draw(3, 8, 16), Scratch()
    scale, shift = draw(3, 1, 16, seed=2), draw(1, 1, 16, seed=3)
    assert difference(normalise(x, norm, scratch), norm(x)) < 1e-6
    modulated = normalise(x, norm, scratch, scale=scale, shift=shift)
    assert difference(modulated, norm(x) * (1 + scale) + shift) < 1e-6
    narrow = normalise(x.bfloat16(), norm, scratch, scale=scale, shift=shift)
    assert narrow.dtype == torch.bfloat16
    assert difference(narrow, norm(x.bfloat16().float()) * (1 + scale) + shift) < 5e-3


def test_heads_are_normalised_turned_and_scaled() -> None:
    norm = RMSNorm(8, 1e-6).requires_grad_(False)
    norm.weight.copy_(draw(8, seed=1))
    x, scratch = draw(2, 12, 3, 8), Scratch()
    rope = rope_table(12, 8, 1e4, device=torch.device("cpu"), dtype=torch.float32)
    wanted = apply_rope(norm(x).transpose(1, 2), rope).transpose(1, 2)
    assert difference(turn_heads(x, norm, scratch, rope=rope, scale=0.5), 0.5 * wanted) < 1e-6
    assert difference(turn_heads(x, norm, scratch), norm(x)) < 1e-6
