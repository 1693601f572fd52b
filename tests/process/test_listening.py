"""The commands on the built-in demonstration, listened to: is it what was asked for?

`python -m training.evaluate` asks the same of many more songs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from acestep_cli.weights.demonstration import DEMO, DEMO_PLANNER
from tests.process.programs import acestep, environment, run
from training.band.compose import compose
from training.band.recipes import is_withheld
from training.band.score import Recipe
from training.band.synth import render
from training.evaluation.voices import ear_of_beats, sung_on
from training.measures.cleanliness import measure_cleanliness
from training.measures.key import estimate_key
from training.measures.likeness import (
    chroma_correlation,
    region_difference,
    si_sdr,
    timbre_distance,
)
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

    def words(self, lyrics: str = "[Instrumental]") -> tuple[str, ...]:
        return (
            "--bpm", str(self.bpm), "--key", self.recipe.keyscale, "--time-sig", "4",
            "--seed", str(self.seed), "--lyrics", lyrics,
        )  # fmt: skip


SLOWER_DRUMS = Request("folk", "folk, drums only", 74, 0, "minor", ("drums",), 1)
FASTER_DRUMS = Request("house", "house, drums only", 138, 8, "minor", ("drums",), 3)
PIANO = Request("ballad", "ballad, solo piano", 92, 6, "minor", ("keys",), 1)
SUNG = Request("pop", "pop, bass and female vocal", 107, 7, "major", ("bass", "vocals"), 2)
LINE = "la li lo le"  # sung in every bar, a syllable on each beat
# What the band itself plays as a source of edits.
PLAYED = Request("rock", "rock", 110, 7, "minor", ("drums", "bass", "keys"), 5)
PLAYED_IN_MAJOR = replace(PLAYED, root=11, mode="major")
# Drums are bright, the piano is not: share of the energy above these hertz, in dB.
BRIGHT_HERTZ, PARTING_SHARE = 2500, -30.0
REPAINTED = "house with bass and drums"
START, END = 2.5, 8.0
CHANGED = 0.1
# Tracks, the band's parts, and the dB that each gains over the mix.
EXTRACTED = (("drums", "drums", 7.5), ("bass", "bass", 5.5), ("keyboard", "keys", 4.5))


def go(folder: Path, *words: str, name: tuple[str, ...] = ("--model", DEMO)) -> str:
    """What `acestep` says to `words`, with the demonstration as `name` asks for it."""
    command = acestep(*words, *name, "--quiet")
    done = run(command, folder, env=environment(folder, OMP_NUM_THREADS="1"))
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(folder: Path, name: str, *words: str) -> Sound:
    """The sound that `acestep` makes of `words` without a planner, float32 [2, samples]."""
    target = folder / f"{name}.wav"
    go(folder, *words, "--no-lm", "--bit-depth", "32", "-o", str(target))
    return sound_of(target)


def sound_of(path: Path) -> Sound:
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(sound.T)


def generate(folder: Path, name: str, asked: Request, *more: str) -> Sound:
    length = ("--duration", str(SECONDS))
    return make(folder, name, "generate", asked.caption, *asked.words(), *length, *more)


def played(*parts: str, changed: Request = PLAYED) -> Sound:
    """Some parts of what the band plays of a request."""
    recipe = replace(changed.recipe, parts=("drums", "bass", "keys", "guitar", "pad"))
    score = compose(recipe, SECONDS, np.random.default_rng(changed.seed))
    return render(score.only(*parts))


def written(path: Path, sound: Sound) -> str:
    soundfile.write(path, 0.8 * sound.T / np.abs(sound).max(), RATE, subtype="FLOAT")
    return str(path)


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
    for asked in (SLOWER_DRUMS, FASTER_DRUMS, PIANO, SUNG, PLAYED, PLAYED_IN_MAJOR):
        assert is_withheld(asked.recipe), asked


def test_generate(house: Path, tmp_path: Path) -> None:
    slower = generate(tmp_path, "slower", SLOWER_DRUMS)
    piano = generate(tmp_path, "piano", PIANO)
    faster = sound_of(house)
    assert {sound.shape for sound in (slower, faster, piano)} == {(2, SECONDS * RATE)}
    assert judge_tempo(librosa_tempo(faster), FASTER_DRUMS.bpm) == "right", librosa_tempo(faster)
    # Nothing tells librosa which of its eighths are the beat.
    found = [judge_tempo(librosa_tempo(slower), SLOWER_DRUMS.bpm * each) for each in (1, 2)]
    assert "right" in found, librosa_tempo(slower)
    assert min(bright_share(slower), bright_share(faster)) > PARTING_SHARE
    assert estimate_key(piano) == PIANO.recipe.keyscale
    assert bright_share(piano) < PARTING_SHARE


def test_generate_sings_its_lyrics(tmp_path: Path) -> None:
    lyrics = "\n".join(["[verse]", *[LINE] * 4])
    words = ("generate", SUNG.caption, *SUNG.words(lyrics), "--duration", str(SECONDS))
    song = make(tmp_path, "song", *words)
    heard = sung_on(range(4), song, SUNG.recipe, ear_of_beats(SECONDS))
    assert heard == [syllable[-1] for syllable in LINE.split()]


def test_random(tmp_path: Path) -> None:
    song = make(tmp_path, "song", "random", "--seed", "7", "--duration", str(SECONDS))
    told = measure_cleanliness(song)
    assert song.shape == (2, SECONDS * RATE)
    assert told["silence"] < 0.2 and told["dc"] < 0.05 and told["clicks"] < 1, told
    assert told["crest"] > 8, told


def test_repaint(house: Path, tmp_path: Path) -> None:
    before = sound_of(house)
    after = make(
        tmp_path, "after", "repaint", str(house), REPAINTED, *FASTER_DRUMS.words(),
        "--from", str(START), "--to", str(END),
    )  # fmt: skip
    first, last = round(START * RATE), round(END * RATE)
    assert after.shape == before.shape
    np.testing.assert_array_equal(after[:, :first], before[:, :first])
    np.testing.assert_array_equal(after[:, last:], before[:, last:])
    assert region_difference(before, after, START, END) > CHANGED
    inside = np.ascontiguousarray(after[:, first:last])
    assert judge_tempo(librosa_tempo(inside), FASTER_DRUMS.bpm) == "right", librosa_tempo(inside)


@pytest.mark.parametrize(("parts", "least"), [(("keys",), 0.9), (("bass", "keys"), 0.55)])
def test_cover(parts: tuple[str, ...], least: float, tmp_path: Path) -> None:
    # The band's own guitar and pad have 0.97 and 0.55 in common with these sources.
    song = played(*parts)
    source = written(tmp_path / "song.wav", song)
    cover = make(tmp_path, "cover", "cover", source, "rock, guitar and pad", *PLAYED.words())
    assert chroma_correlation(song, cover) > least
    assert chroma_correlation(played(*parts, changed=replace(PLAYED, root=3)), cover) < 0.2
    assert chroma_correlation(played("guitar", "pad"), cover) > 0.9


def test_reference(tmp_path: Path) -> None:
    heard = played("drums", changed=replace(PLAYED, root=2, bpm=90))
    asked = replace(PLAYED, caption="rock")
    alone = generate(tmp_path, "alone", asked)
    reference = written(tmp_path / "heard.wav", heard)
    drawn = generate(tmp_path, "drawn", asked, "--reference", reference)
    assert timbre_distance(drawn, heard) < 0.6 * timbre_distance(alone, heard)


def test_extract(tmp_path: Path) -> None:
    mix = played("drums", "bass", "keys")
    source = written(tmp_path / "mix.wav", mix)
    target = str(tmp_path / "{track}.wav")
    tracks = [track for track, *_ in EXTRACTED]
    go(tmp_path, "extract", source, *tracks, "--seed", "1", "--bit-depth", "32", "-o", target)
    for track, part, gain in EXTRACTED:
        true, made = played(part), sound_of(tmp_path / f"{track}.wav")
        assert si_sdr(made, true) > si_sdr(mix, true) + gain, track


def test_lego(tmp_path: Path) -> None:
    source = written(tmp_path / "song.wav", played("bass", "guitar"))
    added = make(tmp_path, "drums", "lego", source, "rock, drums only", "--track", "drums",
                 *PLAYED.words())  # fmt: skip
    assert judge_tempo(librosa_tempo(added), PLAYED.bpm) == "right", librosa_tempo(added)
    assert bright_share(added) > PARTING_SHARE > bright_share(sound_of(Path(source)))
    source = written(tmp_path / "rhythm.wav", played("drums", "bass", "guitar"))
    added = make(tmp_path, "keys", "lego", source, "rock, solo piano", "--track", "keyboard",
                 *PLAYED.words())  # fmt: skip
    assert estimate_key(added) == PLAYED.recipe.keyscale
    assert bright_share(added) < PARTING_SHARE < bright_share(sound_of(Path(source)))


def test_complete(tmp_path: Path) -> None:
    song = played("keys")
    source = written(tmp_path / "song.wav", song)
    made = make(tmp_path, "made", "complete", source, "rock, full band", "--track", "drums",
                "--track", "bass", *PLAYED.words())  # fmt: skip
    assert judge_tempo(librosa_tempo(made), PLAYED.bpm) == "right", librosa_tempo(made)
    assert chroma_correlation(song, made) > 0.4
    assert bright_share(made) > PARTING_SHARE


@pytest.mark.parametrize("asked", [PLAYED, PLAYED_IN_MAJOR])
def test_understand(asked: Request, tmp_path: Path) -> None:
    source = written(tmp_path / "song.wav", played("drums", "bass", "keys", changed=asked))
    told: dict[str, Any] = json.loads(go(tmp_path, "understand", source, "--seed", "1", "--json"))
    assert told["data"]["keyscale"] == asked.recipe.keyscale, told


def test_format(tmp_path: Path) -> None:
    words = ("format", "slow ballad, waltz, in D minor", "--lyrics", "[Instrumental]")
    said = go(tmp_path, *words, "--seed", "1", "--json", name=("--lm-model", DEMO_PLANNER))
    told: dict[str, Any] = json.loads(said)
    assert told["data"]["bpm"] < 100, told
    assert told["data"]["timesignature"] == "3", told
    assert told["data"]["keyscale"] == "D minor", told


@pytest.mark.parametrize("thinking", [(), ("--thinking",)], ids=["plan", "codes"])
def test_a_planned_song_keeps_the_tempo_of_its_plan(
    thinking: tuple[str, ...], tmp_path: Path
) -> None:
    target = tmp_path / "song.wav"
    told = json.loads(
        go(
            tmp_path, "generate", "fast house, bass and drums", "--lyrics", "[Instrumental]",
            "--duration", str(SECONDS), "--seed", "3", "-o", str(target), "--json", *thinking,
        )
    )  # fmt: skip
    bpm = told["data"]["items"][0]["metas"]["bpm"]
    song = sound_of(target)
    assert bpm > 107
    assert judge_tempo(librosa_tempo(song), bpm) == "right", (librosa_tempo(song), bpm)
