"""The picture of a song: the file as such, and what is drawn where."""

from __future__ import annotations

import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from acestep_cli.audio import spectrum
from acestep_cli.audio.plot import HEIGHT, WIDTH, _clock, _labels, _time_ticks, plot_song
from acestep_cli.errors import OutputError
from tests.unit.audio.sounds import RATE, Samples, music, sine

PNG = b"\x89PNG\r\n\x1a\n"
# Where the spectrogram lies in the picture (fractions: left, right, top, bottom).
LEFT, RIGHT, TOP, BOTTOM = 0.062, 0.927, 1 - 0.61, 1 - 0.085


def pixels(path: Path) -> Samples:
    """The picture [height, width, 3], from 0 to 1."""
    from matplotlib.image import imread

    return np.asarray(imread(io.BytesIO(path.read_bytes()))[..., :3])


def spectrogram(path: Path) -> Samples:
    """The brightness of the spectrogram, its axes left out."""
    image = pixels(path).sum(axis=2)
    rows = slice(round(TOP * HEIGHT) + 4, round(BOTTOM * HEIGHT) - 4)
    return image[rows, round(LEFT * WIDTH) + 4 : round(RIGHT * WIDTH) - 4]


def test_the_picture_is_a_png_of_its_size_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        sections = [("Verse", 0.5)]
        plot_song(tmp_path / name, music(1.0), RATE, title="a song", sections=sections)
    first = (tmp_path / "a.png").read_bytes()
    assert first.startswith(PNG)
    assert pixels(tmp_path / "a.png").shape == (HEIGHT, WIDTH, 3)
    assert first == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in first.lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_tone_is_bright_where_its_frequency_is(tmp_path: Path) -> None:
    plot_song(tmp_path / "a.png", sine(1000.0, 4.0, amplitude=0.5), RATE, title="")
    shown = spectrogram(tmp_path / "a.png")
    brightest = int(np.argmax(shown.mean(axis=1)))
    height = 1 - brightest / shown.shape[0]
    # 20 Hz to 20 kHz are three decades; 1 kHz lies log10(50) above the bottom.
    assert height == pytest.approx(np.log10(50) / 3, abs=0.015)


def test_what_comes_late_is_drawn_at_the_right(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros((1, 3 * RATE), np.float32), music(1.0, channels=1)], axis=1)
    plot_song(tmp_path / "a.png", late, RATE, title="")
    shown = spectrogram(tmp_path / "a.png").mean(axis=0)
    quarter = len(shown) // 4
    assert shown[3 * quarter + 20 :].mean() > 3 * (shown[: 2 * quarter].mean() + 0.05)


def test_sections_are_marked_and_change_nothing_else(tmp_path: Path) -> None:
    sound = music(1.0, channels=1)
    plot_song(tmp_path / "a.png", sound, RATE, title="x")
    plot_song(tmp_path / "b.png", sound, RATE, title="x", sections=[("Chorus", 0.5)])
    changed = np.abs(pixels(tmp_path / "a.png") - pixels(tmp_path / "b.png")).max(axis=2) > 0.02
    columns = np.flatnonzero(changed[round(0.5 * HEIGHT)])
    middle = (LEFT + (RIGHT - LEFT) / 2) * WIDTH
    assert columns.size and np.all(np.abs(columns - middle) < 4)


TEXTS = (
    ("", "$5 and $6", "x^2 _{", "two\nlines\tand\x1b[31m more"),
    ("\ud800 lone", "夜の雨 비 ночь مرحبا 🎵", "\u202ebackwards", "{braces} \\frac{1}{2} %s"),
    ("W" * 400, "W" * 400, "", " "),
)


