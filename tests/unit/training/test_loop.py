"""A run that was interrupted ends as one that was not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.loop import Plan, Run, _rate, train

PLAN = Plan("line", steps=80, rate=0.1, warmup=5, decay=0.9)


def _run(
    state: Path, plan: Plan, stop: int | None = None, share: float = 1.0, workers: int = 0
) -> nn.Module:
    torch.manual_seed(0)
    line = nn.Linear(3, 1)

    def draw(step: int) -> Tensor:
        if step == stop:
            raise KeyboardInterrupt
        return torch.randn(16, 3, generator=torch.Generator().manual_seed(step))

    def loss(x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = (line(x)[:, 0] - x.sum(1)).square()
        return error.mean(), {"largest": error.max()}

    return train(line, plan, draw, loss, Run(state, share, workers=workers))


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


def test_batches_made_ahead_are_the_same(tmp_path: Path) -> None:
    alone, ahead = (_run(tmp_path / str(workers), PLAN, workers=workers) for workers in (0, 2))
    assert torch.equal(alone.weight, ahead.weight)  # type: ignore[arg-type]


def test_the_log_tells_running_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, replace(PLAN, steps=51))
    first, last = (line.split() for line in capsys.readouterr().out.splitlines())
    assert first[:3] == ["line", "0/51", "largest"] and last[1] == "50/51"
    assert 0 < float(last[5]) < float(first[5])  # the loss
    assert float(last[3]) >= float(last[5])


@pytest.mark.parametrize(
    ("share", "stretch", "steps"),
    [(1.0, 1, 80), (0.25, 1, 20), (1e-6, 1, 1), (0.25, 3, 60), (0.25, 8, 80), (1.0, 8, 80)],
)
def test_a_trial_takes_a_share_of_the_steps(
    share: float, stretch: float, steps: int, tmp_path: Path
) -> None:
    plan = replace(PLAN, stretch=stretch)
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "cut", plan, stop=steps - 1, share=share)
    _run(tmp_path, plan, stop=steps, share=share)
    assert torch.load(tmp_path / "line.pt", weights_only=True)["step"] == steps


def test_the_rate_rises_and_falls_and_once_more_from_its_half() -> None:
    once = [_rate(PLAN, step) for step in range(PLAN.steps)]
    assert once[0] == pytest.approx(PLAN.rate / PLAN.warmup)
    assert max(once) == pytest.approx(PLAN.rate, rel=0.01)
    assert once[5:] == sorted(once[5:], reverse=True)
    assert once[-1] == pytest.approx(PLAN.rate / 100)

    plan = replace(PLAN, steps=100, restart=PLAN.steps)
    twice = [_rate(plan, step) for step in range(plan.steps)]
    assert twice[: PLAN.steps] == once
    late = twice[PLAN.steps :]
    assert late[0] == pytest.approx(PLAN.rate / 2)
    assert late == sorted(late, reverse=True)
    assert late[-1] == pytest.approx(PLAN.rate / 200)


@pytest.mark.parametrize(("share", "restart"), [(1e-6, 1), (0.01, 8), (0.3, 240), (1.0, 800)])
def test_a_trial_begins_the_second_fall_at_its_share(share: float, restart: int) -> None:
    plan = Run(Path(), share).part_of(replace(PLAN, steps=1000, restart=800))
    assert plan.restart == restart
    assert all(0 < _rate(plan, step) <= plan.rate for step in range(plan.steps))
