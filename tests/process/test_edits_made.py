"""Each command of an edit from the command line to a file, with the tiny golden checkpoints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from acestep_cli import cli
from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run
from tests.unit.audio.sounds import music

RATE, SECONDS = 44_100, 1.5
COMMON = [
    "--device", "cpu", "--dtype", "float32", "--steps", "2", "--seed", "7",
    "--checkpoints", str(GOLDEN / "checkpoints"),
]  # fmt: skip
Go = Callable[..., dict[str, Any]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.flac"
    soundfile.write(path, 0.5 * music(SECONDS, rate=RATE).T, RATE, subtype="PCM_16")
    return path


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Go:
    """The record of a command that is run here, with the command line's own `main`."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def caller(verb: str, *arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as left:
            cli.main([verb, *COMMON, *arguments, "--json"])
        captured = capfd.readouterr()
        assert left.value.code == 0, captured.err
        record: dict[str, Any] = json.loads(captured.out)["data"]
        return record

    return caller


def heard(record: dict[str, Any], item: int = 0) -> tuple[Path, Any]:
    """File and samples [n, C] of an item."""
    path = Path(record["items"][item]["path"])
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == RATE
    return path, samples


@pytest.mark.parametrize(
    ("command", "options", "seconds"),
    [
        ("cover", ["choir", "--strength", "0.5"], SECONDS),
        ("cover", ["choir", "--faithful", "--noise-strength", "0.4"], SECONDS),
        ("repaint", ["piano", "--from", "0.5", "--to", "1"], SECONDS),
        ("extend", ["--after", "0.5", "--before", "0:00.5"], SECONDS + 1),
        ("extract", ["vocals", "--guidance", "2"], SECONDS),
        ("lego", ["lead", "--track", "guitar", "--mix"], SECONDS),
        ("complete", ["rock", "--track", "drums", "--track", "bass,guitar"], SECONDS),
        ("morph", ["organ", "--from-caption", "piano", "--n-max", "0.7"], SECONDS),
    ],
)
def test_each_command(
    go: Go, source: Path, command: str, options: list[str], seconds: float
) -> None:
    before = source.read_bytes()
    record = go(command, str(source), *options)
    path, samples = heard(record)
    assert record["status"] == "succeeded" and record["command"][1] == command
    assert path.suffix == ".flac" and path.parent == Path("acestep_output")
    assert samples.shape == (round(seconds * RATE), 2)
    assert np.abs(samples).max() > 0 and source.read_bytes() == before
    assert record["items"][0]["lm_metadata"] is None
    planned = {"extract", "lego", "complete"}
    model = "acestep-v15-base" if command in planned else "acestep-v15-turbo"
    assert model in [part["name"] for part in record["checkpoints"]]


def test_what_is_kept_is_kept(go: Go, source: Path) -> None:
    original = soundfile.read(source, dtype="int16", always_2d=True)[0]
    _, painted = heard(go("repaint", str(source), "x", "--region", "0.2-0.4", "--region", "1-1.2"))
    changed = np.flatnonzero((painted != original).any(axis=1)) / RATE
    assert ((changed > 0.199) & (changed < 0.401) | (changed > 0.999) & (changed < 1.201)).all()
    assert len(changed) > 0.3 * RATE
    _, longer = heard(go("extend", str(source), "x", "--before", "0.5"))
    assert (longer[RATE // 2 :] == original).all() and np.abs(longer[: RATE // 2]).max() > 0


def test_several_tracks_and_songs_have_files_of_their_own(go: Go, source: Path) -> None:
    record = go("extract", str(source), "vocals", "drums", "--batch", "2")
    names = [Path(item["path"]).name.split("_", 1)[1] for item in record["items"]]
    assert names == ["1_vocals.flac", "2_drums.flac", "3_vocals.flac", "4_drums.flac"]
    assert [item["seed"] for item in record["items"]] == [7, 7, 8, 8]
    alone = go("extract", str(source), "drums", "--seed", "8")
    assert (heard(alone)[1] == heard(record, 3)[1]).all()


def test_a_song_of_an_earlier_job_brings_its_words(go: Go) -> None:
    words = ["lofi", "--no-lm", "--duration", "1.6", "--bpm", "90", "--lyrics", "la la"]
    made = go("generate", *words, "--save-latents", "--audio-format", "flac")
    record = go("cover", made["job_id"], "--strength", "0.9")
    request, origins = record["request"], record["origins"]
    assert (request["caption"], request["lyrics"], request["bpm"]) == ("lofi", "la la", 90)
    assert origins["caption"] == origins["bpm"] == "source" and origins["seed"] == "flag"
    other = go("cover", made["job_id"], "jazz", "--bpm", "80")["request"]
    assert (other["caption"], other["lyrics"], other["bpm"]) == ("jazz", "la la", 80)


def test_a_planner_that_listens_writes_metadata_and_no_codes(go: Go, source: Path) -> None:
    (item,) = go("cover", str(source), "choir", "--thinking", "--bpm", "77")["items"]
    assert item["metas"]["bpm"] == 77 and item["metas"]["keyscale"]
    assert item["lm_metadata"] and not item["audio_codes"]


def test_a_setting_that_says_thinking_is_meant_for_new_songs(go: Go, source: Path) -> None:
    Path("acestep.toml").write_text("[generation]\nthinking = true\n", encoding="utf-8")
    record = go("cover", str(source), "choir", "--cot-caption")
    assert record["items"][0]["lm_metadata"] is None
    assert "acestep-5Hz-lm-0.6B" not in [part["name"] for part in record["checkpoints"]]
    assert "use_cot_caption has no effect" in record["warnings"][0]["message"]


def test_a_pipe_of_two(tmp_path: Path, source: Path) -> None:
    words = ["cover", "-", "choir", "-o", "cover.wav", *COMMON]
    done = subprocess.run(
        acestep(*words), cwd=tmp_path, env=environment(tmp_path), input=source.read_bytes(),
        capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"cover.wav\n"), done.stderr
    again = run(acestep("cover", "cover.wav", "--force", "-o", "cover.wav", *COMMON), tmp_path)
    assert again.returncode == 6 and "never written over" in again.stderr
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["cover.wav"]
