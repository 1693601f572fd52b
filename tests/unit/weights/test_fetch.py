"""Fetching by the real client from a loopback hub: whole, cut, resumed, refused, spoilt."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acestep_cli.errors import CheckpointError, NetworkError, OutputError
from acestep_cli.events import Event, StageFinished, StageProgress, StageStarted, silent
from acestep_cli.weights import fetch as fetching
from acestep_cli.weights import remote
from acestep_cli.weights.catalog import BY_NAME, Entry
from acestep_cli.weights.fetch import Destination, Parcel, check_room, fetch, look_up
from acestep_cli.weights.folder import lacking, open_folder
from acestep_cli.weights.remote import Hub
from tests.hub.repos import BUNDLED, contents, golden, is_part_of
from tests.hub.server import State, Trouble, serving

TURBO = BY_NAME["acestep-v15-turbo"]
VAE = BY_NAME["vae"]
BASE = BY_NAME["acestep-v15-base"]
WEIGHTS = "acestep-v15-turbo/model.safetensors"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a loopback."""
    monkeypatch.setattr(remote, "_FIRST_PAUSE", 0.001)


@pytest.fixture
def server() -> Iterator[tuple[Hub, State]]:
    """A hub with the bundle and a model of its own."""
    with serving(golden(*BUNDLED, "acestep-v15-base")) as (url, state):
        yield Hub.of({"HF_ENDPOINT": f"{url}/"}), state


