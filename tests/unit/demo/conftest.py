"""One tiny set, built once for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acestep_cli.demo.tiny import build_set


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny set of seed 0."""
    return build_set(tmp_path_factory.mktemp("demo") / "set")
