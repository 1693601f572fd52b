"""One side in a process of its own: reads a request a line, answers with seconds.

`python -m benchmarks.worker SIDE ROOT SCRATCH DEVICE DTYPE THREADS`. Requests and replies are JSON:
`{"stage", "size", "save"}` gives `{"seconds"}`; the side `machine` takes `{"dtype"}` and gives
`{"flops"}`. What libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import torch

from benchmarks.build import Folders
from benchmarks.ceiling import matmul_rate, synchronise
from benchmarks.side import Options, open_side

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def main(arguments: list[str]) -> None:
    """Answer requests until standard input ends."""
    side, root, scratch, device, dtype, threads = arguments
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    options = Options(device, dtype, int(threads))
    torch.set_num_threads(options.threads)
    answer = _machine(options) if side == "machine" else _side(side, root, scratch, options)
    with torch.no_grad():
        serve(sys.stdin, replies, answer)


def serve(requests: Iterable[str], replies: TextIO, answer: Answer) -> None:
    """Answer every line of `requests`."""
    for line in requests:
        replies.write(json.dumps(answer(json.loads(line))) + "\n")
        replies.flush()


def _machine(options: Options) -> Answer:
    device = torch.device(options.device)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if device.type == "cuda" and not torch.cuda.is_available():
            return {"flops": None}
        return {"flops": matmul_rate(getattr(torch, request["dtype"]), device)}

    return answer


def _side(side: str, root: str, scratch: str, options: Options) -> Answer:
    stages = open_side(side, Folders(Path(root)), options, Path(scratch)).stages()
    device = torch.device(options.device)
    # The stage of the last request, so that repeating it times the work alone.
    ready: dict[tuple[str, float], Callable[[], torch.Tensor]] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        key = request["stage"], request["size"]
        if key not in ready:
            ready.clear()
            ready[key] = stages[key[0]](key[1])
        synchronise(device)
        start = time.perf_counter()
        made = ready[key]()
        synchronise(device)
        seconds = time.perf_counter() - start
        if request["save"]:
            import numpy as np

            np.save(request["save"], made.float().cpu().numpy())
        return {"seconds": seconds}

    return answer


if __name__ == "__main__":
    main(sys.argv[1:])
