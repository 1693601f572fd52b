"""`python -m benchmarks`: build the weights once, then measure both sides."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from acestep_cli.errors import AceStepError
from acestep_cli.hardware.cpu import cpu_name, usable_cores
from benchmarks import planner, stages, table
from benchmarks.build import SIZES, Folders, build
from benchmarks.cuda import cuda
from benchmarks.results import TARGETS, Report, Row
from benchmarks.side import Options
from benchmarks.song import song
from benchmarks.stages import Bench

STAGES: dict[str, Callable[[Bench], None]] = {
    "start": stages.start,
    "words": stages.words,
    "dit": stages.dit,
    "vae": stages.vae,
    "song": song,
    "planner": planner.planner,
    "cuda": cuda,
}
_NOTICEABLE = 1.02
_PACKAGES = ("torch", "diffusers", "transformers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all that was asked for could be measured (targets are only told)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # As an exception, so that children and the scratch folder go too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if words[:1] == ["build"]:
        return _build_only(words[1:])
    if words[:1] == ["planner"]:
        return planner.command(words[1:], _begin, _end)
    options = _parser().parse_args(words)
    folders = Folders(options.folder.absolute())
    if not folders.is_built:
        if not options.build:
            return _error(f"{folders.root} holds no weights", "write them first with --build")
        status = _build(folders.root, options.size)
        if status:
            return status
    return _measure(folders, options)


def _measure(folders: Folders, options: argparse.Namespace) -> int:
    how = Options(dtype="bfloat16", threads=options.threads)
    report = _begin(how)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="acestep-bench-") as scratch:
        bench = Bench(folders, how, report, Path(scratch), options.budget, options.seconds)
        stages.ceiling(bench)
        first = report.ceiling(how.device) or 0.0
        print(*table.ceilings(report), "", table.header(), sep="\n", flush=True)
        for name in options.only:
            STAGES[name](bench)
        stages.ceiling(bench)
    if (report.ceiling(how.device) or 0.0) > _NOTICEABLE * first:
        # The rows above were told with a lower ceiling than the machine turned out to have.
        print("", "again, with the ceiling of the end:", *table.whole(report), sep="\n")
    print("", *table.ceilings(report), *table.unquiet(report), table.LEGEND, sep="\n")
    print(*table.summary(report, _wanted(options)), sep="\n")
    print(f"took {time.monotonic() - began:.0f} s", flush=True)
    if options.json is not None:
        text = json.dumps(report.as_dict(), indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
    return 1 if report.failures else 0


def _begin(how: Options) -> Report:
    report = Report(_machine(how), lambda news: _say(report, news))
    _tell_machine(report.machine)
    return report


def _end(report: Report) -> int:
    print("", *table.summary(report, ()), sep="\n")
    return 1 if report.failures else 0


def _say(report: Report, news: Row | str) -> None:
    line = news if isinstance(news, str) else table.row_line(news, report.ceiling(news.device))
    print(line, flush=True)


def _wanted(options: argparse.Namespace) -> set[str]:
    """The targets that the chosen stages and lengths should show."""
    # The larger planner has targets too, but only its own command measures it.
    shown = {key for key in TARGETS if not key.startswith("planner-1.7B")}
    keys = {key for key in shown if key.split("-")[0] in options.only}
    if options.seconds is None:
        return keys
    lengths = {f"{stage}-{length:g}" for stage in ("dit", "vae") for length in options.seconds}
    by_length = {key for key in keys if key[:4] in ("dit-", "vae-") and key[4:].isdigit()}
    return keys - (by_length - lengths)


def _machine(options: Options) -> dict[str, Any]:
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "threads": options.threads,
        "dtype": options.dtype,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


def _tell_machine(machine: dict[str, Any]) -> None:
    packages = ", ".join(f"{name} {machine[name]}" for name in ("python", *_PACKAGES))
    print(
        f"{machine['cpu']}, {machine['threads']} threads each on {machine['cores']} cores, "
        f"{machine['dtype']}, load {machine['load']} at the start\n{packages}",
        flush=True,
    )


def _build_only(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks build",
        description="Write random weights in the published layout and in diffusers'. They make "
        "noise, not music. The full size takes about 11 GB.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write them")
    _add_size(parser)
    options = parser.parse_args(words)
    return _build(options.folder, options.size)


def _build(folder: Path, size: str) -> int:
    try:
        built = build(folder, size)
    except AceStepError as error:
        return _error(error.message, error.hint)
    print(f"random weights, {size} size, in {built.root}", flush=True)
    return 0


def _error(message: str, hint: str) -> int:
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time and memory of every stage beside diffusers' AceStep pipeline, on the "
        "same random weights. `python -m benchmarks build FOLDER` writes them.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder that build wrote")
    parser.add_argument("--build", action="store_true", help="write the weights if none are there")
    _add_size(parser)
    parser.add_argument(
        "--only", type=_stages, default=list(STAGES), metavar="STAGE,...", help=", ".join(STAGES)
    )
    parser.add_argument(
        "--seconds", type=_lengths, metavar="S,...", help="lengths for DiT steps and VAE decoding"
    )
    parser.add_argument(
        "--budget", type=float, default=30.0, metavar="S",
        help="seconds a row may compute, one run at least (30)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of each side (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE")
    return parser


def _add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", choices=SIZES, default="full", help="of the weights to write (full)"
    )


def _stages(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(STAGES)}")
    return [name for name in STAGES if name in names]


def _lengths(text: str) -> tuple[float, ...]:
    try:
        lengths = tuple(float(part) for part in text.split(","))
    except ValueError:
        lengths = ()
    if not lengths or not all(1 <= length <= 600 for length in lengths):
        raise argparse.ArgumentTypeError(f"{text!r} must list seconds from 1 to 600")
    return lengths


if __name__ == "__main__":
    sys.exit(main())
