"""`acestep replay`: the same bytes, the changes that were typed, and what `--verify` finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import GOLDEN
from tests.process.programs import acestep, run
from tests.process.test_answers import one_object

CHECKPOINTS = ("--checkpoints", str(GOLDEN / "checkpoints"))
SONG = ("--no-lm", "--duration", "10", "--steps", "2", *CHECKPOINTS)


def songs(folder: Path) -> list[Path]:
    return sorted((folder / "acestep_output").glob("*.mp3"))


def newest(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = one_object(run(acestep("status", "last", "--json"), folder).stdout)[
        "data"
    ]
    return values


def test_songs_come_again(tmp_path: Path) -> None:
    run(acestep("generate", "warm lofi", "--batch", "2", *SONG), tmp_path)
    first, before = newest(tmp_path), songs(tmp_path)
    assert run(acestep("replay", "last", "-q"), tmp_path).returncode == 0
    again = newest(tmp_path)
    assert again["job_id"] != first["job_id"] and again["digest"] == first["digest"]
    for path, made in zip(before, again["audio_paths"], strict=True):
        assert path.read_bytes() == (tmp_path / made).read_bytes()
    # The same name for the newest job, which is the replay now.
    count = len(songs(tmp_path))
    verified = run(acestep("replay", first["job_id"], "--verify"), tmp_path)
    assert (verified.returncode, verified.stdout.split()) == (0, first["audio_paths"])
    assert len(songs(tmp_path)) == count, "what is the same is not kept twice"
    assert newest(tmp_path)["job_id"] == again["job_id"]
    before[1].write_bytes(before[1].read_bytes()[:-1] + b"!")
    done = run(acestep("replay", first["job_id"], "--verify", "--json"), tmp_path)
    values = one_object(done.stdout)
    assert (done.returncode, values["error"]["code"]) == (9, "differs")
    assert "song 2" in values["error"]["message"] and before[1].name in values["error"]["message"]
    assert len(songs(tmp_path)) == count + 2, "what differs is kept"
    assert newest(tmp_path)["status"] == "succeeded"


WRONG = [
    (["--verify", "--seed", "9"], 2, "and --seed would change it"),
    (["--verify", "--dry-run"], 2, "and --dry-run would change it"),
    (["--verify", "-o", "new.wav"], 2, "and -o would change it"),
    (["--verify", "--output=new.wav", "--no-thinking"], 2, "and --no-thinking, --output would"),
    (["--verify"], 5, "has no audio"),
    (["--seed", "x"], 2, "seed"),
    (["--bpm", "9999"], 2, "bpm"),
    (["--preset", "nope"], 2, "nope"),
]


def test_what_cannot_be(tmp_path: Path) -> None:
    run(acestep("generate", "x", "--plan-only", *SONG), tmp_path)
    before = sorted((tmp_path / "acestep_output").iterdir())
    for arguments, code, told in WRONG:
        done = run(acestep("replay", "last", *arguments), tmp_path)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert told in done.stderr
    assert sorted((tmp_path / "acestep_output").iterdir()) == before


def test_what_would_be_made_again(tmp_path: Path) -> None:
    run(acestep("generate", "warm lofi", "--plan-only", "--batch", "2", *SONG), tmp_path)
    record = newest(tmp_path)
    done = run(acestep("replay", "last", "--steps", "3", "--dry-run", "--json"), tmp_path)
    data = one_object(done.stdout)["data"]
    seeds = [item["seed"] for item in record["items"]]
    assert data["seeds"] == [{"seed": seed, "drawn": False} for seed in seeds]
    assert data["request"]["inference_steps"] == 3 and data["origins"]["inference_steps"] == "flag"
    assert data["request"]["caption"] == "warm lofi" and data["planner"] is None
    assert len(list((tmp_path / "acestep_output").iterdir())) == 1
    record = json.loads(Path(tmp_path / "acestep_output" / f"{record['job_id']}.json").read_text())
    assert record["wishes"] == [] and record["exit_code"] == 0


def test_a_sound_that_was_moved_is_named_where_it_lies_now(tmp_path: Path) -> None:
    source, moved, other = (tmp_path / name for name in ("a.mp3", "b.mp3", "c.mp3"))
    with source.open("wb") as sink:
        run(acestep("generate", "warm lofi", "-o", "-", *SONG), tmp_path, stdout=sink)
    done = run(acestep("replay", "last", "--verify"), tmp_path)
    assert done.returncode == 5 and "it went to stdout" in done.stderr
    cover = acestep("cover", source.name, "piano", "--no-lm", "--steps", "2", *CHECKPOINTS)
    job = Path(run(cover, tmp_path).stdout.strip()).stem.removesuffix("_1")
    source.rename(moved)
    done = run(acestep("replay", job, "--dry-run"), tmp_path)
    assert done.returncode == 5 and "--src-audio" in done.stderr
    done = run(acestep("replay", job, "--verify", "--src-audio", moved.name), tmp_path)
    assert done.returncode == 0, done.stderr
    other.write_bytes(songs(tmp_path)[0].read_bytes())
    done = run(acestep("replay", job, "--verify", "--src-audio", other.name), tmp_path)
    assert done.returncode == 9 and "src_audio is not the sound" in done.stderr
