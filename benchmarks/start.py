"""A fresh process that imports one side, loads all its networks and ends.

`python -m benchmarks.start SIDE ROOT SCRATCH DEVICE DTYPE THREADS` prints `mark imported` and
`mark loaded`; whoever started it looks at the clock.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.build import Folders
from benchmarks.side import Options, open_side

# What a song needs on each side, writing the file included.
NEEDED = {
    "ours": ("soundfile", "tokenizers", "acestep_cli.audio.write", "acestep_cli.pipeline.song"),
    "theirs": ("soundfile", "diffusers.pipelines.ace_step.pipeline_ace_step"),
}


def main(arguments: list[str]) -> None:
    """Import, mark, load, mark."""
    side, root, scratch, device, dtype, threads = arguments
    for name in NEEDED[side]:
        importlib.import_module(name)
    mark("imported")
    options = Options(device, dtype, int(threads))
    kept = open_side(side, Folders(Path(root)), options, Path(scratch)).load()
    mark("loaded")
    del kept


def mark(name: str) -> None:
    """Say that `name` is done."""
    print(f"mark {name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
