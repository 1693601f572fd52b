"""What a training changes in this process does not outlive its test."""

from __future__ import annotations

import pytest

from acestep_cli.models import layers


@pytest.fixture(autouse=True)
def attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training puts its own attention in the place of the package's."""
    monkeypatch.setattr(layers, "attend", layers.attend)
