"""What no golden case holds: a song that was invented before it was planned."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.parity.planned import request_of

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def run() -> dict[str, Any]:
    """A recorded call that invents a song, and what came of it."""
    traces = json.loads((GOLDEN / "lm" / "generation_traces.json").read_text("utf-8"))
    found: list[dict[str, Any]] = traces["runs"]
    return next(run for run in found if run["name"] == "create_sample_greedy")


@torch.no_grad()
def test_what_was_invented_is_written_anew_and_becomes_the_request(run: dict[str, Any]) -> None:
    entry = {
        "create_sample": {"query": "anything", "override": {"duration": 5.4}},
        "generation_params": {"thinking": True},
        "lm_calls": run["calls"],
    }
    asked, checks = request_of(GOLDEN, entry)
    told = run["result"]["metadata"]
    same = ("caption", "lyrics", "bpm", "keyscale", "timesignature")
    assert asked == {name: told[name] for name in same} | {"duration": 5.4, "thinking": True}
    assert checks
    assert all(check.passed for check in checks)

    entry["generation_params"] = {"caption": "calm", "duration": 7}
    assert request_of(GOLDEN, entry)[0] == {"caption": "calm", "duration": 7}

    entry["lm_calls"] = copy.deepcopy(run["calls"])
    entry["lm_calls"][0]["ids"][-2] += 1
    assert not all(check.passed for check in request_of(GOLDEN, entry)[1])
