"""The built-in demonstration from the command line, with random weights where the package has its
own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.demo.tiny import build_set
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER
from tests.conftest import GOLDEN
from tests.demo_set import build_demonstration
from tests.process.programs import acestep, environment, run

PACKAGED = Path(__file__).parents[2] / "acestep_cli" / "demo" / "checkpoint"
NOTE = (
    "note: this is the built-in demonstration, a toy band; "
    "for the real model: acestep models pull recommended"
)
SONG = ("--no-lm", "--duration", "2", "--steps", "1", "--device", "cpu")
PROGRAM = (
    "import pathlib, sys\n"
    "from acestep_cli.weights import places\n"
    "places._DEMO = pathlib.Path(sys.argv.pop(1))\n"
    "from acestep_cli.cli import main\n"
    "main(sys.argv[1:])\n"
)
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_demonstration(tmp_path_factory.mktemp("package") / "checkpoint")


@pytest.fixture
def go(tmp_path: Path, package: Path) -> Any:
    """Runs `acestep` where nothing is installed but the demonstration."""

    def program(*arguments: str, **more: str) -> Done:
        env = environment(tmp_path, OMP_NUM_THREADS="1", **more)
        return run([sys.executable, "-c", PROGRAM, str(package), *arguments], tmp_path, env=env)

    return program


def record_of(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)["data"]
    return record


def dit_of(record: dict[str, Any]) -> str:
    (dit,) = (one["name"] for one in record["checkpoints"] if one["kind"] == "dit")
    return str(dit)


def test_a_song_without_anything_installed(go: Any, tmp_path: Path) -> None:
    done = go("generate", "lofi", *SONG, "--json")
    record = record_of(done)
    assert dit_of(record) == DEMO
    assert [one["code"] for one in record["warnings"]] == ["short_duration"]
    assert [line for line in done.stderr.splitlines() if "demonstration" in line] == [NOTE]
    assert Path(tmp_path / record["audio_paths"][0]).stat().st_size > 0
    verified = go("replay", "last", "--verify")
    assert verified.returncode == 0 and "demonstration" in verified.stderr, verified.stderr
    quiet = go("generate", "lofi", *SONG, "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("repaint", ("--repaint-start", "0.5")), ("cover", ()),
        ("extract", ("vocals",)), ("lego", ("--track", "drums")), ("complete", ("--track", "bass")),
    ],
)  # fmt: skip
def test_it_can_do_every_task(go: Any, verb: str, more: tuple[str, ...]) -> None:
    done = go(verb, str(GOLDEN / "audio" / "src_mono44k.wav"), *more, "--dry-run", "--json")
    assert dit_of(record_of(done)) == DEMO


def test_who_names_a_model_does_not_get_it(go: Any, tmp_path: Path) -> None:
    done = go("generate", "lofi", *SONG, "--model", "acestep-v15-turbo")
    assert done.returncode == 3 and "acestep-v15-turbo is not installed" in done.stderr
    assert go("generate", "lofi", *SONG, ACESTEP_MODEL="acestep-v15-base").returncode == 3
    here = ("--checkpoints", str(GOLDEN / "checkpoints"))
    asked = record_of(go("generate", "lofi", "--model", "demo", *here, "--dry-run", "--json"))
    assert dit_of(asked) == DEMO
    assert dit_of(record_of(go("generate", "lofi", *here, "--dry-run", "--json"))) != DEMO
    assert not (tmp_path / "acestep_output").exists()


def test_it_is_listed_as_what_it_is(go: Any, package: Path) -> None:
    shown = go("models").stdout.splitlines()
    assert shown[0] == "part of acestep:" and shown[1].split()[:2] == [DEMO, "default"]
    assert "the built-in demonstration, a toy band" in shown[1]
    told = json.loads(go("models", "--json").stdout)["data"]
    assert told["installed"] == [] and told["default"] == {"model": DEMO, "planner": DEMO_PLANNER}
    demo = told["demonstration"]
    assert (demo["name"], demo["state"], demo["path"]) == (DEMO, "default", str(package / DEMO))
    assert len(demo["tasks"]) == 7 and demo["sampling"]["steps"] and demo["fits"]
    assert go("models", "path", DEMO).stdout == f"{package / DEMO}\n"
    here = ("--checkpoints", str(GOLDEN / "checkpoints"))
    told = json.loads(go("models", "list", *here, "--json").stdout)["data"]
    assert told["demonstration"]["state"] == "here"
    assert told["default"]["model"] == "acestep-v15-turbo"


def test_looking_at_it_loads_nothing_heavy(tmp_path: Path, package: Path) -> None:
    heavy = {"torch", "transformers", "huggingface_hub", "numpy", "rich"}
    program = PROGRAM.replace("main(sys.argv[1:])", "") + (
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"assert not {heavy} & sys.modules.keys()\n"
    )
    for words in (("models",), ("health", "--brief"), ("models", "path", DEMO)):
        done = run([sys.executable, "-c", program, str(package), *words], tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_packaged_one_makes_a_song(tmp_path: Path) -> None:
    done = run(acestep("generate", "lofi", *SONG, "--json"), tmp_path)
    assert dit_of(record_of(done)) == DEMO
    assert NOTE in done.stderr.splitlines()


def test_a_tiny_set_is_still_to_be_had(tmp_path: Path) -> None:
    build_set(tmp_path / "tiny")
    done = run(
        acestep("generate", "x", *SONG, "--checkpoints", "tiny", "--dry-run", "--json"), tmp_path
    )
    assert dit_of(record_of(done)) == "acestep-v15-turbo"
    assert "demonstration" not in done.stderr


def test_a_missing_planner_is_told_before_the_listening(package: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(package, bare, ignore=shutil.ignore_patterns(DEMO_PLANNER))
    header = b"".join((b"RIFF", (36 + 96_000).to_bytes(4, "little"), b"WAVEfmt "))
    (tmp_path / "a.wav").write_bytes(header)
    command = [sys.executable, "-c", PROGRAM, str(bare), "understand", "a.wav"]
    done = run(command, tmp_path, env=environment(tmp_path))
    assert done.returncode == 3
    assert "planner" in done.stderr
    assert "listen" not in done.stderr
