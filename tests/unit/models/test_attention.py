"""Every form of attention against the one that computes and masks everything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from acestep_cli.models import blocked
from acestep_cli.models.attention import (
    attend,
    banded_attention,
    full_attention,
    masked_attention,
)
from acestep_cli.models.blocked import blocked_attention
from acestep_cli.models.fused import centre
from acestep_cli.models.scratch import Scratch
from tests.unit.models.transformers import difference, rms_difference

LENGTHS = (1, 5, 63, 64, 65, 150, 201)


def draw(batch: int, heads: int, kv: int, length: int, keys: int | None = None) -> list[Tensor]:
    generator = torch.Generator().manual_seed(length)
    keys = keys or length
    shapes = ((batch, heads, length, 16), (batch, kv, keys, 16), (batch, kv, keys, 16))
    return [torch.randn(shape, generator=generator) for shape in shapes]


def blocks(query: Tensor, key: Tensor, value: Tensor, **how: int | bool | None) -> Tensor:
    """`blocked_attention` with the shapes of `attend`."""
    batch, heads, length, width = query.shape
    kv = key.shape[1]
    out = torch.empty(batch, length, kv, heads // kv, width, dtype=query.dtype)
    scaled = (query * width**-0.5).view(batch, kv, heads // kv, length, width)
    blocked_attention(scaled, key, value, out, Scratch(), **how)  # type: ignore[arg-type]
    return out.flatten(2, 3).transpose(1, 2)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("window", [3, 64, 90])
def test_a_band_equals_the_masked_form(length: int, window: int) -> None:
    query, key, value = draw(2, 4, 2, length)
    wanted = masked_attention(query, key, value, window=window)
    assert difference(banded_attention(query, key, value, window), wanted) < 1e-6
    assert difference(attend(query, key, value, window=window), wanted) < 1e-6
    assert difference(blocks(query, key, value, window=window), wanted) < 1e-6


def test_a_band_is_felt() -> None:
    query, key, value = draw(1, 2, 2, 150)
    full = full_attention(query, key, value)
    assert difference(banded_attention(query, key, value, 20), full) > 0.1


@pytest.mark.parametrize("length", LENGTHS)
def test_blocks_equal_full_and_causal_attention(length: int) -> None:
    query, key, value = draw(2, 6, 3, length)
    for causal in (False, True):
        wanted = full_attention(query, key, value, causal=causal)
        assert difference(blocks(query, key, value, causal=causal), wanted) < 1e-6


def test_blocks_equal_cross_attention() -> None:
    query, key, value = draw(2, 4, 1, 150, keys=37)
    wanted = full_attention(query, key, value)
    assert difference(blocks(query, key, value), wanted) < 1e-6


@pytest.mark.parametrize("step", [32, 40, 64, 200])
def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(blocked, "_rows", lambda *_: step)
    query, key, value = draw(1, 4, 2, 201)
    for how in ({"window": 48}, {"causal": True}, {}):
        wanted = masked_attention(query, key, value, window=how.get("window"))
        if how.get("causal"):
            wanted = full_attention(query, key, value, causal=True)
        assert difference(blocks(query, key, value, **how), wanted) < 1e-6


def test_a_band_costs_the_same_for_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores computed grow with the length, not with its square."""

    def scores(length: int) -> int:
        counted = 0
        softmax = torch.softmax

        def counting(x: Tensor, *args: object, **named: object) -> Tensor:
            nonlocal counted
            counted += x.numel()
            return softmax(x, *args, **named)  # type: ignore[call-overload, no-any-return]

        with monkeypatch.context() as patch:
            patch.setattr(torch, "softmax", counting)
            blocks(*draw(1, 2, 1, length), window=32)
        return counted

    assert scores(1600) < 2.2 * scores(800)


def test_padding_is_never_seen() -> None:
    query, key, value = draw(2, 4, 2, 30)
    valid = torch.arange(30) < torch.tensor([[30], [17]])
    mixed = attend(query, key, value, key_mask=valid)
    alone = full_attention(query[1:, :, :17], key[1:, :, :17], value[1:, :, :17])
    assert difference(mixed[1:, :, :17], alone) < 1e-6
    assert bool(torch.isfinite(mixed).all())


def test_a_row_that_sees_nothing_stays_finite() -> None:
    query, key, value = draw(1, 2, 2, 8)
    assert bool(torch.isfinite(attend(query, key, value, key_mask=torch.zeros(1, 8).bool())).all())


def test_what_keys_have_in_common_costs_no_precision() -> None:
    """Scores are rounded to bfloat16, so they are kept small: keys are centred before."""
    generator = torch.Generator().manual_seed(5)
    common = 3 * torch.randn(1, 1, 1, 64, generator=generator)
    query = torch.randn(1, 2, 90, 64, generator=generator) + common
    key = torch.randn(1, 2, 90, 64, generator=generator) + common
    value = torch.randn(1, 2, 90, 64, generator=generator)
    wanted = full_attention(query, key, value)
    centred = centre(key.transpose(1, 2).clone(), 90).transpose(1, 2)
    assert difference(full_attention(query, centred, value), wanted) < 1e-4

    def error(keys: Tensor) -> float:
        narrow = blocks(query.bfloat16(), keys.bfloat16(), value.bfloat16())
        return rms_difference(narrow, wanted)

    assert error(centred) < 0.3 * error(key)
