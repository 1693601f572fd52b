"""A set with other widths, depths and head counts, judged by diffusers and transformers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from acestep_cli.demo.sizes import DitSizes, QwenSizes, Sizes, StackSizes, VaeSizes
from acestep_cli.demo.tiny import build_set
from tests.parity.__main__ import main
from tests.parity.second_opinion import write_vectors

_TURBO = DitSizes(
    stack=StackSizes(width=40, mlp=72, heads=6, kv_heads=3, head_dim=8),
    layers=5,
    sliding_window=7,
    lyric_layers=3,
    timbre_layers=1,
    pooler_layers=1,
    text_width=56,
    silence_frames=300,
    is_turbo=True,
)
_BASE = dataclasses.replace(
    _TURBO,
    stack=StackSizes(width=96, mlp=64, heads=2, kv_heads=2, head_dim=24),
    layers=2,
    sliding_window=5,
    lyric_layers=2,
    timbre_layers=2,
    pooler_layers=2,
    is_turbo=False,
)
_XL = dataclasses.replace(
    _TURBO,
    stack=StackSizes(width=112, mlp=136, heads=8, kv_heads=2, head_dim=8),
    encoder=StackSizes(width=64, mlp=88, heads=4, kv_heads=1, head_dim=8),
)
SIZES = Sizes(
    dits={"acestep-v15-turbo": _TURBO, "acestep-v15-base": _BASE, "acestep-v15-xl-turbo": _XL},
    text_encoder=QwenSizes(StackSizes(width=56, mlp=80, heads=2, kv_heads=1, head_dim=32), 4),
    vae=VaeSizes(decoder_width=8, multiples=(1, 2, 1, 2, 3)),
)
MODELS = {"turbo": "acestep-v15-turbo", "base": "acestep-v15-base", "xl": "acestep-v15-xl-turbo"}


@pytest.mark.filterwarnings("ignore")
def test_a_second_checkpoint_set_passes_parity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_set(tmp_path / "checkpoints", SIZES, seed=77)
    write_vectors(tmp_path, MODELS)
    status = main([str(tmp_path), "--only", "networks,samplers"])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "networks: 18 of 18 cases" in printed
    assert "samplers: 3 of 3 cases" in printed
