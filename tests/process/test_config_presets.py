"""Presets of the package with whatever is installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.process.programs import ROOT, acestep, environment, run

GOLDEN = ROOT / "tests" / "golden" / "checkpoints"
SHARED = ("vae", "Qwen3-Embedding-0.6B")
TURBO, BASE = "acestep-v15-turbo", "acestep-v15-base"


def planned(folder: Path, *words: str, installed: tuple[str, ...]) -> dict[str, Any]:
    """What would be made with `words` where only `installed` is there."""
    for name in (*SHARED, *installed):
        if not (folder / "checkpoints" / name).exists():
            shutil.copytree(GOLDEN / name, folder / "checkpoints" / name)
    command = acestep("generate", "x", "--no-lm", "--duration", "10", "--dry-run", "--json", *words)
    env = environment(folder, ACESTEP_HOME=str(folder / "home"), OMP_NUM_THREADS="1")
    done = run(command, folder, env=env)
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    assert not data["warnings"]
    return data


@pytest.mark.parametrize(
    ("preset", "installed", "taken", "values"),
    [
        ("quality", (TURBO, BASE), BASE, {"inference_steps": 64, "use_adg": True}),
        ("quality", (TURBO,), TURBO, {"inference_steps": 8, "use_adg": False}),
        ("draft", (TURBO, BASE), TURBO, {"inference_steps": 8, "shift": 3.0}),
        ("draft", (BASE,), BASE, {"inference_steps": 32, "thinking": False}),
        ("consistent", (TURBO, BASE), TURBO, {"lm_temperature": 0.7, "seed": [7]}),
    ],
)
def test_a_preset_takes_what_suits_it_best(
    tmp_path: Path, preset: str, installed: tuple[str, ...], taken: str, values: dict[str, Any]
) -> None:
    data = planned(tmp_path, "--preset", preset, installed=installed)
    assert taken in [checkpoint["name"] for checkpoint in data["checkpoints"]]
    assert {name: data["request"][name] for name in values} == values
    assert data["request"]["audio_format"] == ("flac" if preset == "quality" else "mp3")


def test_what_is_typed_beats_the_preset(tmp_path: Path) -> None:
    words = ("--preset", "quality", "--model", TURBO)
    data = planned(tmp_path, *words, installed=(TURBO, BASE))
    assert TURBO in [checkpoint["name"] for checkpoint in data["checkpoints"]]
    assert data["request"]["inference_steps"] == 8
    words = ("--preset", "quality", "--steps", "40")
    data = planned(tmp_path, *words, installed=(TURBO, BASE))
    assert data["request"]["inference_steps"] == 40 and data["request"]["guidance_scale"] == 7.0
