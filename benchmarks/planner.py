"""`python -m benchmarks planner`: codes a second in every form of weights, beside transformers."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from acestep_cli.demo.sizes import FULL_2B, TINY, QwenSizes, StackSizes
from acestep_cli.demo.tiny import build_qwen
from benchmarks import table
from benchmarks.build import Folders
from benchmarks.process import BenchmarkError, Worker
from benchmarks.results import Report, Row
from benchmarks.side import Options
from benchmarks.sizes import read_config
from benchmarks.stages import Bench

FORMS = {"none": 16, "int8": 8, "int4": 4}
_MODULE = "planner_sides"
_TOKENS, _MOST_ROUNDS = 24, 6
_CODES = 64_001
# The int4 form has a scale and a middle, 2 bytes each, for 64 values.
_INT4_EXTRA = 0.5


def _sizes() -> dict[str, QwenSizes]:
    """The published shapes, and a tiny one to try the command with."""
    small, tiny = FULL_2B.planner, TINY.planner
    assert small and tiny
    stack = StackSizes(width=2048, mlp=6144, heads=16, kv_heads=8, head_dim=128)
    return {"0.6B": small, "1.7B": replace(small, stack=stack), "tiny": tiny}


def planner(bench: Bench) -> None:
    """The stage of the whole benchmark: the 0.6B planner, written into the folder when first
    asked for."""
    measure(bench, bench.folders.root / "planner", ("0.6B",), tuple(FORMS))


def measure(bench: Bench, root: Path, sizes: Sequence[str], forms: Sequence[str]) -> None:
    """Rows for each of `sizes` and `forms`; weights are written below `root` where absent."""
    for size in sizes:
        folder = root / f"acestep-5Hz-lm-{size}"
        if not (folder / "model.safetensors").is_file():
            build_qwen(folder, _sizes()[size])
        seconds, told = _race(bench, folder, size, forms)
        _tell(bench, folder, size, seconds, told)


def _race(
    bench: Bench, folder: Path, size: str, forms: Sequence[str]
) -> tuple[dict[str, list[float]], dict[str, dict[str, float]]]:
    """Seconds a code of every round of each side, all taking turns, and what the sides said when
    they had begun. `memory` counts bytes a second instead."""
    sides = ("theirs", *forms, "memory")
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    told: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for side in sides:
            worker = Worker(side, Folders(folder), bench.options, bench.scratch, _MODULE)
            workers[side] = stack.enter_context(worker)
            told[side] = _ask(bench.report, size, workers, side, 2)
        began = time.monotonic()
        for _ in range(_MOST_ROUNDS):
            for side in tuple(workers):
                reply = _ask(bench.report, size, workers, side, _TOKENS)
                if reply:
                    seconds[side].append(reply.get("rate") or reply["seconds"] / _TOKENS)
            if time.monotonic() - began > bench.budget:
                break
    return seconds, told


def _ask(
    report: Report, size: str, workers: dict[str, Worker], side: str, tokens: int
) -> dict[str, float]:
    """A side's reply; nothing, now and from then on, of one that fails."""
    if side not in workers:
        return {}
    try:
        return workers[side].ask({"tokens": tokens})
    except BenchmarkError as failure:
        report.fail(f"planner {size}, {side}", failure)
        del workers[side]
        return {}


def _tell(
    bench: Bench,
    folder: Path,
    size: str,
    seconds: Mapping[str, list[float]],
    told: Mapping[str, Mapping[str, float]],
) -> None:
    """The rows of one size, and a sentence on each form."""
    report, theirs = bench.report, tuple(seconds["theirs"])
    rate = max(seconds["memory"], default=0.0)
    report.machine.setdefault("memory_bytes_per_second", {})[size] = rate
    for form in (side for side in seconds if side in FORMS):
        key = f"planner-{size}" + ("" if form == "none" else f"-{form}")
        kind = bench.options.dtype if form == "none" else form
        row = Row(
            key, f"planner {size}, {kind}, a code", "s", tuple(seconds[form]), theirs,
            device=bench.options.device,
        )  # fmt: skip
        report.add(row)
        if row.ours and rate:
            report.remark(_sentence(row, read_bytes(read_config(folder), FORMS[form]), rate))
    for what in ("load", "prompt"):
        for form in (side for side in seconds if side in FORMS):
            both = (told[form].get(what), told["theirs"].get(what))
            ours, peer = (() if value is None else (value,) for value in both)
            name = f"planner {size}, {form}, {what}"
            report.add(Row(f"planner-{what}-{size}-{form}", name, "s", ours, peer))


