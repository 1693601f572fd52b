"""A run that was interrupted ends as one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.loop import Plan, Run, train

PLAN = Plan("line", steps=80, rate=0.1, warmup=5, decay=0.9)


def _run(state: Path, plan: Plan, stop: int | None = None, share: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    line = nn.Linear(3, 1)

    def loss(step: int) -> tuple[Tensor, dict[str, float]]:
        if step == stop:
            raise KeyboardInterrupt
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        return (line(x)[:, 0] - x.sum(1)).square().mean(), {}

    return train(line, plan, loss, Run(state, share))


def test_it_learns_and_is_only_loaded_once_finished(tmp_path: Path) -> None:
    mean = _run(tmp_path, PLAN)
    again = _run(tmp_path, PLAN, stop=0)  # no step is left to be stopped at
    assert torch.equal(again.weight, mean.weight)  # type: ignore[arg-type]
    assert torch.allclose(mean.weight, torch.ones(1, 3), atol=0.5)  # type: ignore[arg-type]


def test_an_interrupted_run_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.loop.SAVE_SECONDS", 0.0)
    whole = _run(tmp_path / "whole", PLAN)
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", PLAN, stop=13)
    resumed = _run(tmp_path / "cut", PLAN)
    assert torch.equal(whole.weight, resumed.weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "steps"), [(1.0, 80), (0.25, 20), (1e-6, 1)])
def test_a_trial_takes_a_share_of_the_steps(share: float, steps: int, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", PLAN, stop=steps - 1, share=share)
    _run(tmp_path, PLAN, stop=steps, share=share)
    assert torch.load(tmp_path / "line.pt", weights_only=True)["step"] == steps
