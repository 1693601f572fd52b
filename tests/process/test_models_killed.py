"""Pulls that are killed at random moments: nothing partial is ever listed, nothing is lost.

`ACESTEP_TEST_KILLS` sets how many are killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acestep_cli.weights.catalog import BY_NAME
from acestep_cli.weights.folder import lacking
from tests.hub.repos import BUNDLED, contents, golden, is_part_of
from tests.hub.server import State, Trouble, serving
from tests.process.programs import acestep, environment, run

KILLS = int(os.environ.get("ACESTEP_TEST_KILLS", "6"))
# What is fetched again beyond what is missing.
MOST_AGAIN = 1.1
NAMES = BUNDLED


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, State]]:
    """A hub of about 12 MB a second."""
    with serving(golden(*NAMES)) as (url, state):
        state.trouble = Trouble(seconds_a_piece=0.0012)
        yield url, state


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_pull_shows_nothing_partial_and_is_gone_on_with(
    tmp_path: Path, server: tuple[str, State], number: int
) -> None:
    url, state = server
    draw = random.Random(number)
    place = ["--checkpoints", str(tmp_path / "place")] if number % 2 else []
    env = environment(tmp_path, HF_ENDPOINT=url)
    total = _needed_bytes(state)
    sent = state.nbytes_sent()
    process = subprocess.Popen(
        acestep("models", "pull", *NAMES, *place),
        cwd=tmp_path,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # At any number of bytes, the end and the time after it included.
    _await_bytes(process, state, sent + draw.randrange(int(total * 1.05)))
    time.sleep(draw.uniform(0, 0.03))
    process.send_signal(signal.SIGKILL)
    process.wait()
    _await_silence(state)

    listed = _listed(tmp_path, env, place)
    for row in listed["installed"]:
        assert is_part_of(Path(row["path"]), contents(state.repos, row["name"])), row
    missing = total - _kept_bytes(tmp_path)
    sent = state.nbytes_sent()
    done = run(acestep("models", "pull", *NAMES, *place), tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    again = state.nbytes_sent() - sent
    print(f"kill {number}: {missing} of {total} missing, {again} fetched")
    assert again <= MOST_AGAIN * missing
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert len(folders) == len(NAMES)
    for name, folder in zip(NAMES, folders, strict=True):
        assert is_part_of(folder, contents(state.repos, name))
        assert not lacking(folder, BY_NAME[name].kind)
    assert not [*tmp_path.rglob("*.incomplete"), *tmp_path.rglob(".*.partial")]


def _needed_bytes(state: State) -> int:
    """What a whole pull fetches: clutter and what stands in for another file left out."""
    kept = (".safetensors", ".pt", "config.json", "tokenizer.json")
    return sum(
        len(content)
        for name in NAMES
        for path, content in contents(state.repos, name).items()
        if path.endswith(kept) and path != "tokenizer_config.json"
    )


def _kept_bytes(home: Path) -> int:
    """The bytes of needed files on disk, whole or growing."""
    growing = [
        path
        for folder in (home / ".cache", home / "place")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    kept = (path for path in growing if path.suffix not in (".lock", ".TAG"))
    return sum(
        path.stat().st_size
        for path in kept
        if path.name != ".acestep.json" and "refs" not in path.parts
    )


def _await_bytes(process: subprocess.Popen[bytes], state: State, nbytes: int) -> None:
    while process.poll() is None and state.nbytes_sent() < nbytes:
        time.sleep(0.002)


def _await_silence(state: State) -> None:
    """Until the server has noticed that nobody reads."""
    sent = -1
    while sent != state.nbytes_sent():
        sent = state.nbytes_sent()
        time.sleep(0.05)


def _listed(home: Path, env: dict[str, str], place: list[str]) -> Any:
    shown = run(acestep("models", "list", "--json"), home, env=_with_place(env, place))
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["data"]


def _with_place(env: dict[str, str], place: list[str]) -> dict[str, str]:
    return {**env, "ACESTEP_CHECKPOINTS_DIR": place[1]} if place else env
