"""`python -m tests.process.planning_answers FOLDER CHECKPOINTS`: what the program says to all
malformed planning, in one process and without torch. Files are made in FOLDER.

One JSON list a line: name, right exit codes, exit code, stdout, stderr.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from pathlib import Path

from acestep_cli import cli
from tests.process.malformed import Malformed
from tests.process.malformed_planning import invocations


def answer(case: Malformed) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `case` with `--json`."""
    os.environ.update(case.environ)
    sys.stdin = io.TextIOWrapper(io.BytesIO(case.stdin))
    saved = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        try:
            cli.main([*case.arguments, "--json"])
        except SystemExit as stopped:
            code = stopped.code
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode())
    for name in case.environ:
        del os.environ[name]
    assert isinstance(code, int)
    return code, texts[0], texts[1]


def main() -> None:
    """Answer all, in order."""
    folder, checkpoints = map(Path, sys.argv[1:])
    for case in invocations(folder, checkpoints):
        print(json.dumps([case.name, sorted(case.codes), *answer(case)]))
    loaded = {"torch", "numpy", "transformers"} & sys.modules.keys()
    assert not loaded, loaded


if __name__ == "__main__":
    main()
