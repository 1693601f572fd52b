"""`acestep models` as a process: fetched from a loopback hub, listed, used."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.repos import BUNDLED, GOLDEN, contents, golden, is_part_of
from tests.hub.server import State, Trouble, serving
from tests.process.programs import acestep, environment, run

TURBO, VAE, TEXT_ENCODER = BUNDLED
PLANNER = "acestep-5Hz-lm-0.6B"


@pytest.fixture(scope="module")
def hub() -> Iterator[tuple[str, State]]:
    """A hub with five checkpoints."""
    with serving(golden()) as (url, state):
        yield url, state


@pytest.fixture
def server(hub: tuple[str, State]) -> Iterator[State]:
    """The state of the hub, without trouble before and after."""
    hub[1].trouble = Trouble()
    yield hub[1]
    hub[1].trouble = Trouble()


@pytest.fixture
def go(tmp_path: Path, hub: tuple[str, State], server: State) -> Any:
    """Run `acestep models ...` in a fresh home."""

    def models(*arguments: str, **more: str) -> Any:
        env = environment(tmp_path, **{"HF_ENDPOINT": hub[0], **more})
        return run(acestep("models", *arguments), tmp_path, env=env)

    return models


def _data(done: Any) -> Any:
    answer = json.loads(done.stdout)
    assert answer["command"][0] == "models" and answer["exit_code"] == done.returncode
    return answer["data"]


def _listed(stdout: str) -> list[str]:
    """The lines of a list, without what is part of acestep."""
    lines = stdout.splitlines()
    if "part of acestep:" in lines:
        place = lines.index("part of acestep:")
        assert lines[place + 1].split()[0] == "demo"
        del lines[place : place + 2]
    return lines


def test_what_is_recommended_is_fetched_listed_checked_and_sings_offline(
    go: Any, tmp_path: Path, server: State
) -> None:
    empty = go()
    assert empty.returncode == 0 and "models pull recommended" in empty.stderr
    assert len(_listed(empty.stdout)) == 1 + 15
    shown = go("pull", "recommended", "--dry-run", "--json", MAX_CUDA_VRAM="8")
    assert _data(shown)["bytes"] > 21e6
    assert {row["state"] for row in _data(shown)["checkpoints"]} == {"missing"}
    assert not (tmp_path / ".cache").exists()
    done = go("pull", "recommended", MAX_CUDA_VRAM="8")
    assert done.returncode == 0, done.stderr
    asked, first = done.stderr.splitlines()[:2]
    assert asked.startswith("asking http://127.0.0.1:")
    assert first.startswith(f"{TURBO}, {VAE}, {TEXT_ENCODER} and {PLANNER}: 21 MB to fetch into")
    folders = [Path(line) for line in done.stdout.splitlines()]
    for name, folder in zip((*BUNDLED, PLANNER), folders, strict=True):
        assert is_part_of(folder, contents(server.repos, name))
    listed = _data(go("--json"))
    assert [row["name"] for row in listed["installed"]] == [*BUNDLED, PLANNER]
    assert listed["default"] == {"model": TURBO, "planner": PLANNER}
    assert [row["state"] for row in listed["installed"]] == ["default", "here", "here", "default"]
    assert all(row["fits"] for row in listed["installed"])
    assert len(listed["available"]) == 11 and not listed["incomplete"]
    assert go("verify", HF_HUB_OFFLINE="1").returncode == 0
    asked = len(server.asked)
    again = go("pull", "recommended", HF_HUB_OFFLINE="1", MAX_CUDA_VRAM="8")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert len(server.asked) == asked
    song = run(
        acestep("generate", "lofi", "--no-lm", "--duration", "10", "--device", "cpu"),
        tmp_path,
        env=environment(tmp_path, HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1"),
    )
    assert song.returncode == 0, song.stderr
    assert (tmp_path / song.stdout.strip()).stat().st_size > 10_000


def test_listing_loads_nothing_heavy(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "checkpoints")
    heavy = {"torch", "transformers", "huggingface_hub", "numpy", "rich"}
    code = (
        "import sys\nfrom acestep_cli.cli import main\n"
        "try:\n    main(['models'])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"assert not {heavy} & sys.modules.keys()\n"
    )
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    lines = _listed(done.stdout)
    assert len(lines) == 2 + 15
    assert lines[0] == f"in {tmp_path / 'checkpoints'} (the working folder):"
    assert lines[1].split()[:2] == [TURBO, "default"] and "turbo model; text2music" in lines[1]


def test_a_model_brings_what_it_needs_and_only_leaves_it_out(go: Any) -> None:
    alone = go("pull", "acestep-v15-base", "--only", "--quiet")
    assert alone.returncode == 0 and len(alone.stdout.splitlines()) == 1 and not alone.stderr
    done = go("pull", "acestep-v15-base", "--json")
    assert "fetched too: vae and Qwen3-Embedding-0.6B;" in done.stderr
    states = {row["name"]: row["state"] for row in _data(done)["checkpoints"]}
    assert states == {"acestep-v15-base": "here", VAE: "fetched", TEXT_ENCODER: "fetched"}


@pytest.mark.parametrize("way", ["flag", "variable", "file"])
def test_a_checkpoints_folder_takes_plain_folders(go: Any, tmp_path: Path, way: str) -> None:
    place = tmp_path / "my checkpoints"
    flags = ["--checkpoints", str(place)] if way == "flag" else []
    more = {"ACESTEP_CHECKPOINTS_DIR": str(place)} if way == "variable" else {}
    if way == "file":
        (tmp_path / "acestep.toml").write_text(f'checkpoints = "{place.name}"\n')
    done = go("pull", VAE, *flags, **more)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{place / VAE}\n"
    assert sorted(path.name for path in (place / VAE).iterdir()) == [
        ".acestep.json",
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]
    assert go("path", VAE, *flags, **more).stdout == done.stdout
    (row,) = _data(go("list", "--json", *flags, **more))["installed"]
    assert row["revision"] and row["path"] == str(place / VAE)


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_the_cache_of_the_environment_is_used(go: Any, tmp_path: Path, variable: str) -> None:
    done = go("pull", VAE, **{variable: str(tmp_path / "cache")}, HUGGINGFACE_TOKEN="hf_mine")
    root = tmp_path / "cache" / ("hub" if variable == "HF_HOME" else "")
    assert done.stdout.startswith(f"{root}/models--ACE-Step--Ace-Step1.5/snapshots/")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["pull"], 2, "no checkpoint is named"),
        (["pull", "acestep-v15-trubo"], 2, "did you mean acestep-v15-turbo?"),
        (["pull", "recomended"], 2, "did you mean recommended?"),
        (["pull", "../../x"], 2, "there is no checkpoint"),
        (["pull", VAE, "--revision", "../x"], 2, "no branch, tag or commit"),
        (["pull", VAE, TURBO, "--revision", "main"], 2, "one by one"),
        (["pull", VAE, "--revision", "v9"], 7, "revision not found"),
        (["pull", "scragvae"], 7, "repository not found"),
        (["pull", VAE, "--checkpoints", "/dev/null/x"], 6, "/dev/null"),
        (["verify", "nothing"], 2, "there is no checkpoint"),
        (["verify", VAE], 3, "is not here"),
        (["path", VAE], 3, "acestep models pull"),
        (["path"], 2, "no checkpoint is named"),
        (["remove"], 2, "no checkpoint is named"),
        (["remove", VAE, "--yes"], 3, "is not here"),
        (["remove", "recommended", "--yes"], 2, "there is no checkpoint"),
        (["list", "--checkpoints", "/nowhere"], 3, "does not exist"),
        (["pull", "demo"], 2, "demo is built in"),
        (["remove", "demo", "--yes"], 2, "demo is built in"),
        (["verify", "acestep-5Hz-lm-demo"], 2, "acestep-5Hz-lm-demo is built in"),
        (["pul"], 2, "did you mean pull?"),
        (["--checkpoints", "x", "pull", VAE], 2, "stands before pull"),
    ],
)
def test_what_cannot_be_meant_is_told(
    go: Any, tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    done = go(*arguments, "--json")
    assert done.returncode == status, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["exit_code"]) == (False, status)
    assert words in f"{answer['error']['message']} {answer['error']['hint']}"
    assert not (tmp_path / ".cache" / "huggingface" / "hub").exists()


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble(status=401), "not_allowed"),
        (Trouble(status=404), "not_found"),
        (Trouble(only=".safetensors", spoil=True), "damaged_download"),
    ],
)
def test_a_hub_that_refuses_or_harms_ends_with_7(
    go: Any, server: State, trouble: Trouble, code: str
) -> None:
    server.trouble = trouble
    done = go("pull", VAE, "--json")
    assert done.returncode == 7 and "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == code and "\n" not in answer["error"]["message"]
    server.trouble = Trouble()
    listed = _data(go("--json"))
    assert not listed["installed"] and not listed["incomplete"]
    assert go("pull", VAE).returncode == 0


def test_a_busy_hub_is_asked_again(go: Any, server: State) -> None:
    server.trouble = Trouble(status=429, times=2)
    assert go("pull", VAE).returncode == 0
    server.trouble = Trouble(only=".safetensors", status=500, times=2)
    assert go("pull", TEXT_ENCODER).returncode == 0


def test_offline_nothing_is_fetched(go: Any, server: State) -> None:
    before = len(server.asked)
    done = go("pull", VAE, HF_HUB_OFFLINE="1")
    assert done.returncode == 7 and "HF_HUB_OFFLINE" in done.stderr
    assert len(server.asked) == before
    done = go("pull", VAE, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 7 and "cannot be reached" in done.stderr


def test_further_checkpoints_come_from_the_settings(go: Any, tmp_path: Path, server: State) -> None:
    files = {f"deep/{name}": data for name, data in contents(server.repos, TURBO).items()}
    server.repos["me/mine"] = files
    table = '[models.my-song]\nrepo = "me/mine"\nfolder = "deep"\nkind = "dit"\nfamily = "turbo"\n'
    (tmp_path / "acestep.toml").write_text(table)
    shown = go()
    assert "my-song" in shown.stdout, shown.stderr
    assert go("pull", "my-song", "--only").returncode == 0
    (row,) = _data(go("--json"))["installed"]
    assert (row["name"], row["family"]) == ("my-song", "turbo")
    assert go("verify", "my-song").returncode == 0
    (tmp_path / "acestep.toml").write_text(table.replace("my-song", "vae"))
    refused = go()
    assert refused.returncode == 2 and "published checkpoint" in refused.stderr
