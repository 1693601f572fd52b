"""Edits as people run them: a real process, a real file, and what is left of it afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run

FAST = ["--steps", "2", "--seed", "7", "--checkpoints", str(GOLDEN / "checkpoints")]
FAST += ["--device", "cpu", "--dtype", "float32", "--json", "--quiet"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    time = np.arange(66_150) / 44_100
    soundfile.write(path, 0.3 * np.sin(2000 * time + np.sin(9 * time)), 44_100, subtype="PCM_16")
    return path


def done(tmp_path: Path, *arguments: str, **more: Any) -> dict[str, Any]:
    finished = run(acestep(*arguments, *FAST), tmp_path, **more)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    record: dict[str, Any] = json.loads(finished.stdout)["data"]
    return record


def integers(path: Path) -> np.ndarray[Any, Any]:
    samples: np.ndarray[Any, Any] = soundfile.read(path, dtype="int16")[0]
    return samples


def test_repainting_a_mono_file_of_another_rate(tmp_path: Path, source: Path) -> None:
    before = source.read_bytes()
    record = done(tmp_path, "repaint", "song.wav", "piano", "--from", "0.5", "--to", "1.0")
    after = tmp_path / record["audio_paths"][0]
    info = soundfile.info(after)
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_16")
    different = integers(source) != integers(after)
    assert different[22_050:44_100].mean() > 0.9
    different[22_050:44_100] = False
    assert not different.any() and source.read_bytes() == before
    assert {"listen", "compose", "render", "write"} <= set(record["time_costs"])
    # Once more, of the job that this was: what it said is what this one says.
    again = done(tmp_path, "repaint", record["job_id"], "--from", "0:01.2")
    assert again["items"][0]["metas"]["caption"] == "piano"
    same = integers(after)[:52_920] == integers(tmp_path / again["audio_paths"][0])[:52_920]
    assert same.all()


def test_a_source_on_stdin_is_the_file_that_it_comes_from(tmp_path: Path, source: Path) -> None:
    named = done(tmp_path, "extend", "song.wav", "--after", "0.5")
    with source.open("rb") as stream:
        piped = done(
            tmp_path, "extend", "-", "--after", "0.5", stdin=stream, env=environment(tmp_path)
        )
    paths = [tmp_path / record["audio_paths"][0] for record in (named, piped)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert named["digest"] == piped["digest"]
    assert np.array_equal(integers(paths[0])[:66_150], integers(source))
    assert len(integers(paths[0])) == 66_150 + 22_050


def test_a_source_is_never_written_over(tmp_path: Path, source: Path) -> None:
    before = source.read_bytes()
    failed = run(acestep("repaint", "song.wav", "-o", "song.wav", "--force", *FAST), tmp_path)
    error = json.loads(failed.stdout)["error"]
    assert failed.returncode == 6 and error["code"] == "is_source"
    assert source.read_bytes() == before and list(tmp_path.glob("acestep_output/*")) == []
