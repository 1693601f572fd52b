"""What is here, checked and taken away, in folders and caches of all kinds."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from acestep_cli.errors import OutputError
from acestep_cli.weights.catalog import BY_NAME
from acestep_cli.weights.inventory import inventory, unfinished
from acestep_cli.weights.places import Place, repo_folder
from acestep_cli.weights.remove import removable, remove
from acestep_cli.weights.store import locked
from acestep_cli.weights.store_folder import folder_lock
from acestep_cli.weights.verify import verify
from tests.unit.weights.helpers import CHECKPOINTS, make_dit, make_set, make_vae

TURBO = "acestep-v15-turbo"


def _place(root: Path) -> Place:
    return Place(root, "test")


def test_the_golden_folders_are_in_stock() -> None:
    found = inventory([_place(CHECKPOINTS)])
    assert [stock.name for stock in found] == [
        TURBO,
        "acestep-v15-base",
        "acestep-v15-xl-turbo",
        "vae",
        "Qwen3-Embedding-0.6B",
        "acestep-5Hz-lm-0.6B",
    ]
    turbo = found[0]
    assert (turbo.kind, turbo.family, turbo.is_used, turbo.lacks) == ("dit", "turbo", True, ())
    assert turbo.values > 10_000 and "cover" in turbo.tasks
    assert turbo.nbytes == sum(path.stat().st_size for path in turbo.path.iterdir())
    assert not any(stock.fault for stock in found)


def test_the_first_complete_one_of_a_name_is_used(tmp_path: Path) -> None:
    first = make_set(tmp_path / "a")
    make_set(tmp_path / "b")
    (first / TURBO / "model.safetensors").unlink()
    (tmp_path / "b" / "acestep-v15-empty").mkdir()
    (tmp_path / "b" / "acestep-v15-mine").mkdir()
    (tmp_path / "b" / "acestep-v15-mine" / "config.json").write_text("{}")
    demo = Place(make_set(tmp_path / "c"), "test", is_demo=True)
    found = inventory([_place(first), _place(tmp_path / "b"), _place(tmp_path / "no"), demo])
    dits = [(stock.name, stock.path.parent.name, stock.is_used) for stock in found[:3]]
    assert dits == [(TURBO, "a", False), (TURBO, "b", True), ("acestep-v15-mine", "b", False)]
    assert found[0].lacks == ("model.safetensors",)
    assert [stock.is_used for stock in found if stock.name == "vae"] == [True, False]


def test_what_pulls_left_is_told_by_place(tmp_path: Path) -> None:
    growing = tmp_path / "a" / f".{TURBO}.abc.partial"
    growing.mkdir(parents=True)
    (growing / "config.json").write_text("{}")
    (growing / "model.safetensors.incomplete").write_bytes(bytes(98))
    blobs = repo_folder(tmp_path / "b", BY_NAME["vae"]) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.incomplete").write_bytes(bytes(30))
    (blobs / "abc").write_bytes(bytes(1000))
    places = [_place(tmp_path / "a"), Place(tmp_path / "b", "test", is_hub=True)]
    found = [(part.name, part.place.path.name, part.nbytes) for part in unfinished(places)]
    assert found == [(TURBO, "a", 100), ("ACE-Step/Ace-Step1.5", "b", 30)]
    assert not inventory(places)


def test_a_damaged_one_is_in_stock_with_its_fault(tmp_path: Path) -> None:
    root = make_set(tmp_path)
    (root / TURBO / "model.safetensors").write_bytes(b"\0" * 20)
    (root / "vae" / "config.json").write_text("[")
    faults = {stock.name: stock.fault for stock in inventory([_place(root)])}
    assert "model.safetensors" in faults[TURBO] and "no JSON" in faults["vae"]
    assert not faults["Qwen3-Embedding-0.6B"]


def test_files_without_a_record_are_held_to_their_headers(tmp_path: Path) -> None:
    folder = make_dit(tmp_path / TURBO)
    read: list[int] = []
    states = {found.name: found.state for found in verify(folder, "dit", read.append)}
    assert set(states.values()) == {"not_recorded"} and not read
    (folder / "model.safetensors").write_bytes(b"\0" * 20)
    assert verify(folder, "dit")[-1].state == "damaged"
    (folder / "silence_latent.pt").unlink()
    states = {found.name: found.state for found in verify(folder, "dit")}
    assert states["silence_latent.pt"] == "missing"
    assert {found.state for found in verify(tmp_path / "nowhere", "vae")} == {"missing"}


@pytest.mark.parametrize(("digest", "state"), [("0" * 64, "damaged"), ("../x", "not_recorded")])
def test_a_note_is_believed_where_it_makes_sense(tmp_path: Path, digest: str, state: str) -> None:
    folder = make_vae(tmp_path / "vae")
    size = (folder / "config.json").stat().st_size
    files = {"config.json": {"size": size, "sha256": digest}}
    note = {"repo": "a/b", "revision": "c", "files": files}
    (folder / ".acestep.json").write_text(json.dumps(note))
    states = {found.name: found.state for found in verify(folder, "vae")}
    assert states["config.json"] == state


def test_a_plain_folder_goes_with_what_pulls_left(tmp_path: Path) -> None:
    root = make_set(tmp_path)
    hidden = [root / f".{TURBO}.abc.partial", root / f".{TURBO}.old"]
    for folder in hidden:
        shutil.copytree(root / "vae", folder)
    shutil.copytree(root / "vae", root / f".{TURBO}-mine.abc.partial")
    place = _place(root)
    assert removable(place, TURBO) == [root / TURBO, *hidden]
    expected = sum(
        path.stat().st_size for folder in (root / TURBO, *hidden) for path in folder.iterdir()
    )
    assert remove(place, TURBO) == expected
    assert not removable(place, TURBO)
    assert {path.name for path in root.iterdir() if path.is_dir()} == {
        "vae",
        "Qwen3-Embedding-0.6B",
        f".{TURBO}-mine.abc.partial",
    }


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    elsewhere = make_dit(tmp_path / "elsewhere" / TURBO)
    root = tmp_path / "root"
    root.mkdir()
    (root / TURBO).symlink_to(elsewhere)
    assert remove(_place(root), TURBO) == 0
    assert not os.path.lexists(root / TURBO) and len(list(elsewhere.iterdir())) == 3
    folder = make_dit(root / TURBO)
    (folder / "extra").symlink_to(elsewhere)
    remove(_place(root), TURBO)
    assert not folder.exists() and len(list(elsewhere.iterdir())) == 3


def _cached(cache: Path, name: str, revision: str, *, shared: bool = True) -> Path:
    """A snapshot of links to blobs, some of which other checkpoints use as well."""
    entry = BY_NAME[name]
    repo = repo_folder(cache, entry)
    folder = repo / "snapshots" / revision / entry.folder
    folder.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    for file in ("config.json", "model.safetensors", "silence_latent.pt"):
        blob = repo / "blobs" / ("common" if shared and file[0] == "c" else f"{name}-{file}")
        blob.write_bytes(b"x" * 100)
        (folder / file).symlink_to(os.path.relpath(blob, folder))
    return folder


def test_in_a_cache_blobs_that_others_use_stay(tmp_path: Path) -> None:
    turbo, vae = _cached(tmp_path, TURBO, "abc"), _cached(tmp_path, "vae", "abc")
    older = _cached(tmp_path, TURBO, "old")
    blobs = repo_folder(tmp_path, BY_NAME[TURBO]) / "blobs"
    (blobs / "other.incomplete").write_bytes(b"part of another pull")
    (blobs / "unlinked").write_bytes(b"whole and not linked yet")
    place = Place(tmp_path, "test", is_hub=True)
    assert remove(place, TURBO) == 200
    assert not turbo.exists() and not older.exists() and not older.parent.exists()
    assert all(path.read_bytes() for path in vae.iterdir())
    assert {path.name for path in blobs.iterdir()} == {
        "common",
        "vae-model.safetensors",
        "vae-silence_latent.pt",
        "other.incomplete",
        "unlinked",
    }
    remove(place, "vae")
    assert {path.name for path in blobs.iterdir()} == {"other.incomplete", "unlinked"}
    for path in blobs.iterdir():
        path.unlink()
    _cached(tmp_path, TURBO, "abc")
    remove(place, TURBO)
    assert not blobs.parent.exists()


def test_a_folder_that_only_has_the_name_stays(tmp_path: Path) -> None:
    root = make_set(tmp_path)
    mine = root / "acestep-v15-sft"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    shutil.copytree(root / "vae", root / f".{mine.name}.abc.partial")
    place = _place(root)
    assert removable(place, mine.name) == [root / f".{mine.name}.abc.partial"]
    assert remove(place, mine.name) > 0
    assert not removable(place, mine.name) and (mine / "notes.txt").exists()


def test_a_link_out_of_the_cache_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text("{}")
    cache = tmp_path / "cache"
    repo = repo_folder(cache, BY_NAME[TURBO])
    (repo / "snapshots").mkdir(parents=True)
    (repo / "snapshots" / "abc").symlink_to(elsewhere)
    (repo / "blobs").symlink_to(elsewhere)
    remove(Place(cache, "test", is_hub=True), TURBO)
    assert (elsewhere / "config.json").exists() and not repo.exists()


def test_what_is_being_fetched_is_not_removed(tmp_path: Path) -> None:
    root = make_set(tmp_path)
    with (
        locked(folder_lock(root, TURBO), lambda: None),
        pytest.raises(OutputError, match="is being fetched"),
    ):
        remove(_place(root), TURBO)
    assert (root / TURBO).exists()
