"""How fetched files lie on disk: repaired, taken over, left by killed pulls, fetched by two."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from acestep_cli.errors import OutputError
from acestep_cli.events import Event, Noted, silent
from acestep_cli.weights.catalog import BY_NAME
from acestep_cli.weights.fetch import Destination, fetch, look_up
from acestep_cli.weights.folder import lacking
from acestep_cli.weights.remote import Hub
from acestep_cli.weights.store_folder import NOTE_FILE, read_note
from tests.hub.repos import GOLDEN, contents, golden, is_part_of
from tests.hub.server import State, Trouble, digest, serving

TURBO = BY_NAME["acestep-v15-turbo"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def server() -> Iterator[tuple[Hub, State]]:
    """A hub with the bundle."""
    with serving(golden("acestep-v15-turbo", "vae")) as (url, state):
        yield Hub(url), state


@pytest.fixture(params=["hub", "folder"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    """Both layouts."""
    return Destination(tmp_path / "place", is_hub=request.param == "hub")


def _pull(hub: Hub, destination: Destination, *, thorough: bool = False) -> Path:
    parcels = look_up(hub, [TURBO], destination, thorough=thorough)
    fetch(hub, parcels, silent, thorough=thorough)
    return parcels[0].folder


def test_damage_is_found_by_a_thorough_look_and_mended(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    folder = _pull(hub, destination)
    weights = (folder / WEIGHTS).resolve()
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    before = state.nbytes_sent()
    assert look_up(hub, [TURBO], destination)[0].is_installed
    _pull(hub, destination, thorough=True)
    assert (folder / WEIGHTS).read_bytes() == content
    assert state.nbytes_sent() - before == len(content)
    weights.unlink()
    assert lacking(folder, "dit") == [WEIGHTS]
    _pull(hub, destination)
    assert is_part_of(folder, contents(state.repos, TURBO.name))


def test_the_cache_is_laid_out_as_the_client_does(
    server: tuple[Hub, State], tmp_path: Path
) -> None:
    from huggingface_hub import hf_hub_download, scan_cache_dir

    hub, state = server
    folder = _pull(hub, Destination(tmp_path, is_hub=True))
    before = state.nbytes_sent()
    found = hf_hub_download(
        TURBO.repo, f"{TURBO.name}/{WEIGHTS}", cache_dir=tmp_path, endpoint=hub.endpoint
    )
    assert Path(found) == folder / WEIGHTS and state.nbytes_sent() == before
    link = folder / WEIGHTS
    assert link.readlink().name == digest(link.read_bytes())
    assert not link.readlink().is_absolute()
    report = scan_cache_dir(tmp_path)
    assert not report.warnings
    (repo,) = report.repos
    (revision,) = repo.revisions
    assert (repo.repo_id, revision.refs) == (TURBO.repo, frozenset(("main",)))


def test_what_the_client_fetched_is_not_fetched_again(
    server: tuple[Hub, State], tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    hub, state = server
    snapshot_download(TURBO.repo, cache_dir=tmp_path, endpoint=hub.endpoint)
    before = state.nbytes_sent()
    (parcel,) = look_up(hub, [TURBO], Destination(tmp_path, is_hub=True))
    assert parcel.is_installed and state.nbytes_sent() == before


def test_a_plain_folder_has_a_note(server: tuple[Hub, State], tmp_path: Path) -> None:
    hub, state = server
    folder = _pull(hub, Destination(tmp_path, is_hub=False))
    note = read_note(folder)
    assert note is not None
    assert (note.repo, note.revision) == (TURBO.repo, state.commit(TURBO.repo))
    content = (folder / WEIGHTS).read_bytes()
    assert note.files[WEIGHTS] == (len(content), digest(content))
    assert json.loads((folder / NOTE_FILE).read_bytes())["files"][WEIGHTS]["sha256"]
    for text in ("", "[]", "{}", '{"files": 3}', '{"files": {"x": {"size": "x"}}}', "\xff"):
        (folder / NOTE_FILE).write_text(text, "latin-1")
        assert read_note(folder) is None


def test_a_folder_that_a_person_copied_is_taken_over(
    server: tuple[Hub, State], tmp_path: Path
) -> None:
    hub, state = server
    shutil.copytree(GOLDEN / TURBO.name, tmp_path / TURBO.name)
    folder = _pull(hub, Destination(tmp_path, is_hub=False))
    assert state.nbytes_sent() == 0
    assert read_note(folder) is not None
    (folder / NOTE_FILE).unlink()
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-1] + b"\0")  # of the right size
    _pull(hub, Destination(tmp_path, is_hub=False))
    assert (folder / WEIGHTS).read_bytes() == content
    assert state.nbytes_sent() == len(content)


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_a_pull_that_was_killed_while_renaming_is_ended(
    server: tuple[Hub, State], tmp_path: Path, moment: str
) -> None:
    hub, state = server
    place = Destination(tmp_path, is_hub=False)
    folder = _pull(hub, place)
    old, growing = tmp_path / f".{TURBO.name}.old", tmp_path / f".{TURBO.name}.abc.partial"
    before = state.nbytes_sent()
    if moment == "before":
        shutil.copytree(folder, growing)
    elif moment == "between":
        os.replace(folder, old)
    else:
        shutil.copytree(folder, old)
    _pull(hub, place)
    assert is_part_of(folder, contents(state.repos, TURBO.name)) and not lacking(folder, "dit")
    assert not old.exists() and not growing.exists()
    assert moment == "between" or state.nbytes_sent() == before


@pytest.mark.parametrize("killed", [False, True])
def test_what_else_lies_in_the_folder_stays(
    server: tuple[Hub, State], tmp_path: Path, killed: bool
) -> None:
    hub, state = server
    place = Destination(tmp_path, is_hub=False)
    folder = tmp_path / TURBO.name
    shutil.copytree(GOLDEN / TURBO.name, folder)
    (folder / WEIGHTS).write_bytes(b"an older one")
    (folder / "loras").mkdir()
    (folder / "loras" / "voice.safetensors").write_bytes(b"mine")
    (folder / "notes.txt").write_text("mine")
    if killed:  # between the second rename and taking the old one away
        os.replace(folder, tmp_path / f".{TURBO.name}.old")
        shutil.copytree(GOLDEN / TURBO.name, folder)
    _pull(hub, place)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "loras" / "voice.safetensors").read_bytes() == b"mine"
    assert (folder / WEIGHTS).read_bytes() == contents(state.repos, TURBO.name)[WEIGHTS]
    assert not (tmp_path / f".{TURBO.name}.old").exists()


def test_a_link_in_the_place_is_replaced_and_not_followed(
    server: tuple[Hub, State], tmp_path: Path
) -> None:
    hub, _ = server
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text("{}")
    place = tmp_path / "place"
    place.mkdir()
    (place / TURBO.name).symlink_to(elsewhere)
    folder = _pull(hub, Destination(place, is_hub=False))
    assert not folder.is_symlink() and not lacking(folder, "dit")
    assert [path.name for path in elsewhere.iterdir()] == ["config.json"]
    assert sorted(path.name for path in place.iterdir()) == [f".{TURBO.name}.lock", TURBO.name]


def test_two_pulls_at_once_fetch_everything_once(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    state.trouble = Trouble(seconds_a_piece=0.004)
    events: list[Event] = []
    failures: list[BaseException] = []

    def pull() -> None:
        try:
            fetch(hub, look_up(hub, [TURBO], destination), events.append)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=pull) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    (parcel,) = look_up(hub, [TURBO], destination)
    assert parcel.is_installed and is_part_of(parcel.folder, contents(state.repos, TURBO.name))
    assert state.nbytes_sent() == parcel.remote.nbytes
    notes = [event.message for event in events if isinstance(event, Noted)]
    assert any("waiting for it" in note for note in notes)


def test_a_place_that_cannot_be_written_is_told(server: tuple[Hub, State], tmp_path: Path) -> None:
    hub, _ = server
    (tmp_path / "file").write_text("x")
    for is_hub in (True, False):
        with pytest.raises(OutputError, match="cannot write") as caught:
            _pull(hub, Destination(tmp_path / "file" / "place", is_hub=is_hub))
        assert caught.value.exit_code == 6
