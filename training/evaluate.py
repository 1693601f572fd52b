"""`python -m training.evaluate`: does the demonstration make what it is asked for?

Draws requests that training has never seen, has the package's own command line make each, measures
the sound and prints what was found beside chance (the same sounds held against other requests), the
band itself (the most that the measures can tell) and what should be reached. All of it is written
as JSON too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from acestep_cli.weights.demonstration import is_whole
from training.evaluation.covers import cover_rows
from training.evaluation.making import Studio
from training.evaluation.plans import planner_rows
from training.evaluation.references import reference_rows
from training.evaluation.repaint import repaint_rows
from training.evaluation.rows import Row, table_of
from training.evaluation.songs import instrument_rows, song_rows
from training.evaluation.tracks import complete_rows, extract_rows, lego_rows
from training.evaluation.understanding import understand_rows
from training.evaluation.voices import voice_rows

Rows = Callable[[Studio, int, float], list[Row]]

# What is measured, and with how many songs for each request that is asked for: of the named bands,
# ten each for 48 requests.
PARTS: dict[str, tuple[Rows, float]] = {
    "songs": (song_rows, 1.0),
    "instruments": (instrument_rows, 10 / 48),
    "repaint": (repaint_rows, 1 / 6),
    "extract": (extract_rows, 1 / 8),
    "lego": (lego_rows, 1 / 8),
    "complete": (complete_rows, 1 / 4),
    "cover": (cover_rows, 1 / 8),
    "reference": (reference_rows, 1 / 5),
    "voice": (voice_rows, 1 / 2),
    "planner": (planner_rows, 1.0),
    "understand": (understand_rows, 1 / 4),
}
DEFAULT = ("songs", "instruments", "repaint")
EVERYTHING = "all"
# Fewer seconds hold too few slow beats to tell a tempo by; more take hours.
SHORTEST, LONGEST = 5.0, 120.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the figures."""
    asked = _parser().parse_args(arguments)
    if asked.out is not None:
        _evaluate(asked, asked.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        _evaluate(asked, Path(folder))


def _evaluate(asked: argparse.Namespace, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    checkpoints = None if asked.checkpoints is None else asked.checkpoints.resolve()
    studio = Studio(out.resolve(), checkpoints, asked.jobs)
    rows: list[Row] = []
    began = time.monotonic()
    for name in PARTS if EVERYTHING in asked.only else asked.only:
        make_rows, share = PARTS[name]
        rows += make_rows(studio, max(round(asked.requests * share), 1), asked.seconds)
        _write(out / "figures.json", rows, asked)
    print(table_of(rows))
    print(f"\n{time.monotonic() - began:.0f} s; figures in {out / 'figures.json'}")


def _write(path: Path, rows: Sequence[Row], asked: argparse.Namespace) -> None:
    told = {
        "requests": asked.requests,
        "seconds": asked.seconds,
        "rows": [row.as_dict() for row in rows],
    }
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number of at least 1")
    return int(text)


def _length(text: str) -> float:
    """Seconds from `SHORTEST` to `LONGEST`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not SHORTEST <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not within {SHORTEST:g} to {LONGEST:g}")
    return seconds


def _set(text: str) -> Path:
    """A checkpoint set like the packaged one."""
    if not is_whole(Path(text)):
        raise argparse.ArgumentTypeError(f"{text} holds no whole set")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training.evaluate", description=__doc__)
    parser.add_argument(
        "--checkpoints", type=_set, help="a set like the packaged one, which is the default"
    )
    parser.add_argument("--requests", type=_count, default=48, help="songs that are asked for")
    parser.add_argument(
        "--seconds", type=_length, default=10.0,
        help=f"length of each, {SHORTEST:g} to {LONGEST:g}",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", default=DEFAULT, choices=(*PARTS, EVERYTHING), metavar="PART",
        help=f"what is measured: {', '.join(PARTS)}, or {EVERYTHING} of these "
        f"(default: {' '.join(DEFAULT)})",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=_count, default=os.cpu_count() or 1, help="processes that work at once"
    )
    parser.add_argument("--out", type=Path, help="folder that keeps sounds and figures")
    return parser


if __name__ == "__main__":
    main()
