"""The built-in demonstration: when it is taken, as a whole, and what the package brings of it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from acestep_cli.errors import CheckpointError, CheckpointMissing
from acestep_cli.weights import places
from acestep_cli.weights.catalog import ALL_TASKS, SAMPLING, Sampling
from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER, DEMO_SAMPLING
from acestep_cli.weights.folder import lacking, open_folder
from acestep_cli.weights.inventory import demonstration
from acestep_cli.weights.locate import find_ears, find_set, installed
from acestep_cli.weights.places import Place, search_places
from acestep_cli.weights.planners import find_planners
from acestep_cli.weights.sets import CheckpointSet
from tests.unit.weights.helpers import make_dit, make_qwen, make_set, make_vae

ROOT = Path(__file__).parents[3]
PACKAGED = ROOT / "acestep_cli" / "demo" / "checkpoint"
SMALL, LARGE = "acestep-5Hz-lm-0.6B", "acestep-5Hz-lm-4B"
MEGABYTE = 1_000_000


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demonstration without a planner, and no other checkpoint."""
    root = make_set(tmp_path / "package", dit=DEMO)
    shutil.rmtree(root / DEMO)
    make_dit(root / DEMO, is_turbo=False)
    monkeypatch.setattr(places, "_DEMO", root)
    return root


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The working folder's checkpoints, of which there are none yet."""
    return tmp_path / "work" / "checkpoints"


def around(here: Path) -> tuple[Place, ...]:
    root = here.parent.parent
    environ = {"ACESTEP_HOME": str(root / "home"), "HF_HOME": str(root / "hf")}
    return search_places(None, environ=environ, cwd=here.parent)


def find(
    here: Path, model: str | None = None, task: str = "text2music", planner: str | None = None
) -> CheckpointSet:
    return find_set(model, task, around(here), planner=planner)


def test_it_serves_where_nothing_is_installed(demo: Path, here: Path) -> None:
    for task in ALL_TASKS:
        found = find(here, task=task)
        assert found.is_demo and found.dit.name == DEMO
        assert {folder.path.parent for folder in found.folders()} == {demo}
    assert found.sampling("text2music") == DEMO_SAMPLING and found.planner is None
    assert found.sampling("extract") == Sampling(steps=1, guidance=1.0, shift=1.0)
    assert not found.composes
    assert find_ears(None, around(here)).is_demo
    first = find_set(None, "text2music", around(here), families=("turbo", "sft", "base"))
    assert first.is_demo


def test_it_serves_as_a_whole_or_not_at_all(demo: Path, here: Path) -> None:
    for name in (DEMO, "vae", "Qwen3-Embedding-0.6B"):
        (demo / name / "config.json").rename(demo / "config")
        with pytest.raises(CheckpointMissing, match="no checkpoint found in"):
            find(here)
        with pytest.raises(CheckpointMissing, match="the model demo is not installed"):
            find(here, DEMO)
        (demo / "config").rename(demo / name / "config.json")
    assert find(here).is_demo
    # The parts of others are none of its business.
    make_vae(here / "vae")
    make_qwen(here / "Qwen3-Embedding-0.6B")
    make_qwen(here / SMALL)
    found = find(here)
    assert {folder.path.parent for folder in found.folders()} == {demo}
    assert find_planners(None, around(here), beside=found) == ()


def test_an_installed_model_goes_before_it_even_one_that_cannot_serve(
    demo: Path, here: Path
) -> None:
    turbo = make_dit(here / "acestep-v15-turbo")
    with pytest.raises(CheckpointMissing, match="Qwen3-Embedding"):
        find(here)
    make_vae(here / "vae")
    make_qwen(here / "Qwen3-Embedding-0.6B")
    found = find(here)
    assert (found.is_demo, found.root) == (False, here)
    assert found.sampling("extract") == SAMPLING["turbo"]
    assert found.composes
    with pytest.raises(CheckpointMissing, match="no installed model can do extract") as caught:
        find(here, task="extract")
    assert DEMO not in caught.value.message
    with pytest.raises(CheckpointError, match="turbo cannot do extract") as refused:
        find(here, "acestep-v15-turbo", "extract")
    assert "--model demo" not in refused.value.hint
    (turbo / "silence_latent.pt").unlink()
    with pytest.raises(CheckpointError, match=r"incomplete: it lacks silence_latent\.pt"):
        find(here)
    assert find(here, DEMO).is_demo


def test_who_names_another_model_does_not_get_it(demo: Path, here: Path) -> None:
    for name in ("acestep-v15-turbo", "acestep-v15-base", "demonstration", "vae", "/nowhere/demo"):
        with pytest.raises(CheckpointError):
            find(here, name)
    with pytest.raises(CheckpointMissing, match=f"the planner {SMALL} is not installed"):
        find_planners(SMALL, around(here))
    with pytest.raises(CheckpointMissing, match=f"the planner {SMALL} is not installed"):
        find(here, planner=SMALL)
    with pytest.raises(CheckpointError, match="takes no planner but its own") as caught:
        find(here, DEMO, planner=SMALL)
    assert "--lm" in caught.value.hint


