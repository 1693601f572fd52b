"""Commands that let the planner think, as processes, with the small trained planner."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GOLDEN
from tests.process.programs import acestep, environment, run

CHECKPOINTS = GOLDEN / "checkpoints"
PLANNER = "acestep-5Hz-lm-0.6B"
FAST = ["--device", "cpu", "--dtype", "float32"]
SHORT = ["--duration", "2", "--steps", "2", "--seed", "7"]


def plan_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (item,) = json.loads(done.stdout)["items"]
    planned: dict[str, Any] = item
    return planned


def record_in(folder: Path) -> dict[str, Any]:
    newest = max((folder / "acestep_output").glob("*.json"), key=lambda path: path.stat().st_mtime)
    loaded: dict[str, Any] = json.loads(newest.read_text("utf-8"))
    return loaded


@pytest.fixture
def go(tmp_path: Path) -> Any:
    def run_here(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return run(acestep(*arguments, *FAST, "--checkpoints", str(CHECKPOINTS)), tmp_path, **more)

    return run_here


@pytest.fixture
def without_planner(tmp_path: Path) -> list[str]:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in CHECKPOINTS.iterdir():
        if part.name != PLANNER:
            (folder / part.name).symlink_to(part)
    return [*FAST, "--checkpoints", str(folder)]


def test_a_thought_through_song_and_its_record(go: Any, tmp_path: Path) -> None:
    done = go("generate", "lofi hip hop, rainy night", *SHORT)
    assert done.returncode == 0, done.stderr
    record = record_in(tmp_path)
    (item,) = record["items"]
    metas = item["metas"]
    assert metas["duration"] == 2.0 and metas["caption"] != "lofi hip hop, rainy night"
    assert all(metas[name] for name in ("bpm", "keyscale", "timesignature", "language"))
    assert item["lm_metadata"]["bpm"] == metas["bpm"]
    assert item["audio_codes"].count("<|audio_code_") == 10
    assert PLANNER in [part["name"] for part in record["checkpoints"]]
    assert record["time_costs"]["plan"] > 0
    assert metas["caption"] in done.stderr and f"{metas['bpm']} bpm" in done.stderr
    assert done.stdout == f"acestep_output/{record['job_id']}_1.mp3\n"


def test_a_plan_given_back_is_the_same_song(go: Any, tmp_path: Path) -> None:
    words = ["generate", "lofi", "--lyrics", "[verse]\nhold the light", *SHORT]
    assert go(*words, "-o", "whole.wav").returncode == 0
    record = next((tmp_path / "acestep_output").glob("*.json"))
    planned = go(*words, "--plan-only")
    assert plan_of(planned)["audio_codes"]
    assert record_in(tmp_path)["audio_paths"] == []
    (tmp_path / "plan.json").write_text(planned.stdout, "utf-8")
    for source in ("plan.json", str(record), "-"):
        piped = {"input": planned.stdout} if source == "-" else {}
        done = go(
            "generate", "--plan", source, "--steps", "2", "-o", "again.wav", "--force", **piped
        )
        assert done.returncode == 0, done.stderr
        assert "plan:" in done.stderr and "plan done" not in done.stderr  # nothing is thought anew
        whole, again = (_sound(tmp_path / name) for name in ("whole.wav", "again.wav"))
        assert whole == again


def test_what_a_plan_lacks_is_planned_and_what_is_typed_wins(go: Any, tmp_path: Path) -> None:
    plan = {"caption": "slow folk", "bpm": 70, "Key": "Am", "language": "de"}
    (tmp_path / "plan.json").write_text(json.dumps(plan), "utf-8")
    item = plan_of(go("generate", "--plan", "plan.json", "--bpm", "90", *SHORT, "--plan-only"))
    metas = item["metas"]
    assert (metas["caption"], metas["bpm"], metas["keyscale"]) == ("slow folk", 90, "A minor")
    assert metas["language"] == "de" and metas["timesignature"] and item["audio_codes"]


def test_a_plan_of_two_songs(go: Any, tmp_path: Path) -> None:
    two = {"items": [{"caption": "a", "seed": 3, "codes": [1, 2, 3]}, {"caption": "b", "bpm": 99}]}
    (tmp_path / "plan.json").write_text(json.dumps(two), "utf-8")
    done = go("generate", "--plan", "plan.json", "--plan-only", "--duration", "2")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["items"]
    assert first["seed"] == 3 and first["audio_codes"].count("code") == 3
    (tmp_path / "few.json").write_text('{"caption": "x", "codes": [1]}', "utf-8")
    few = plan_of(go("generate", "--plan", "few.json", "--no-lm", "--plan-only"))
    assert few["metas"]["duration"] == 1.0  # what no plan could say would not be taken back
    assert second["metas"]["bpm"] == 99 and second["audio_codes"].count("code") == 10
    wrong = go("generate", "--plan", "plan.json", "--batch", "3")
    assert wrong.returncode == 2 and "holds 2 songs" in wrong.stderr


def test_no_thinking_writes_metadata_alone_and_no_lm_nothing(go: Any, tmp_path: Path) -> None:
    item = plan_of(go("generate", "lofi", "--no-thinking", *SHORT, "--plan-only"))
    assert item["audio_codes"] is None and item["metas"]["bpm"]
    done = go("generate", "lofi", "--no-lm", *SHORT, "--json")
    record = json.loads(done.stdout)["data"]
    (item,) = record["items"]
    assert item["lm_metadata"] is None and item["metas"]["bpm"] is None
    assert PLANNER not in [part["name"] for part in record["checkpoints"]]


def test_an_item_of_a_batch_is_the_song_that_it_is_alone(go: Any, tmp_path: Path) -> None:
    words = ["generate", "lofi", "--duration", "2", "--steps", "2"]
    assert go(*words, "--seed", "7", "--batch", "2", "-o", "both.wav").returncode == 0
    assert go(*words, "--seed", "8", "-o", "alone.wav").returncode == 0
    assert _sound(tmp_path / "both_2.wav") == _sound(tmp_path / "alone.wav")
    assert _sound(tmp_path / "both_1.wav") != _sound(tmp_path / "alone.wav")


def test_a_description_becomes_a_song(go: Any) -> None:
    item = plan_of(
        go("generate", "-d", "a cheerful song about spring in Italian", *SHORT, "--plan-only")
    )
    metas = item["metas"]
    assert metas["caption"] and metas["lyrics"] and metas["language"] == "it"
    instrumental = plan_of(go("generate", "-d", "rain", "--instrumental", *SHORT, "--plan-only"))
    assert instrumental["metas"]["lyrics"] == "[Instrumental]"


def test_a_random_song_is_drawn_by_seed(go: Any, tmp_path: Path) -> None:
    shown = go("random", "--seed", "7", "--print")
    assert shown.returncode == 0 and len(shown.stdout.splitlines()) == 1
    assert go("random", "--seed", "7", "--print").stdout == shown.stdout
    assert go("random", "--seed", "8", "--print").stdout != shown.stdout
    done = go("random", *SHORT, "--plan-only")
    assert plan_of(done)["metas"]["caption"]
    assert f"note: idea: {shown.stdout}" in done.stderr


def test_a_random_song_without_a_planner_is_a_complete_example(
    tmp_path: Path, without_planner: list[str]
) -> None:
    asked = ["random", "--language", "ja", *SHORT, *without_planner]
    done = run(acestep(*asked, "--json"), tmp_path)
    assert done.returncode == 0, done.stderr
    metas = json.loads(done.stdout)["data"]["items"][0]["metas"]
    assert metas["language"] == "ja" and metas["lyrics"] and metas["bpm"]
    assert metas["duration"] == 2.0
    assert "idea:" not in done.stderr  # nobody thinks it through
    shown = run(acestep(*asked, "--print", "--no-lm", "--json"), tmp_path)
    (idea,) = json.loads(shown.stdout)["data"]["ideas"]
    assert idea["caption"] == metas["caption"]


def test_without_a_planner_one_line_says_so(tmp_path: Path, without_planner: list[str]) -> None:
    done = run(acestep("generate", "lofi", *SHORT, *without_planner), tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "planner" in line]
    assert "no planner is installed" in line and "acestep models pull" in line
    assert record_in(tmp_path)["items"][0]["audio_codes"] is None


@pytest.mark.parametrize(
    "asked",
    [["lofi", "--thinking"], ["lofi", "--use-format"], ["-d", "spring"], ["lofi", "--lm", "x"]],
)
def test_what_only_a_planner_can_do_is_an_error_without_one(
    tmp_path: Path, without_planner: list[str], asked: list[str]
) -> None:
    done = run(acestep("generate", *asked, *SHORT, *without_planner), tmp_path)
    assert done.returncode == 3 and "planner" in done.stderr, done.stderr
    assert not (tmp_path / "acestep_output").exists()


def test_words_are_improved(go: Any) -> None:
    done = go("format", "sad piano", "--lyrics", "-", "--bpm", "64", "--seed", "7", input="la la\n")
    assert done.returncode == 0, done.stderr
    assert "64 bpm" in done.stdout
    answer = go("format", "sad piano", "--lyrics", "la la", "--bpm", "64", "--seed", "7", "--json")
    song = json.loads(answer.stdout)["data"]
    assert song["bpm"] == 64 and song["caption"] in done.stdout and song["seed"] == 7
    drawn = go("format", "sad piano", "--json")
    assert f"seed {json.loads(drawn.stdout)['data']['seed']}\n" in drawn.stderr


def test_words_need_a_planner_and_no_lm_is_no_way_out(
    tmp_path: Path, without_planner: list[str]
) -> None:
    for asked in (["format", "x"], ["understand", "1,2,3"]):
        done = run(acestep(*asked, *without_planner), tmp_path)
        assert done.returncode == 3 and "no planner is installed" in done.stderr
        assert "acestep models pull" in done.stderr and "--no-lm" not in done.stderr


def test_what_is_understood_is_a_plan(go: Any, tmp_path: Path) -> None:
    told = go("understand", "1,2,3,4,5", "--seed", "7", "--json")
    (tmp_path / "told.json").write_text(told.stdout, "utf-8")
    song = json.loads(told.stdout)["data"]
    item = plan_of(go("generate", "--plan", "told.json", "--plan-only"))
    assert item["audio_codes"] == song["audio_codes"] and item["seed"] == 7
    assert all(item["metas"][name] == song[name] for name in item["metas"])


def test_a_file_is_described(go: Any, tmp_path: Path) -> None:
    song = str(GOLDEN / "audio" / "src_mono44k.wav")
    codes = go("understand", song, "--codes")
    assert codes.returncode == 0 and codes.stdout.startswith("<|audio_code_")
    (tmp_path / "codes.txt").write_text(codes.stdout, "utf-8")
    told = [
        go("understand", source, "--seed", "7", "--json", **piped)
        for source, piped in (
            (song, {}),
            ("codes.txt", {}),
            (codes.stdout.strip(), {}),
            ("-", {"input": codes.stdout}),
        )
    ]
    assert {done.returncode for done in told} == {0}, told[0].stderr
    described = [json.loads(done.stdout)["data"] for done in told]
    assert all(song == described[0] for song in described)
    assert described[0]["caption"] and described[0]["audio_codes"] == codes.stdout.strip()


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("nothing.wav", 5, "does not exist"),
        ("<|audio_code_64000|>", 5, "outside 0 to 63999"),
        ("1,2\n3", 5, "codes of 2 songs"),
        ("<|audio_code_x|>", 5, "is not an audio code"),
        ("[]", 5, "no audio code"),
        (".", 5, "is a folder"),
    ],
)
def test_what_cannot_be_described(go: Any, source: str, code: int, words: str) -> None:
    done = go("understand", source)
    assert done.returncode == code and words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("plan", "code", "words"),
    [
        ("{", 5, "line 1 is not JSON"),
        ('{"caption": "x", "bmp": 1}', 5, "no part of a plan"),
        ('{"caption": "x", "bpm": 1000}', 2, "bpm 1000 is not within 30 to 300"),
        ('{"caption": "x", "audio_codes": "<|audio_code_99999|>"}', 5, "outside 0 to 63999"),
        ('{"bpm": 90}', 2, "nothing to make a song from"),
    ],
)
def test_what_is_no_plan(go: Any, tmp_path: Path, plan: str, code: int, words: str) -> None:
    (tmp_path / "plan.json").write_text(plan, "utf-8")
    done = go("generate", "--plan", "plan.json")
    assert done.returncode == code and words in done.stderr, done.stderr
    assert not (tmp_path / "acestep_output").exists()


def test_planning_stops_at_a_signal(tmp_path: Path) -> None:
    command = acestep(
        "generate", "lofi", "--duration", "600", *FAST, "--checkpoints", str(CHECKPOINTS)
    )
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), text=True, **streams
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "codes" in line:
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(timeout=30) == 130
    record = record_in(tmp_path)
    assert record["status"] == "cancelled" and record["stage"] == "plan"


def _sound(path: Path) -> bytes:
    """The samples alone: tags tell of the request."""
    from acestep_cli.audio import read_audio

    return read_audio(path).samples.tobytes()
