"""What `acestep understand` takes as its source, before anything listens to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acestep_cli import cli
from acestep_cli.audio import Encoding, encode_audio
from acestep_cli.jobs import JobRecord
from acestep_cli.run import texts
from tests.unit.audio.sounds import music


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been listened to."""
    sources: list[Any] = []

    def listen(desk: texts.Desk, source: Any) -> tuple[int, ...]:
        sources.append(source)
        return (1, 2)

    monkeypatch.setattr(texts, "listen", listen)
    return sources


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a job with one song, in the folder where jobs are looked for."""
    monkeypatch.chdir(tmp_path)
    record = JobRecord.create(Path("acestep_output"), ["acestep"])
    song = Path("acestep_output") / f"{record.job_id}_1.wav"
    song.write_bytes(encode_audio(music(1), 48_000, Encoding("wav", bit_depth=16)))
    record.set(items=[{"index": 0, "path": str(song)}])
    record.succeed()
    return record.job_id


def said(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(["understand", "--codes", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize("name", ["{}", "last", "{}_1"])
def test_a_job_is_heard(
    name: str, job: str, heard: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(name.format(job)) == 0
    assert heard == [Path("acestep_output") / f"{job}_1.wav"]
    assert capfd.readouterr().out == "<|audio_code_1|><|audio_code_2|>\n"


def test_the_beginning_of_its_id_is_enough(job: str, heard: list[Any]) -> None:
    assert said(job[:16]) == 0
    assert len(heard) == 1


def test_a_job_elsewhere(job: str, heard: list[Any], tmp_path: Path) -> None:
    (tmp_path / "acestep_output").rename(tmp_path / "elsewhere")
    (tmp_path / "acestep.toml").write_text('output_dir = "elsewhere"\n')
    assert said("last") == 0
    (path,) = heard
    assert path.resolve() == tmp_path / "elsewhere" / f"{job}_1.wav"


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [("20991231-235959-aaaa", 2, "there is no job"), ("missing.wav", 5, "does not exist")],
)
def test_what_is_neither(
    source: str, code: int, words: str, job: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said(source) == code
    assert words in capfd.readouterr().err


def test_codes_are_not_taken_for_jobs(job: str, heard: list[Any]) -> None:
    assert said("1,2,3") == 0
    assert heard == []
