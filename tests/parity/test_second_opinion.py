"""A set with other widths, depths and head counts, judged by diffusers and transformers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from acestep_cli.demo.sizes import DitSizes, QwenSizes, Sizes, StackSizes, VaeSizes
from acestep_cli.demo.tiny import build_qwen, build_set
from acestep_cli.pipeline.grammar import Allowed
from tests.parity import lm_forward
from tests.parity.__main__ import main
from tests.parity.second_opinion import write_planner, write_vectors
from tests.unit.pipeline.writing import ListRun, write

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
# A head of its own, names with `model.` in front, and query rows that are not as wide as the rest.
PLANNERS = {
    "acestep-5Hz-lm-1.7B": QwenSizes(
        StackSizes(width=72, mlp=104, heads=6, kv_heads=1, head_dim=16),
        layers=3,
        audio_codes=9,
        is_tied=False,
        model_prefix=True,
    ),
    "acestep-5Hz-lm-0.6B": QwenSizes(
        StackSizes(width=40, mlp=56, heads=4, kv_heads=4, head_dim=8), layers=2, audio_codes=9
    ),
}
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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PLANNERS)
def test_planners_of_other_sizes_score_and_write_as_transformers_does(
    tmp_path: Path, name: str
) -> None:
    build_qwen(tmp_path / "checkpoints" / name, PLANNERS[name], seed=5, dtype="F32")
    prompt, expected = write_planner(tmp_path, name, tokens=24)
    cases = lm_forward.cases(tmp_path)
    failed = [check for case in cases for check in case.run() if not check.passed]
    assert [case.name for case in cases] == ["forward_padded", "forward_single"]
    assert not failed, failed
    for plain in (True, False):
        language = lm_forward.planner(tmp_path, plain=plain)
        decoder = language.decoder(1, len(prompt) + 24)
        run = ListRun(Allowed(torch.arange(language.config.vocabulary)))
        written = write(decoder, run, prompts=[prompt], limit=24, ends=())
        assert written.tokens == tuple(expected)