def _sentence(row: Row, size: float, rate: float) -> str:
    ours, theirs = row.best
    assert ours is not None
    beside = "" if theirs is None else f", transformers {1 / theirs:.1f}: {theirs / ours:.2f} times"
    return (
        f"{row.name.removesuffix(', a code')}: {1 / ours:.1f} codes/s{beside}; its {size / 1e9:.2f}"
        f" GB of weights at {rate / 1e9:.1f} GB/s allow {rate / size:.1f}: {size / rate / ours:.0%}"
    )


def read_bytes(config: Mapping[str, Any], bits: int) -> float:
    """Bytes of weights that a code needs: all layers and 64 001 rows of the head, of `bits` bits a
    value and what scales take besides."""
    width, mlp, head = (config[key] for key in ("hidden_size", "intermediate_size", "head_dim"))
    heads = 2 * (config["num_attention_heads"] + config["num_key_value_heads"])
    layer = width * (heads * head + 3 * mlp)
    values = config["num_hidden_layers"] * layer + _CODES * width
    return float(values * (bits + (_INT4_EXTRA if bits == 4 else 0)) / 8)


def command(
    words: Sequence[str], report: Callable[[Options], Report], finish: Callable[[Report], int]
) -> int:
    """`python -m benchmarks planner`; the exit status."""
    options = _parser().parse_args(words)
    how = Options(dtype=options.dtype, threads=options.threads)
    made = report(how)
    print(table.header(), flush=True)
    with tempfile.TemporaryDirectory(prefix="acestep-bench-") as scratch:
        root = Path(scratch) if options.folder is None else options.folder.absolute()
        bench = Bench(Folders(root), how, made, Path(scratch), options.budget)
        measure(bench, root, options.sizes, options.forms)
    if options.agreement:
        tell_agreement(made, options.forms)
    if options.json is not None:
        text = json.dumps(made.as_dict(), indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
    return finish(made)


def tell_agreement(report: Report, forms: Sequence[str]) -> None:
    """A sentence for each rounded form on how it agrees with bfloat16."""
    from benchmarks.planner_agreement import agreement

    for form in forms:
        if form != "none":
            found = agreement(form)
            report.remark(
                f"{form} beside bfloat16 on the small trained planner, {found.tokens} tokens: "
                f"{found.same:.1%} of the likeliest are the same, divergence "
                f"{found.divergence:.4f} nats a token"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks planner",
        description="Codes a second with guidance, in every form of weights, beside transformers "
        "with a static cache, on the same random weights, and beside what memory allows.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="keep the weights there (1 to 5 GB)"
    )
    parser.add_argument(
        "--sizes", type=_chosen(tuple(_sizes())), default=("0.6B",), metavar="SIZE,...",
        help="0.6B, 1.7B, tiny (0.6B)",
    )  # fmt: skip
    parser.add_argument(
        "--forms", type=_chosen(tuple(FORMS)), default=tuple(FORMS), metavar="FORM,...",
        help=", ".join(FORMS),
    )  # fmt: skip
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument(
        "--no-agreement", dest="agreement", action="store_false",
        help="do not compare rounded weights with bfloat16 on the golden planner",
    )  # fmt: skip
    parser.add_argument(
        "--budget", type=float, default=30.0, metavar="S", help="seconds for the rounds of a size"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of each side (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE")
    return parser


def _chosen(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return tuple(name for name in known if name in names)

    return parse
