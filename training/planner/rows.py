"""The network behind the rows of the audio codes, found again from rows that were written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from training.loop import Plan, Run, train
from training.planner.network import Planner

PLAN = Plan("rows", steps=2000, rate=1e-2, warmup=50, decay=0.99, weight_decay=0.0)
_BATCH = 4096


def fit_rows(planner: Planner, rows: Tensor) -> None:
    """Give `planner` a network of rows that makes `rows` [64000, width]: within 1 % after `PLAN`.
    That takes twenty seconds, so no state is kept, which might be that of other rows."""
    spread = rows.var(dim=0).mean()

    def draw(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        return torch.randint(len(rows), (_BATCH,), generator=generator)

    def loss(codes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = (planner.code_rows(codes) - rows[codes]).square().mean() / spread
        return error, {"off": error.detach().sqrt()}

    with tempfile.TemporaryDirectory() as state:
        fitted = train(planner.rows, PLAN, draw, loss, Run(Path(state)))
    planner.rows.load_state_dict(fitted.state_dict())
