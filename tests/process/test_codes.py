"""Sound to audio codes in processes of their own: the same file, the same codes."""

from __future__ import annotations

import sys
from pathlib import Path

from acestep_cli.audio import read_audio
from tests.process.programs import run

GOLDEN = Path(__file__).parents[1] / "golden"
PROGRAM = """
import sys
from acestep_cli.audio import load_for_model
from acestep_cli.pipeline.hints import codes_of_audio
from tests.unit.pipeline.songs import networks_of
print(*codes_of_audio(load_for_model(sys.argv[1]), networks_of(sys.argv[2])))
"""


def codes_in(file: Path, folder: Path, model: str = "acestep-v15-turbo") -> list[int]:
    done = run([sys.executable, "-c", PROGRAM, str(file), model], folder)
    assert done.returncode == 0, done.stderr
    return [int(code) for code in done.stdout.split()]


def test_a_file_has_its_codes(tmp_path: Path) -> None:
    file = GOLDEN / "audio" / "src_mono44k.wav"
    codes = codes_in(file, tmp_path)
    frames = int(read_audio(file).seconds * 25)
    assert len(codes) == -(-frames // 5)
    assert all(0 <= code < 64_000 for code in codes)
    assert len(set(codes)) > 1
    assert codes_in(file, tmp_path) == codes
    assert codes_in(file, tmp_path, "acestep-v15-base") != codes
