"""Products of a few rows in every form against the plain ones."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from acestep_cli.models.products import make_gate, make_product
from tests.unit.models.transformers import rms_difference

DTYPES = (torch.float32, torch.bfloat16)
ROWS = (1, 2, 3, 4, 5, 40)


def weight(rows: int, width: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    drawn = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    scaled: Tensor = drawn * width**-0.5
    return scaled.to(dtype)


def rounding(dtype: torch.dtype) -> float:
    return 1e-6 if dtype == torch.float32 else 4e-3


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", ROWS)
def test_a_product_is_the_plain_one(dtype: torch.dtype, rows: int) -> None:
    w = weight(96, 64, dtype)
    x = torch.randn(rows, 64, generator=torch.Generator().manual_seed(rows))
    found = make_product(w)(x)
    assert found.dtype == dtype
    assert rms_difference(found, x.to(dtype).float() @ w.float().T) < rounding(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", (4, 40))
def test_a_gate_is_the_plain_one(dtype: torch.dtype, rows: int) -> None:
    gate, up = weight(96, 64, dtype, 1), weight(96, 64, dtype, 2)
    x = torch.randn(rows, 64, generator=torch.Generator().manual_seed(rows))
    wide = x.to(dtype).float()
    wanted = F.silu(wide @ gate.float().T) * (wide @ up.float().T)
    found = make_gate(gate, up, make_product)(x)
    assert rms_difference(found, wanted) < 2 * rounding(dtype)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    product = make_product(weight(96, 64, torch.bfloat16))
    x = torch.randn(4, 64, generator=torch.Generator().manual_seed(5))
    whole = product(x)
    for rows in (1, 2, 3):
        assert torch.equal(product(x[:rows]), whole[:rows])
