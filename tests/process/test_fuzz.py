"""Command lines drawn from a seed, over all commands: never a traceback, always a documented exit
code, one object with `--json`, nothing on stdout after a failure, nothing half-written.

`ACESTEP_TEST_FUZZ=1000` asks for more lines, `ACESTEP_TEST_SEED` for others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.process.fuzz_world import Answer, World
from tests.process.fuzzing import Line, line
from tests.process.programs import ROOT, acestep, environment
from tests.process.tree import runnable

LINES = int(os.environ.get("ACESTEP_TEST_FUZZ", "200"))
SEED = int(os.environ.get("ACESTEP_TEST_SEED", "1"))
WORKERS = 2
PROCESSES = 8
SECONDS = 60 + 3 * LINES
# What answers without a model, so that a process of its own is quick.
_QUICK = ("status", "jobs", "config", "completions", "schema", "help", "lyrics", "skill")


def answers(folder: Path, first: int, stop: int) -> list[dict[str, Any]]:
    """The reports of the lines `first` to `stop` (excluded), made by one process."""
    program = [sys.executable, "-m", "tests.process.fuzz_answers", str(folder)]
    try:
        done = subprocess.run(
            [*program, str(SEED), str(first), str(stop)],
            cwd=ROOT,
            env=environment(folder),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"too slow; the last lines: {late.stdout!r:.500}") from late
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    reports = [row for row in rows if "number" in row]
    assert done.returncode == 0, f"line {rows[-1:]} ended all: {done.stderr[-3000:]}"
    assert len(reports) == stop - first
    return reports


def test_no_line_is_too_odd(tmp_path: Path) -> None:
    bounds = [LINES * number // WORKERS for number in range(WORKERS + 1)]
    folders = [tmp_path / str(number) for number in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(answers, folders, bounds[:-1], bounds[1:])
        reports = [report for part in parts for report in part]
    wrong = [report for report in reports if report["faults"]]
    assert not wrong, "\n\n".join(json.dumps(report, indent=1) for report in wrong[:20])
    # The lines must reach what they are about.
    codes = [report["code"] for report in reports]
    assert codes.count(0) > LINES / 8
    assert codes.count(2) > LINES / 8
    assert sum(report["made"] for report in reports) > LINES / 20
    print(f"{LINES} lines of seed {SEED}: { ({code: codes.count(code) for code in set(codes)}) }")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same place for lines that are processes of their own."""
    folder = tmp_path_factory.mktemp("world")
    program = "from pathlib import Path\nfrom tests.process import fuzz_answers as answers\n"
    program += f"answers.stand_in()\nanswers.build(Path({str(folder)!r}))\n"
    env = environment(folder)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True, timeout=SECONDS)
    return World(folder)


def test_lines_of_their_own(world: World) -> None:
    verbs = [verb for verb in runnable() if verb.words[0] in _QUICK]
    found = []
    for number in range(len(verbs), len(verbs) + PROCESSES):
        one = line(SEED, number, verbs)
        world.fresh(one)
        found += [
            f"{one.arguments}: {fault}" for fault in world.faults(one, as_process(one, world))
        ]
        world.mend()
    assert not found, "\n".join(found)


def as_process(one: Line, world: World) -> Answer:
    """What the program says to `one` as a process."""
    done = subprocess.run(
        acestep(*one.arguments),
        cwd=world.cwd,
        env=environment(world.home, **world.environ(one)),
        input=one.stdin,
        capture_output=True,
        timeout=SECONDS,
    )
    return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "backslashreplace"))
