"""Checkpoints that the settings add are found like the published ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from acestep_cli.config import FurtherModel
from acestep_cli.errors import SettingsError
from acestep_cli.weights import places as places_module
from acestep_cli.weights.catalog import BY_NAME, fetch_command
from acestep_cli.weights.further import entries_with
from acestep_cli.weights.locate import find_set, installed
from acestep_cli.weights.places import Place, search_places
from tests.unit.weights.helpers import make_dit, make_qwen, make_set

MINE = FurtherModel("mine", "me/songs", "dit", family="sft", folder="deep")


def test_they_stand_beside_the_published_ones() -> None:
    entries = entries_with([MINE])
    assert list(entries)[:-1] == list(BY_NAME)
    mine = entries["mine"]
    assert (mine.repo, mine.folder, mine.family, mine.revision) == (
        "me/songs",
        "deep",
        "sft",
        None,
    )
    with pytest.raises(SettingsError, match=r"\[models.vae\] has the name of a published"):
        entries_with([FurtherModel("vae", "me/x", "vae")])
    with pytest.raises(SettingsError, match=r"\[models.demo\] has the name of the built-in"):
        entries_with([FurtherModel("demo", "me/x", "dit")])


def test_they_are_found_whatever_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "_DEMO", tmp_path / "no-demo")
    root = tmp_path / "checkpoints"
    make_set(root)
    make_dit(root / "mine", is_turbo=False)
    make_qwen(root / "thinker")
    further = (MINE, FurtherModel("thinker", "me/thinker", "planner"))
    environ = {"ACESTEP_HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    places = search_places(None, environ=environ, cwd=tmp_path, further=further)
    found = find_set("mine", "text2music", places, planner="thinker")
    assert (found.dit.family, found.dit.path) == ("sft", root / "mine")
    assert [folder.name for folder in installed(places, "dit")] == ["acestep-v15-turbo", "mine"]
    assert [folder.name for folder in installed(places, "planner")] == ["thinker"]
    without = search_places(None, environ=environ, cwd=tmp_path)
    assert [folder.name for folder in installed(without, "planner")] == []


def test_they_are_found_in_the_cache_at_their_own_revision(tmp_path: Path) -> None:
    repo = tmp_path / "models--me--songs"
    for commit in ("aaa", "bbb"):
        make_dit(repo / "snapshots" / commit / "deep")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("aaa")
    (repo / "refs" / "v2").write_text("bbb")
    for revision, commit in ((None, "aaa"), ("v2", "bbb"), ("bbb", "bbb")):
        model = FurtherModel("mine", "me/songs", "dit", folder="deep", revision=revision)
        place = Place(tmp_path, "test", is_hub=True, entries=entries_with([model]))
        assert place.names() == ["mine"]
        assert installed([place], "dit")[0].revision == commit


def test_the_command_that_fetches_is_ours() -> None:
    assert fetch_command() == fetch_command("nobody") == "acestep models pull recommended"
    assert fetch_command("acestep-v15-base") == "acestep models pull acestep-v15-base"
