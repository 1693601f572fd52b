"""The commands on the built-in demonstration, listened to: is it what was asked for?

`python -m training.evaluate` asks the same of many more songs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acestep_cli.weights.demonstration import DEMO
from tests.process.programs import acestep, environment, run
from training.band.recipes import is_withheld
from training.band.score import Recipe
from training.measures.key import estimate_key
from training.measures.likeness import region_difference
from training.measures.sound import Sound
from training.measures.tempo import judge_tempo, librosa_tempo

RATE = 48_000
SECONDS = 10


@dataclass(frozen=True)
class Request:
    """What is asked for: a combination of style, tempo and key that is kept out of training."""

    style: str
    caption: str
    bpm: int
    root: int
    mode: str
    parts: tuple[str, ...]
    seed: int

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.style, self.bpm, self.root, self.mode, 4, self.parts)


# The beat of these weights wanders, so a tempo is not right with every seed. These requests come
# out as asked, and would not if the pipeline lost the tempo; `training.evaluate` has the rates.
SLOWER_DRUMS = Request("folk", "folk, drums only", 74, 0, "minor", ("drums",), 1)
FASTER_DRUMS = Request("house", "house, drums only", 138, 8, "minor", ("drums",), 3)
PIANO = Request("ballad", "ballad, solo piano", 92, 6, "minor", ("keys",), 1)
# Drums are bright, the piano is not: share of the energy above these hertz, in dB.
BRIGHT_HERTZ, PARTING_SHARE = 2500, -30.0
REPAINTED = "house with bass and drums"
START, END = 2.5, 8.0
CHANGED = 0.1


def make(folder: Path, name: str, *words: str) -> Sound:
    """The sound that `acestep` makes of `words`, float32 [2, samples]."""
    target = folder / f"{name}.wav"
    command = acestep(
        *words, "--model", DEMO, "--no-lm", "--bit-depth", "32", "--quiet", "-o", str(target)
    )
    done = run(command, folder, env=environment(folder, OMP_NUM_THREADS="1"))
    assert done.returncode == 0, done.stderr
    return sound_of(target)


def sound_of(path: Path) -> Sound:
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(sound.T)


def generate(folder: Path, name: str, asked: Request) -> Sound:
    return make(
        folder, name, "generate", asked.caption,
        "--bpm", str(asked.bpm), "--key", asked.recipe.keyscale, "--time-sig", "4",
        "--duration", str(SECONDS), "--seed", str(asked.seed),
        "--lyrics", "[Instrumental]",
    )  # fmt: skip


def bright_share(sound: Sound) -> float:
    power = np.abs(np.fft.rfft(sound)) ** 2
    bright = power[:, np.fft.rfftfreq(sound.shape[1], 1 / RATE) > BRIGHT_HERTZ]
    return float(10 * np.log10(bright.sum() / power.sum()))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a song with drums alone."""
    folder = tmp_path_factory.mktemp("house")
    generate(folder, "drums", FASTER_DRUMS)
    return folder / "drums.wav"


def test_the_requests_are_none_that_training_has_seen() -> None:
    for asked in (SLOWER_DRUMS, FASTER_DRUMS, PIANO):
        assert is_withheld(asked.recipe), asked


def test_generate(house: Path, tmp_path: Path) -> None:
    slower = generate(tmp_path, "slower", SLOWER_DRUMS)
    piano = generate(tmp_path, "piano", PIANO)
    faster = sound_of(house)
    assert {sound.shape for sound in (slower, faster, piano)} == {(2, SECONDS * RATE)}
    assert judge_tempo(librosa_tempo(faster), FASTER_DRUMS.bpm) == "right", librosa_tempo(faster)
    assert librosa_tempo(slower) == pytest.approx(SLOWER_DRUMS.bpm, rel=0.12)
    assert min(bright_share(slower), bright_share(faster)) > PARTING_SHARE
    assert estimate_key(piano) == PIANO.recipe.keyscale
    assert bright_share(piano) < PARTING_SHARE


def test_repaint(house: Path, tmp_path: Path) -> None:
    before = sound_of(house)
    after = make(
        tmp_path, "after", "repaint", str(house), REPAINTED, "--seed", "2",
        "--from", str(START), "--to", str(END),
    )  # fmt: skip
    first, last = round(START * RATE), round(END * RATE)
    assert after.shape == before.shape
    np.testing.assert_array_equal(after[:, :first], before[:, :first])
    np.testing.assert_array_equal(after[:, last:], before[:, last:])
    assert region_difference(before, after, START, END) > CHANGED
    inside = np.ascontiguousarray(after[:, first:last])
    assert librosa_tempo(inside) == pytest.approx(FASTER_DRUMS.bpm, rel=0.08)