def test_it_is_asked_for_by_name_or_path(demo: Path, here: Path) -> None:
    make_set(here)
    make_qwen(here / SMALL)
    assert not find(here).is_demo
    for name in (DEMO, str(demo / DEMO)):
        found = find(here, name)
        assert found.is_demo and found.planner is None
        assert {folder.path.parent for folder in found.folders()} == {demo}
        assert find_ears(name, around(here)).vae.path == demo / "vae"
    # What a person has is that person's, whatever it is called.
    make_dit(here / DEMO)
    mine = find(here, DEMO)
    assert (mine.is_demo, mine.root) == (False, here)


def test_its_planner_is_its_own(demo: Path, here: Path) -> None:
    own = make_qwen(demo / DEMO_PLANNER)
    found = find(here)
    assert found.planner is not None and found.planner.path == own
    everywhere = around(here)
    for name in (None, DEMO_PLANNER):
        assert [one.path for one in find_planners(name, everywhere)] == [own]
        assert [one.path for one in find_planners(name, everywhere, beside=found)] == [own]
    assert find(here, planner=DEMO_PLANNER).is_demo
    make_qwen(here / LARGE)
    assert [one.path for one in find_planners(None, around(here))] == [here / LARGE]
    assert [one.path for one in find_planners(None, around(here), beside=found)] == [own]
    (here / LARGE / "config.json").unlink()
    with pytest.raises(CheckpointError, match="4B is incomplete"):
        find_planners(None, around(here), required=True)
    shutil.rmtree(here / LARGE)
    make_set(here)
    assert find_planners(None, around(here)) == ()
    real = find(here)
    assert find_planners(None, around(here), beside=real) == ()
    with pytest.raises(CheckpointMissing, match=f"{DEMO_PLANNER} is not installed") as caught:
        find_planners(DEMO_PLANNER, around(here), beside=real)
    assert "--model demo" in caught.value.hint


def test_a_planner_that_is_not_there_is_named(demo: Path, here: Path) -> None:
    with pytest.raises(CheckpointMissing, match=f"the planner {LARGE} is not installed") as caught:
        find(here, planner=LARGE)
    assert f"models pull {LARGE}" in caught.value.hint


def test_where_it_has_no_planner_it_says_so(demo: Path, here: Path) -> None:
    found = find(here)
    with pytest.raises(CheckpointMissing, match="the demonstration has no planner") as caught:
        find_planners(None, around(here), beside=found, required=True)
    assert "models pull recommended" in caught.value.hint and "--no-lm" in caught.value.hint
    with pytest.raises(CheckpointMissing, match="no planner is installed in "):
        find_planners(None, around(here), required=True)


def test_it_is_listed_as_one_thing(demo: Path, here: Path) -> None:
    assert demonstration(around(here)[:-1]) is None
    stock = demonstration(around(here))
    assert stock is not None and (stock.name, stock.family, stock.fault) == (DEMO, "base", "")
    assert stock.nbytes == sum(file.stat().st_size for file in demo.rglob("*") if file.is_file())
    (demo / DEMO / "model.safetensors").write_bytes(b"no")
    damaged = demonstration(around(here))
    assert damaged is not None and "model.safetensors" in damaged.fault


def test_the_packaged_one_is_small_and_whole(here: Path) -> None:
    files = [path for path in PACKAGED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 60 * MEGABYTE
    # It holds no other model, which would be found under its name.
    folders = {path.name for path in PACKAGED.iterdir() if path.is_dir()}
    assert folders - {DEMO_PLANNER} == {DEMO, "Qwen3-Embedding-0.6B", "vae"}
    assert (PACKAGED / "DEMO.txt").read_text(encoding="utf-8").strip()
    found = find(here)
    assert found.is_demo and found.root == PACKAGED
    assert (found.dit.family, found.dit.config["is_turbo"]) == ("base", False)
    assert is_file_here(found.text_encoder.path / "tokenizer.json")
    if (PACKAGED / DEMO_PLANNER).exists():
        assert lacking(PACKAGED / DEMO_PLANNER, "planner") == []
        assert [one.name for one in installed([Place(PACKAGED, "test")], "planner")] == [
            DEMO_PLANNER
        ]
        assert open_folder(DEMO_PLANNER, "planner", PACKAGED / DEMO_PLANNER).config


def test_a_slip_of_its_name_is_understood(demo: Path, here: Path) -> None:
    with pytest.raises(CheckpointMissing, match="did you mean demo\\?"):
        find_set("dmo", "text2music", around(here))


def is_file_here(path: Path) -> bool:
    """A file of its own: a link would lead out of the package."""
    return path.is_file() and not path.is_symlink()


def test_all_of_it_goes_into_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["acestep_cli.demo"]
    taken = {path for pattern in patterns for path in PACKAGED.parent.glob(pattern)}
    files = {path for path in PACKAGED.rglob("*") if path.is_file()}
    assert files and files <= taken
    assert all(is_file_here(path) for path in files)


def test_nothing_hides_it_from_the_sources() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("these are no sources under git")
    names = (
        "demo/config.json", "demo/model.safetensors", "demo/silence_latent.pt", "DEMO.txt",
        f"{DEMO_PLANNER}/model.safetensors", "Qwen3-Embedding-0.6B/tokenizer.json",
        "vae/diffusion_pytorch_model.safetensors",
    )  # fmt: skip
    paths = [str(PACKAGED / name) for name in names]
    done = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
