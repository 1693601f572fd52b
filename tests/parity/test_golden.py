"""Every golden case, one test each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity import end_to_end, handler, lm, networks, samplers
from tests.parity.base import Case, relative

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = [
    *networks.cases(GOLDEN),
    *samplers.cases(GOLDEN),
    *handler.cases(GOLDEN),
    *lm.cases(GOLDEN),
    *end_to_end.cases(GOLDEN),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.family}-{case.name}")
def test_golden(case: Case) -> None:
    checks = case.run()
    assert checks
    failed = [check for check in checks if not check.passed]
    assert not failed, failed


def test_a_wrong_number_fails() -> None:
    import torch

    golden = torch.linspace(-1, 1, 50)
    assert relative("x", golden, golden, 1e-6).passed
    assert not relative("x", golden + 1e-4, golden, 1e-6).passed
    assert not relative("x", golden[:-1], golden, 1e-6).passed
    assert not relative("x", golden * float("nan"), golden, 1e-6).passed
