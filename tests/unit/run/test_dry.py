"""What a dry run tells, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.commands.dry_run import shown
from acestep_cli.commands.making import with_request
from acestep_cli.config import resolve
from acestep_cli.errors import CheckpointMissing, OutputError
from acestep_cli.run import RunSpec, prepare
from acestep_cli.term.output import Result
from tests.unit.run.edited import written

Dry = Callable[..., Result]
KEYS = [
    "request", "origins", "settings", "wishes", "items", "checkpoints", "planner", "hardware",
    "memory", "seeds", "paths", "record", "digest", "adjustments", "notes", "warnings",
]  # fmt: skip


@pytest.fixture
def dry(tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Dry:
    monkeypatch.chdir(tmp_path)

    def nothing(*arguments: object) -> None:
        raise AssertionError("weights are read ahead")

    monkeypatch.setattr(prepare, "prefetch", nothing)

    def run(more: dict[str, Any] | None = None, **flags: Any) -> Result:
        values = {"caption": "warm lofi", "checkpoints": str(checkpoints), **flags}
        resolved = resolve(values, environ={}, cwd=tmp_path)
        return shown(RunSpec(resolved, ("acestep", "generate"), **(more or {})))

    return run


def test_everything_is_told_and_nothing_left(dry: Dry, tmp_path: Path) -> None:
    result = dry(batch_size=2, device="cpu", lyrics="[verse]\nla\x1b[2J la")
    data = result.data
    assert list(data) == KEYS
    assert data["planner"] == "acestep-5Hz-lm-0.6B"
    kinds = [part["kind"] for part in data["checkpoints"]]
    assert kinds == ["planner", "text_encoder", "dit", "vae"]
    assert all(part["bytes"] > 0 and Path(part["path"]).is_dir() for part in data["checkpoints"])
    memory = data["memory"]
    assert set(memory["weights"]) == {"planner", "text_encoder", "dit", "vae"}
    assert 0 < memory["needed"] < memory["free"] <= memory["total"]
    assert data["request"]["inference_steps"] == 8 and data["origins"]["caption"] == "flag"
    assert data["paths"] == ["acestep_output/JOB_1.mp3", "acestep_output/JOB_2.mp3"]
    assert list(tmp_path.iterdir()) == []
    text = "\n".join(result.lines)
    assert "caption          warm lofi" in text and "(flag)" in text
    assert "\x1b" not in text and "loudness" not in text
    assert "acestep_output/JOB.json" in text


def test_drawn_seeds_are_marked(dry: Dry) -> None:
    drawn = [one["drawn"] for one in dry(batch_size=2, no_lm=True).data["seeds"]]
    assert drawn == [True, True]
    assert dry(seed=7, batch_size=2).data["seeds"] == [
        {"seed": 7, "drawn": False},
        {"seed": 8, "drawn": False},
    ]
    mixed = dry(seed="7,-1").data
    assert [one["drawn"] for one in mixed["seeds"]] == [False, True]
    assert f"seed {mixed['seeds'][1]['seed']}, drawn for this job" in mixed["notes"]


def test_sounds_are_read_and_their_values_told(dry: Dry, tmp_path: Path) -> None:
    source = written(tmp_path, "a.wav", "PCM_16")
    data = dry(src_audio=str(source), task_type="repaint", repainting_start=1).data
    assert data["planner"] is None and data["paths"] == ["acestep_output/JOB_1.wav"]
    assert data["items"][0]["metas"]["duration"] == 2.0
    assert not (tmp_path / "acestep_output").exists()


def test_regions_are_told_as_they_are_typed(dry: Dry, tmp_path: Path) -> None:
    source = str(written(tmp_path, "a.wav", "PCM_16"))
    result = dry(src_audio=source, task_type="repaint", regions="0:00.5-1,1.5-", seed="7")
    assert result.data["request"]["regions"] == ["0.5-1", "1.5-"]
    told = [line.split() for line in result.lines]
    assert ["regions", "0.5-1,1.5-", "(flag)"] in told and ["seed", "7", "(flag)"] in told


@pytest.mark.parametrize("codes", [(), (5,) * 25])
def test_songs_without_codes_tell_of_none(
    codes: tuple[int, ...], tmp_path: Path, checkpoints: Path
) -> None:
    resolved = resolve(
        {"caption": "x", "checkpoints": str(checkpoints), "batch_size": 2}, environ={}, cwd=tmp_path
    )
    planned = with_request(resolved, audio_codes=(codes, codes))
    told = "\n".join(shown(RunSpec(planned, ("acestep", "generate"))).lines)
    assert ("2 lists of codes" in told) is bool(codes)


def test_names_with_parts_stay_as_they_are_written(dry: Dry) -> None:
    more = {"output_file": Path("songs/{title}.flac"), "plot_file": Path("a.png")}
    assert dry(more).data["paths"] == ["songs/{title}.flac", "a.png"]
    assert dry({"output_file": Path("/tmp/x.mp3"), "to_stdout": True}).data["paths"] == ["-"]


def test_what_would_stop_the_job_stops_a_dry_run(dry: Dry, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing):
        dry(model="no-such-model")
    (tmp_path / "taken.mp3").touch()
    with pytest.raises(OutputError, match="already exists"):
        dry({"output_file": tmp_path / "taken.mp3"})
    result = dry(duration=5, no_lm=True)
    assert [warning.code for warning in result.warnings] == ["short_duration"]
    assert result.data["warnings"][0]["code"] == "short_duration"
    assert any(line.startswith("warning: ") for line in result.lines)