@pytest.fixture(params=["hub", "folder"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    """Both layouts, in a folder that is not there yet."""
    return Destination(tmp_path / "new" / "place", is_hub=request.param == "hub")


def _pull(
    hub: Hub, destination: Destination, *entries: Entry, thorough: bool = False
) -> list[Parcel]:
    parcels = look_up(hub, entries or (TURBO,), destination, thorough=thorough)
    fetch(hub, parcels, silent, thorough=thorough)
    return parcels


def test_a_checkpoint_arrives_whole_with_what_is_needed_alone(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    events: list[Event] = []
    parcels = look_up(hub, [TURBO, VAE, BASE], destination)
    assert not destination.path.exists()  # looking changes nothing
    assert [parcel.is_installed for parcel in parcels] == [False] * 3
    fetch(hub, parcels, events.append)
    for parcel in parcels:
        entry = parcel.remote.entry
        source = contents(state.repos, entry.name)
        assert not lacking(parcel.folder, entry.kind)
        assert is_part_of(parcel.folder, source)
        names = {path.name for path in parcel.folder.iterdir()}
        assert not [name for name in names if name.endswith((".py", ".md"))]
        assert {file.name for file in parcel.remote.files} == names - {".acestep.json"}
    assert state.nbytes_sent() == sum(parcel.remote.nbytes for parcel in parcels)
    started = events[0]
    assert isinstance(started, StageStarted) and started.unit == "MB"
    done = [event.done for event in events if isinstance(event, StageProgress)]
    assert done == sorted(done) and started.total == pytest.approx(done[-1], abs=0.1)
    assert isinstance(events[-1], StageFinished)


def test_what_is_here_is_not_fetched_again(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    _pull(hub, destination)
    before = state.nbytes_sent()
    (parcel,) = _pull(hub, destination)
    assert (parcel.is_installed, parcel.nbytes, parcel.missing) == (True, 0, ())
    assert state.nbytes_sent() == before


def test_the_revision_is_recorded_and_a_new_one_brings_what_changed(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    (old,) = _pull(hub, destination)
    before, files = state.nbytes_sent(), state.repos[TURBO.repo]
    changed = files[WEIGHTS][:-4] + b"\0\0\0\1"  # of the same size
    files[WEIGHTS] = changed
    (new,) = _pull(hub, destination)
    assert new.remote.commit == state.commit(TURBO.repo) != old.remote.commit
    assert (new.folder / "model.safetensors").read_bytes() == changed
    assert state.nbytes_sent() - before == len(changed)
    folder = open_folder(TURBO.name, "dit", new.folder)
    assert folder.is_turbo
    with pytest.raises(NetworkError, match="revision not found"):
        look_up(hub, [TURBO], destination, revision="no-such-branch")
    (again,) = look_up(hub, [TURBO], destination, revision=new.remote.commit)
    assert again.is_installed


@pytest.mark.parametrize("seed", range(6))
def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    server: tuple[Hub, State], destination: Destination, seed: int
) -> None:
    hub, state = server
    draw = random.Random(seed)
    state.trouble = Trouble(cut=draw.randrange(1, 600_000), cuts=draw.randrange(1, 9))
    (parcel,) = _pull(hub, destination)
    assert is_part_of(parcel.folder, contents(state.repos, TURBO.name))
    assert state.nbytes_sent() == parcel.remote.nbytes


def test_a_pull_that_gave_up_is_gone_on_with(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    state.trouble = Trouble(only="model.safetensors", cut=500_000, cuts=1)
    # From the first break on, nothing comes any more.
    original, state_trouble = Hub.stream, state.trouble

    class Broken(Exception):
        pass

    def once(self: Hub, *arguments: object) -> object:
        if state_trouble.cuts == 0:
            raise Broken
        return original(self, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hub, "stream", once)
        with pytest.raises(Broken):
            _pull(hub, destination)
    sent = state.nbytes_sent()
    assert 0 < sent <= 500_000
    (parcel,) = look_up(hub, [TURBO], destination)
    assert not parcel.is_installed and not parcel.folder.exists()
    assert parcel.nbytes == parcel.remote.nbytes - sent
    _pull(hub, destination)
    assert state.nbytes_sent() == parcel.remote.nbytes
    assert is_part_of(parcel.folder, contents(state.repos, TURBO.name))


def test_a_hub_without_ranges_sends_everything_again(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    state.trouble = Trouble(only="model.safetensors", cut=100_000, cuts=2, no_ranges=True)
    (parcel,) = _pull(hub, destination)
    assert is_part_of(parcel.folder, contents(state.repos, TURBO.name))


@pytest.mark.parametrize("harm", ["spoilt", "grown"])
def test_what_is_not_what_was_promised_is_thrown_away(
    server: tuple[Hub, State], destination: Destination, harm: str
) -> None:
    hub, state = server
    parcels = look_up(hub, [TURBO], destination)
    if harm == "spoilt":
        state.trouble = Trouble(only=WEIGHTS, spoil=True)
    else:
        state.repos[TURBO.repo][WEIGHTS] += b"more"
        state.commit = lambda repo: parcels[0].remote.commit  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="arrived damaged") as caught:
        fetch(hub, parcels, silent)
    assert (caught.value.exit_code, caught.value.code) == (7, "damaged_download")
    assert WEIGHTS in caught.value.message
    assert not parcels[0].folder.exists()
    sizes = [path.stat().st_size for path in destination.path.rglob("*.incomplete")]
    assert sizes == []


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "not_allowed", "HF_TOKEN"),
        (403, "not_allowed", "HF_TOKEN"),
        (404, "not_found", "check the name"),
        (429, "too_many_requests", "wait"),
        (500, "hub_failed", "later"),
        (503, "hub_failed", "later"),
    ],
)
@pytest.mark.parametrize("only", ["", "config.json", "model.safetensors"])
def test_what_a_hub_refuses_is_told_in_words(
    server: tuple[Hub, State], tmp_path: Path, status: int, code: str, hint: str, only: str
) -> None:
    hub, state = server
    state.trouble = Trouble(only=only, status=status)
    with pytest.raises(NetworkError) as caught:
        _pull(hub, Destination(tmp_path / "hub", is_hub=True))
    assert (caught.value.code, caught.value.exit_code) == (code, 7)
    assert hint in caught.value.hint
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_that_passes_is_waited_for(
    server: tuple[Hub, State], tmp_path: Path, status: int
) -> None:
    hub, state = server
    state.trouble = Trouble(only="model.safetensors", status=status, times=3)
    (parcel,) = _pull(hub, Destination(tmp_path, is_hub=False))
    assert not lacking(parcel.folder, "dit")
    state.trouble = Trouble(status=status, times=3)
    assert look_up(hub, [TURBO], Destination(tmp_path, is_hub=False))[0].is_installed


def test_a_hub_is_asked_for_patience_within_reason() -> None:
    class Refusal(Exception):
        class response:
            headers = {"Retry-After": "7"}  # noqa: RUF012

    assert remote.pause(1, Refusal()) == 7.0
    Refusal.response.headers["Retry-After"] = "86400"
    assert remote.pause(1, Refusal()) == 30.0
    assert remote.pause(3) == 4 * remote.pause(1)
    assert remote.pause(40) == 30.0


def test_without_a_network_the_remedy_is_named(tmp_path: Path) -> None:
    with serving({}) as (url, _):
        pass  # nobody listens there any more
    place = Destination(tmp_path, is_hub=True)
    with pytest.raises(NetworkError, match="cannot be reached") as caught:
        _pull(Hub.of({"HF_ENDPOINT": url}), place)
    assert caught.value.code == "unreachable" and "connection" in caught.value.hint
    for environ in ({"HF_HUB_OFFLINE": "1"}, {"TRANSFORMERS_OFFLINE": "true"}):
        with pytest.raises(NetworkError, match="HF_HUB_OFFLINE is set") as caught:
            _pull(Hub.of(environ), place)
        assert caught.value.code == "offline"


def test_files_that_lie_on_another_host_come_from_there_without_the_token(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    state.trouble = Trouble(only="model.safetensors", elsewhere=True, cut=400_000, cuts=2)
    (parcel,) = _pull(replace(hub, token="hf_secret"), destination)
    assert is_part_of(parcel.folder, contents(state.repos, TURBO.name))
    assert state.nbytes_sent() == parcel.remote.nbytes
    assert state.tokens == {"Bearer hf_secret"} and state.tokens_elsewhere == set()
    assert any(asked.startswith("GET /elsewhere/") for asked in state.asked)


@pytest.mark.parametrize("variable", ["HF_TOKEN", "HUGGINGFACE_TOKEN"])
def test_tokens_are_sent(server: tuple[Hub, State], tmp_path: Path, variable: str) -> None:
    hub, state = server
    _pull(
        Hub.of({"HF_ENDPOINT": hub.endpoint, variable: "hf_secret"}),
        Destination(tmp_path, is_hub=False),
        VAE,
    )
    assert state.tokens == {"Bearer hf_secret"}


def test_a_repository_without_the_checkpoint_is_no_use(
    server: tuple[Hub, State], destination: Destination
) -> None:
    hub, state = server
    del state.repos[TURBO.repo]["acestep-v15-turbo/silence_latent.pt"]
    with pytest.raises(CheckpointError, match=r"it lacks silence_latent\.pt"):
        look_up(hub, [TURBO], destination)
    with pytest.raises(NetworkError, match="repository not found"):
        look_up(hub, [BY_NAME["scragvae"]], destination)


def test_a_full_disk_is_noticed_before_and_meanwhile(
    server: tuple[Hub, State], destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, _ = server
    parcels = look_up(hub, [TURBO], destination)
    check_room(parcels, destination)
    usage = shutil.disk_usage(Path("/"))._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match="1 MB free and 18 MB are needed") as caught:
        check_room(parcels, destination)
    assert (caught.value.code, caught.value.exit_code) == ("disk_full", 6)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching, "transfer", full)
    with pytest.raises(OutputError, match="is full") as caught:
        fetch(hub, parcels, silent)
    assert caught.value.code == "disk_full" and "--checkpoints" in caught.value.hint
