"""What every test stands on: a private home, no settings of the machine's user, few threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Several test processes share the cores: threads that wait for each other only get in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more about the machine than about the code, and what has passed
# once passes again: new examples are for whoever looks for mistakes, with --hypothesis-profile=new.
settings.register_profile("untimed", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("untimed")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps a test from reading or writing the user's settings, caches and checkpoints."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("ACESTEP_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ACESTEP_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(home / "hub"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return home


@pytest.fixture
def demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny set that stands, in this process, where the package has its demonstration."""
    from acestep_cli.weights import places
    from tests.demo_set import build_demonstration

    root = build_demonstration(tmp_path / "demonstration")
    monkeypatch.setattr(places, "_DEMO", root)
    return root


@pytest.fixture
def checkpoints() -> Path:
    """A folder of tiny checkpoints in the published layout: turbo, base, XL."""
    return GOLDEN / "checkpoints"