@pytest.mark.parametrize("texts", TEXTS, ids=range(len(TEXTS)))
def test_any_text_can_stand_in_a_picture(tmp_path: Path, texts: tuple[str, ...]) -> None:
    sections = [(text, index / 10) for index, text in enumerate(texts)]
    for title in texts[:2]:
        target = tmp_path / "a.png"
        plot_song(target, music(0.5), RATE, title=title, sections=sections, overwrite=True)
        assert target.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 4000), np.float32),
        np.zeros((2, 0), np.float32),
        np.ones((1, 1), np.float32),
        np.full((2, 5000), np.nan, np.float32),
        np.full((1, 5000), np.inf, np.float64),
        np.linspace(-4, 4, 30_000, dtype=np.float16),
        np.zeros((6, 3000), np.float64),
    ],
    ids=["silent", "empty", "one", "nan", "infinite", "loud", "six"],
)
def test_any_sound_can_be_drawn(tmp_path: Path, samples: Samples) -> None:
    rate = 8000 if samples.ndim == 2 else 192_000
    plot_song(tmp_path / "a.png", samples, rate, title="x", sections=[("a", 0.0)])
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_a_picture_replaces_nothing_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError) as caught:
        plot_song(target, music(0.2), RATE, title="x")
    assert caught.value.code == "exists"
    assert target.read_bytes() == b"mine"
    plot_song(target, music(0.2), RATE, title="x", overwrite=True)
    assert target.read_bytes().startswith(PNG)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_settings_of_the_user_change_nothing(tmp_path: Path) -> None:
    """Not even a matplotlibrc that asks for TeX, a window that there is not, or warnings that are
    errors."""
    program = (
        "import sys, numpy as np, pathlib\n"
        "from acestep_cli.audio.plot import plot_song\n"
        "sound = np.sin(np.arange(9600) / 20).astype(np.float32)\n"
        "plot_song(pathlib.Path(sys.argv[1]), sound, 48000, title='日本 $x', overwrite=True)\n"
    )
    rc = tmp_path / "matplotlibrc"
    command = [sys.executable, "-W", "error", "-c", program]
    pictures = []
    for settings in ("", "text.usetex: True\nfont.size: 31\nlines.linewidth: 9\n"):
        rc.write_text(settings, encoding="utf-8")
        target = tmp_path / "a.png"
        done = subprocess.run(
            [*command, str(target)], cwd=tmp_path, capture_output=True, text=True,
            env={
                "PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(tmp_path),
                "MPLBACKEND": "no-such-window" if settings else "",
            },
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        pictures.append(target.read_bytes())
    assert pictures[0] == pictures[1]


def test_the_level_of_a_tone_is_that_of_the_tone() -> None:
    for frequency in (60.0, 440.0, 3000.0):
        tone = sine(frequency, 2.0, amplitude=0.1)
        bands = spectrum.band_levels(tone, RATE, 40, 420)
        assert bands.levels.shape == (420, 40)
        assert float(bands.levels[:, 10:30].max()) == pytest.approx(-20, abs=1.5)
        row = int(np.argmax(bands.levels[:, 20]))
        found = bands.lowest * (bands.highest / bands.lowest) ** ((row + 1) / 421)
        assert found == pytest.approx(frequency, rel=0.03)


def test_channels_that_cancel_each_other_are_still_seen() -> None:
    tone = sine(440.0, 1.0)
    bands = spectrum.band_levels(np.concatenate([tone, -tone]), RATE, 10, 100)
    assert float(bands.levels.max()) > -3


def test_the_outline_holds_every_peak_and_little_else() -> None:
    sound = np.zeros((2, 1_000_003), np.float32)
    sound[0, 12_345], sound[1, 999_999] = 0.75, -0.5
    shape = spectrum.outline(sound, 100)
    assert (shape.high.max(), shape.low.min()) == (0.75, -0.5)
    assert int(np.argmax(shape.high)) == 1
    assert int(np.argmin(shape.low)) == 99
    assert len(spectrum.outline(sound[:, :7], 100).low) == 7
    square = np.tile(np.asarray([[0.5, -0.5]], np.float32), (1, 500))
    assert spectrum.outline(square, 10).rms == pytest.approx(0.5)


@pytest.mark.parametrize("seconds", [0.05, 0.7, 1.0, 9.9, 30.0, 61.0, 240.0, 600.0, 90_000.0])
def test_ticks_are_few_and_within_the_sound(seconds: float) -> None:
    ticks = _time_ticks(seconds)
    assert ticks[0] == 0 and ticks[-1] <= seconds
    assert 1 <= len(ticks) <= 13
    assert seconds < 1 or len(ticks) > 4


def test_times_are_minutes_and_seconds() -> None:
    assert [_clock(value) for value in (0, 5, 65, 600, 0.5)] == [
        "0:00", "0:05", "1:05", "10:00", "0:00.5",
    ]  # fmt: skip
    assert _clock(95, 1) == "1:35.0"
    assert _clock(59.96) == "1:00"


def test_labels_never_run_into_each_other() -> None:
    sections = [(f"Verse number {index}", index * 1.5) for index in range(60)]
    labels = _labels([*sections, ("before", -1.0), ("after", 100.0)], 100.0, 0.865)
    assert len(labels) == 60
    for line in (0, 1):
        shown = [label for label in labels if label.text and label.line == line]
        for one, other in pairwise(shown):
            end = one.start / 100 * 0.865 + len(one.text) * 0.0066
            assert end <= other.start / 100 * 0.865
    assert labels[0].text == labels[1].text[:-1] + "0" == "Verse number 0"


def test_a_long_label_is_shortened_for_the_sake_of_a_later_one() -> None:
    sections = [("A very long name indeed", 0.0), ("Verse", 5.0), ("Chorus", 12.0)]
    labels = _labels(sections, 100.0, 0.865)
    assert [(label.text[:6], label.line) for label in labels] == [
        ("A very", 0), ("Verse", 1), ("Chorus", 0),
    ]  # fmt: skip
