"""Jobs killed at random moments: records are whole and `status` is right about them, no song is
half-written under its name, and the next run works.

`ACESTEP_TEST_KILLS_JOBS=100` kills more of them, `ACESTEP_TEST_SEED` at other moments.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.process.killing import Killing, check_songs, kill, parts, songs_of
from tests.process.programs import acestep, run

JOBS = int(os.environ.get("ACESTEP_TEST_KILLS_JOBS", "10"))
SEED = int(os.environ.get("ACESTEP_TEST_SEED", "1"))
AT_ONCE = 2


def test_killed_at_any_moment(tmp_path: Path) -> None:
    first = Killing(JOBS, tmp_path, 0)
    began = time.monotonic()
    done = run(first.command(), tmp_path)
    longest = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    check_songs(first)

    killings = [Killing.drawn(SEED, number, tmp_path, longest) for number in range(JOBS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = list(pool.map(kill, killings))
    counts = {state: states.count(state) for state in sorted(set(states))}
    print(f"{JOBS} kills within {longest:.1f} s: {counts}; left: {len(parts(tmp_path))} parts")
    assert counts.keys() <= {"none", "queued", "running", "succeeded"}
    assert counts.get("running", 0) >= JOBS // 4, "the moments must lie within the work"

    listed = run(acestep("jobs", "--json", "--limit", "1000"), tmp_path)
    assert listed.returncode == 0, listed.stderr
    jobs = json.loads(listed.stdout)["data"]
    told = [job["state"] for job in jobs]
    expected = ["succeeded"] + ["dead" if state in ("queued", "running") else state
                                for state in states if state != "none"]  # fmt: skip
    assert sorted(told) == sorted(expected)
    _again(killings, tmp_path)
    _removed([job["job_id"] for job in jobs if job["state"] == "dead"], tmp_path)


def _removed(dead: list[str], folder: Path) -> None:
    """Dead jobs go with all that they left half-written."""
    for job_id in dead[:2]:
        (folder / "acestep_output" / f".{job_id}.json.ab12.part").write_bytes(b"{")
    done = run(acestep("jobs", "remove", "--yes", *dead), folder)
    assert done.returncode == 0, done.stderr
    left = [path.name for path in (folder / "acestep_output").iterdir()]
    assert not [name for name in left if any(job_id in name for job_id in dead)]


def _again(killings: list[Killing], folder: Path) -> None:
    """A killed job is made after all, and takes away what it left beside its song."""
    one = next(
        (one for one in killings if not songs_of(one)), replace(killings[0], number=JOBS + 1)
    )
    target = folder / one.target
    target.parent.mkdir(exist_ok=True)
    if one.songs == 1:
        target.with_name(f".{target.name}.ab12.part").write_bytes(b"half a song")
    done = run(one.command(), folder)
    assert done.returncode == 0, done.stderr
    assert len(songs_of(one)) == one.songs
    check_songs(one)
    assert not [part for part in parts(target.parent) if part.name.startswith(f".{one.number}.")]
