"""Sound to audio codes in processes of their own: the same file, the same codes."""

from __future__ import annotations

import array
import math
import sys
import wave
from pathlib import Path

from tests.process.programs import run

RATE, SECONDS = 44_100, 0.9
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


def a_tone(file: Path) -> Path:
    """A rising tone, one channel of 16 bits at 44.1 kHz."""
    times = (index / RATE for index in range(int(SECONDS * RATE)))
    values = [int(20_000 * math.sin(400 * time * (1 + time))) for time in times]
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(array.array("h", values).tobytes())
    return file


def test_a_file_has_its_codes(tmp_path: Path) -> None:
    file = a_tone(tmp_path / "tone.wav")
    codes = codes_in(file, tmp_path)
    assert len(codes) == math.ceil(math.floor(SECONDS * 25) / 5)
    assert all(0 <= code < 64_000 for code in codes)
    assert codes_in(file, tmp_path) == codes
    assert codes_in(file, tmp_path, "acestep-v15-base") != codes
