"""Weights of 8 and 4 bits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from acestep_cli.models import quantized
from acestep_cli.models.products import MakeProduct, Product, make_product
from acestep_cli.models.quantized import (
    BytesProduct,
    Int4Product,
    Int8Product,
    bytes_available,
    group_of,
    product_maker,
    rounded_groups,
    rounded_rows,
    two_bytes,
)
from tests.unit.models.transformers import rms_difference

ROWS = (1, 2, 3, 7, 64)
needs_bytes = pytest.mark.skipif(not bytes_available(), reason="a processor without VNNI")


def draw(rows: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def in_int8(weight: Tensor) -> Tensor:
    values, scales = rounded_rows(weight)
    wide: Tensor = values.float() * scales[:, None]
    return wide


def in_int4(weight: Tensor) -> Tensor:
    values, scales = rounded_groups(weight, 64)
    scale, middle = scales.transpose(0, 1).float().unbind(-1)
    groups = values.float().view(len(values), -1, 64)
    return ((groups - 8) * scale[..., None] + middle[..., None]).flatten(1)


def test_rows_are_rounded_to_their_largest_value() -> None:
    weight = draw(600, 64) * torch.logspace(-6, 3, 600)[:, None]
    values, scales = rounded_rows(weight)
    assert values.dtype == torch.int8
    assert torch.equal(values.abs().amax(1), torch.full((600,), 127, dtype=torch.int8))
    error = (in_int8(weight) - weight).abs()
    assert bool((error <= scales[:, None] * 0.501).all())


def test_groups_are_rounded_between_their_extremes() -> None:
    weight = draw(48, 256)
    error = (in_int4(weight) - weight).abs().view(48, -1, 64)
    spread = weight.view(48, -1, 64)
    steps = (spread.amax(-1) - spread.amin(-1)) / 15
    # Half a step, and what rounding the scale and the middle to bfloat16 adds.
    assert bool((error.amax(-1) <= steps * 0.6).all())


@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_rows_of_zeros_stay_zero(quantization: quantized.Quantization) -> None:
    product = product_maker(quantization)(torch.zeros(32, 64))
    assert not product(draw(2, 64)).any()
    assert (
        not product_maker(quantization)(draw(32, 64))(torch.zeros(2, 64)).float().abs().amax() > 0
    )


def test_two_bytes_are_finer_than_bfloat16() -> None:
    x = draw(5, 300) * torch.tensor([1e-4, 1.0, 30.0, 1e4, 0.0])[:, None]
    halves, scale = two_bytes(x)
    low, high = halves.float().chunk(2)
    found = (low - 64 + 256 * (high - 64)) * scale
    assert bool(((found - x).abs() <= x.abs().amax(1, keepdim=True) / 30_000).all())
    assert rms_difference(found, x) < rms_difference(x.bfloat16(), x) / 10
    assert int(high.max()) <= 127


@pytest.mark.parametrize(
    ("make", "stored", "tolerance"),
    [
        pytest.param(BytesProduct, in_int8, 2e-4, marks=needs_bytes),
        (Int8Product, in_int8, 6e-3),
        (Int4Product, in_int4, 6e-3),
    ],
)
@pytest.mark.parametrize("rows", ROWS)
def test_products_are_those_of_the_rounded_weights(
    make: Callable[[Tensor], Product],
    stored: Callable[[Tensor], Tensor],
    tolerance: float,
    rows: int,
) -> None:
    weight, x = draw(96, 128).bfloat16(), draw(rows, 128, 1)
    found = make(weight)(x)
    assert found.shape == (rows, 96)
    assert rms_difference(found, x @ stored(weight).T) < tolerance


@pytest.mark.parametrize(("make", "worst"), [("int8", 0.012), ("int4", 0.12)])
def test_what_rounding_costs(make: quantized.Quantization, worst: float) -> None:
    weight, x = draw(96, 512).bfloat16(), draw(8, 512, 1)
    error = rms_difference(product_maker(make)(weight)(x), x @ weight.float().T)
    assert worst / 4 < error < worst


def test_a_number_of_rows_that_no_kernel_takes() -> None:
    weight, x = draw(39, 64), draw(2, 64, 1)
    assert rms_difference(Int4Product(weight)(x), x @ in_int4(weight).T) < 6e-3


def test_widths_decide_the_group() -> None:
    assert [group_of(width) for width in (1024, 96, 32)] == [64, 32, 32]
    with pytest.raises(ValueError, match="not 48"):
        group_of(48)


def test_the_maker_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    expected: dict[bool, MakeProduct] = {True: BytesProduct, False: Int8Product}
    for available, maker in expected.items():
        monkeypatch.setattr(quantized, "bytes_available", lambda told=available: told)
        assert product_maker("int8") is maker
    assert product_maker("none") is make_product
