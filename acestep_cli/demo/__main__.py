"""`python -m acestep_cli.demo tiny FOLDER`: write a tiny random checkpoint set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from acestep_cli.errors import AceStepError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    from acestep_cli.demo.sizes import TINY
    from acestep_cli.demo.tiny import build_set, holds_set

    folder: Path = options.folder.absolute()
    try:
        if options.force or not holds_set(folder, TINY, options.seed):
            build_set(folder, TINY, options.seed, force=options.force)
    except AceStepError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return int(error.exit_code)
    print(folder)
    print("random weights: they make noise, not music", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m acestep_cli.demo",
        description="Checkpoints for trying the program without a download.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    tiny = commands.add_parser(
        "tiny",
        help="write a tiny set of random weights, which makes noise and not music",
        description="Write a tiny checkpoint set in the published layout: turbo, base, text "
        "encoder, planner and VAE. Its weights are random: it makes noise, not music.",
    )
    tiny.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    tiny.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same number gives the same bytes"
    )
    tiny.add_argument("--force", action="store_true", help="replace an earlier set in FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
