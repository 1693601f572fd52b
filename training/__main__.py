"""Train the demonstration checkpoint from nothing and write it: `python -m training`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from platformdirs import user_cache_path

from acestep_cli import demo
from acestep_cli.errors import ExitCode
from acestep_cli.weights.demonstration import is_whole
from training.export import CONTENT, write_set
from training.loop import Run
from training.stages import (
    PLANS,
    TRAINERS,
    borrowed,
    train_side_by_side,
    train_stages,
    unfinished,
    with_codes,
)
from training.start import start_from

PACKAGED = Path(demo.__file__).parent / "checkpoint"
STATE = user_cache_path("acestep-training")
STAGES = (*TRAINERS, "export")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages that are asked for, in order; a finished one is only loaded."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.start is not None and not is_whole(options.start):
        parser.error(f"--start {options.start} holds no whole set")
    if options.share < 1 and (_same(options.out, PACKAGED) or _same(options.state, STATE)):
        parser.error(f"--share {options.share:g} is a trial: name its own --state and --out")
    stages = options.stages or STAGES
    torch.set_num_threads(options.threads)
    _check_out(parser, options.out, options.state)
    try:  # before hours of training, not when its first state is saved
        options.state.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        parser.error(f"--state {options.state} can be no folder ({problem.strerror}): name another")
    run = Run(options.state, options.share, options.device, options.workers)
    try:
        if options.start is not None:
            start_from(options.start, options.state, stages)
        else:
            _check_state(run, stages)
    except ValueError as problem:
        parser.error(str(problem))
    trained = [stage for stage in stages if stage != "export"]
    train = train_side_by_side if options.processes > 1 and len(trained) > 1 else train_stages
    try:
        train(trained, run)
        if "export" in stages:
            write_set(options.out, run, options.start, trained)
    except ChildProcessError as problem:
        return _stop(str(problem), options.state, 1)
    except KeyboardInterrupt:
        return _stop("stopped", options.state, ExitCode.INTERRUPTED)
    return 0


def _check_out(parser: argparse.ArgumentParser, out: Path, state: Path) -> None:
    """End where the set would take the place of anything but a set."""
    if out.exists() and not out.is_dir():
        parser.error(f"--out {out} is no folder: name another")
    if out.resolve() in (state.resolve(), *state.resolve().parents):
        parser.error(f"--state {state} lies in --out {out}, which is written anew: name another")
    foreign = sorted({path.name for path in out.iterdir()} - CONTENT) if out.exists() else []
    if foreign:
        parser.error(f"--out {out} holds {foreign[0]}, which is of no set: name another folder")


def _check_state(run: Run, stages: Sequence[str]) -> None:
    """ValueError where what `stages` need and do not make is missing, or is a set's."""
    made = with_codes(stages)
    missing = unfinished(run, PLANS.keys() - made) if "export" in stages else []
    if missing:
        raise ValueError(
            f"export needs {', '.join(missing)}, not trained yet: name them too, or none"
        )
    lent = borrowed(run, PLANS if "export" in stages else made)
    if lent:
        raise ValueError(
            f"--state {run.folder} has {lent[0]} of a set: name --start, or another state"
        )


def _stop(said: str, state: Path, status: int) -> int:
    print(f"{said}; the same command goes on from {state}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument(
        "stages",
        nargs="*",
        type=_stage,
        metavar="STAGE",
        help=f"of {', '.join(STAGES)}; all of them where none is named",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=STATE,
        help="where half-trained networks are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=PACKAGED, help="where the checkpoint set is written"
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="SET",
        help="begin from the weights of this set, not anew; where stages are named, all others "
        "stay as they are in it",
    )
    parser.add_argument(
        "--share",
        type=_share,
        default=1.0,
        metavar="PART",
        help="of the steps of every stage, in (0, 1]: below 1 a trial of the whole chain, which "
        "needs a --state and an --out of its own",
    )
    parser.add_argument(
        "--device",
        type=_device,
        default="cpu",
        help="of torch, where the networks are trained: cpu or cuda (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default=0,
        help="processes that make songs ahead for each process that trains: none on a CPU; beside "
        "a GPU the number of cores divided by --processes is best (default: %(default)s)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        choices=(1, 2),
        default=2,
        help="that train: two stages at once, or one after the other (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        default=1,
        help="of torch, for each process (default: %(default)s)",
    )
    return parser


def _stage(text: str) -> str:
    if text not in STAGES:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(STAGES)}")
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no number in (0, 1]")
    return share


def _device(text: str) -> str:
    if text != "cpu" and not (text == "cuda" and torch.cuda.is_available()):
        raise argparse.ArgumentTypeError(f"{text} is not at hand: cpu is, and cuda with a GPU")
    return text


def _workers(text: str) -> int:
    return _whole(text, 0)


def _threads(text: str) -> int:
    return _whole(text, 1)


def _whole(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} up")
    return int(text)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


if __name__ == "__main__":
    sys.exit(main())
