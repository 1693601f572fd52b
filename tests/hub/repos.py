"""Repositories for the loopback hub: the tiny checkpoints laid out as the published ones are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.hub.server import folder_files

GOLDEN = Path(__file__).parents[1] / "golden" / "checkpoints"
BUNDLE = "ACE-Step/Ace-Step1.5"
BUNDLED = ("acestep-v15-turbo", "vae", "Qwen3-Embedding-0.6B")
# What lies beside the files that are read, and must never be fetched.
CLUTTER = {"modeling_acestep_v15_turbo.py": b"print('never run')\n", "README.md": b"# read me\n"}

Repos = dict[str, dict[str, bytes]]


def golden(*names: str) -> Repos:
    """Repositories with these checkpoints, the bundled ones in one; all of them by default."""
    repos: Repos = {}
    for name in names or (*BUNDLED, "acestep-v15-base", "acestep-5Hz-lm-0.6B"):
        prefix = f"{name}/" if name in BUNDLED else ""
        repo = repos.setdefault(BUNDLE if prefix else f"ACE-Step/{name}", dict(CLUTTER))
        repo |= folder_files(GOLDEN / name, prefix)
        repo |= {f"{prefix}{path}": content for path, content in CLUTTER.items()}
    return repos


def contents(repos: Mapping[str, Mapping[str, bytes]], name: str) -> dict[str, bytes]:
    """The files of a checkpoint by their names in its folder, clutter included."""
    if name not in BUNDLED:
        return dict(repos[f"ACE-Step/{name}"])
    files = repos[BUNDLE]
    return {
        path.removeprefix(f"{name}/"): content
        for path, content in files.items()
        if path.startswith(f"{name}/")
    }


def is_part_of(folder: Path, source: Mapping[str, bytes]) -> bool:
    """Whether every file that shows in `folder` is whole and right, and nothing else is there."""
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return all(source.get(path.name) == path.read_bytes() for path in files)
