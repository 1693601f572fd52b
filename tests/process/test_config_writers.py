"""Many who change the settings at once, and some who are killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.process.settings_home import Home

WRITERS, SETS = 8, 5
# Sets keys of its own one after the other, each as the command does.
WRITER = """
import sys
from acestep_cli.cli import main
for pair in sys.argv[1:]:
    try:
        main(["config", "--set", *pair.split("=")])
    except SystemExit as left:
        if left.code:
            raise
"""


@pytest.fixture
def config(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_two_writers_lose_nothing(config: Home) -> None:
    """Eight processes set five keys each at the same time, in one file with comments."""
    config.write("# Mine.\n\n[presets.fine]\nsteps = 20\n")
    numbers = [
        "bpm=90", "shift=2.0", "lm_top_p=0.8", "lm_temperature=0.7", "lm_cfg_scale=1.5",
        "inference_steps=7", "guidance_scale=6.0", "batch_size=2", "thinking=false", "use_adg=true",
        "duration=60.0", "lm_top_k=5", "retake_variance=0.5", "latent_shift=0.5",
        "latent_rescale=0.9", "audio_cover_strength=0.5", "cfg_interval_end=0.9",
        "cfg_interval_start=0.1", "velocity_ema_factor=0.5", "dcw_scaler=0.1",
    ]  # fmt: skip
    texts = [
        "caption=a", "global_caption=b", "instruction=c", "keyscale=C major", "vocal_language=de",
        "infer_method=sde", "sampler_mode=heun", "audio_format=flac", "dcw_mode=low",
        "repaint_mode=balanced", "lm_negative_prompt=d", "dcw_wavelet=db4", "lyrics=e",
        "device=cpu", "dtype=float32", "threads=2", "api_mode=completion", "api_key=f",
        "lm_quantization=int8", "output_dir=g",
    ]  # fmt: skip
    pairs = [*numbers, *texts]
    assert len(pairs) == WRITERS * SETS
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, *pairs[first::WRITERS]],
            cwd=config.folder, env=config.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for first in range(WRITERS)
    ]  # fmt: skip
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.count("Set ") == SETS
    text = config.file.read_text()
    table = tomllib.loads(text)
    assert text.startswith("# Mine.\n\n") and table.pop("presets") == {"fine": {"steps": 20}}
    flat = {**table.pop("generation"), **table}
    assert len(flat) == len(pairs)
    for pair in pairs:
        key, value = pair.split("=")
        written = flat[key]
        assert (str(written).lower() if isinstance(written, bool) else str(written)) == value
    assert [path.name for path in config.file.parent.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_killed_writers_leave_a_whole_file_and_nothing_else(config: Home) -> None:
    config.write("# Mine.\nbpm = 90\n")
    pairs = [f"bpm={90 + number % 100}" for number in range(400)]
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, *pairs],
            cwd=config.folder, env=config.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        text = config.file.read_text()
        assert text.startswith("# Mine.\nbpm = ") and 90 <= tomllib.loads(text)["bpm"] < 190
    config("--set", "shift", "2")
    assert tomllib.loads(config.file.read_text())["generation"] == {"shift": 2.0}
    assert [path.name for path in config.file.parent.iterdir()] == ["config.toml"]
