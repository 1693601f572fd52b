"""`python -m tests.process.fuzz_answers FOLDER SEED FIRST STOP`: what the program says to fuzzed
command lines, run by `main` in one process, and what is wrong with it.

What takes long is stood in for: no network computes, the planner writes nothing, and of each song
only the beginning is written. One JSON object a line: before each command line its number, after it
`Report`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from acestep_cli import cli
from acestep_cli.audio import write
from acestep_cli.pipeline import hints, scene, song, timbre
from acestep_cli.pipeline.edit import HOP
from acestep_cli.pipeline.plan import Wish
from acestep_cli.pipeline.planner import Thought
from acestep_cli.run import planned, texts
from tests.conftest import GOLDEN
from tests.process.fuzz_world import Answer, World
from tests.process.fuzzing import Line, line
from tests.process.tree import runnable

LONGEST_SECONDS = 60
_FRAMES = 50  # two seconds of latents
_write_audio = write.write_audio


class NoPlanner:
    """Stands where the planner stands; takes everything as it is."""

    def plan(self, wish: Wish, seed: int, item: int | None = None) -> Thought:
        """The wish, with a caption where it had none."""
        return Thought(wish.filled(caption="a song"), {"bpm": wish.bpm or 120})

    def rewrite(self, wish: Wish, seed: int) -> Thought:
        """The same words."""
        return Thought(wish)

    def understand(self, codes: tuple[int, ...], seed: int) -> Thought:
        """Nothing is understood."""
        return Thought(Wish(caption="a song", duration=len(codes) / 5), {"bpm": 120})


def stand_in() -> None:
    """Put what is quick in the place of what takes long."""
    silence = torch.full((64,), 0.1)

    def encode(vae: Any, audio: Tensor, *_: Any, **__: Any) -> Tensor:
        return silence.repeat(max(audio.shape[1] // HOP, 1), 1)

    def decode(vae: Any, latents: Tensor, *_: Any, **__: Any) -> Tensor:
        draws = torch.Generator().manual_seed(1)
        return 0.1 * torch.randn(2, len(latents) * HOP, generator=draws)

    def sample(dit: Any, inputs: Any, *_: Any) -> Tensor:
        noise: Tensor = inputs.noise
        return noise

    def flow_edit(dit: Any, inputs: Any, *_: Any) -> Tensor:
        source: Tensor = inputs.source
        return source

    def write_beginning(path: Path, samples: Any, rate: int, *rest: Any, **more: Any) -> Any:
        return _write_audio(path, samples[:, : rate * 2], rate, *rest, **more)

    scene.encode_song = hints.encode_song = timbre.encode_song = encode  # type: ignore
    song.decode_song, song.sample, song.flow_edit = decode, sample, flow_edit  # type: ignore
    write.write_audio = write_beginning
    planned.open_planner = texts.open_planner = lambda *_: NoPlanner()  # type: ignore


def answer(arguments: tuple[str, ...], stdin: bytes, environ: dict[str, str]) -> Answer:
    """What `main` makes of a command line in the current folder."""
    before = dict(os.environ)
    os.environ.update(environ)
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    saved = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        try:
            cli.main(arguments)
        except SystemExit as stopped:
            code = stopped.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, number)
                os.close(copy)
            os.environ.clear()
            os.environ.update(before)
        stdout.seek(0)
        stderr.seek(0)
        assert isinstance(code, int)
        return Answer(code, stdout.read(), stderr.read().decode("utf-8", "backslashreplace"))


def build(folder: Path) -> World:
    """The world, with a job that was really made in it."""
    world = World(folder)
    first = folder / "first"
    first.mkdir(parents=True)
    os.chdir(first)
    empty = Line(-1, (), (), as_json=True)
    words = ("--json", "generate", "a song", "--duration", "2", "--checkpoints")
    environ = {**world.environ(empty), "ACESTEP_HOME": str(first)}
    made = answer((*words, str(GOLDEN / "checkpoints")), b"", environ)
    assert made.code == 0, made.stderr
    record = json.loads(made.stdout)["data"]
    world.build(record, Path(record["audio_paths"][0]).read_bytes())
    return world


def end_workers(world: World) -> None:
    """End the processes that a line left at work in this folder, and what they left half-written.

    What they do is tried elsewhere.
    """
    for path in world.new_records():
        pid = json.loads(path.read_text("utf-8"))["pid"]
        if pid == os.getpid():
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        for part in path.parent.glob(".*.part"):
            part.unlink()


def report(one: Line, world: World) -> dict[str, Any]:
    """Run `one` and say what it came to."""
    world.fresh(one)
    os.chdir(world.cwd)
    began = time.monotonic()
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
    said = answer(one.arguments, one.stdin, world.environ(one))
    faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - began
    end_workers(world)
    faults = world.faults(one, said)
    world.mend()
    return {
        "number": one.number,
        "arguments": [word.encode("utf-8", "backslashreplace").decode() for word in one.arguments],
        "surroundings": [one.environ, one.settings, one.project],
        "code": said.code,
        "seconds": round(seconds, 2),
        "made": len(world.new_records()),
        "faults": faults,
        "stdout": said.text[:2000] if faults else "",
        "stderr": said.stderr[-3000:] if faults else "",
    }


def main() -> None:
    """Run the lines FIRST to STOP (excluded) of SEED."""
    folder = Path(sys.argv[1])
    seed, first, stop = map(int, sys.argv[2:])
    stand_in()
    world = build(folder)
    verbs = runnable()
    for number in range(first, stop):
        print(json.dumps({"begins": number}), flush=True)
        print(json.dumps(report(line(seed, number, verbs), world)), flush=True)


if __name__ == "__main__":
    main()
