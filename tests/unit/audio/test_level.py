from __future__ import annotations

import numpy as np
import pytest

from acestep_cli.audio import level
from acestep_cli.errors import UnusableResult, UsageError
from tests.unit.audio.sounds import RATE, music, sine


def test_peak() -> None:
    assert level.peak(np.array([[0.25, -0.75]], np.float32)) == 0.75
    assert level.peak(np.zeros((2, 0), np.float32)) == 0
    assert np.isnan(level.peak(np.array([[1, np.nan]], np.float32)))


def test_usable_results() -> None:
    level.check_usable(music(0.1))
    level.check_usable(np.full((2, 10), 1.1e-6, np.float32))
    quiet = np.full((2, 10), 9e-7, np.float32)
    for bad, words in (
        (quiet, "silent"),
        (np.zeros((2, 0), np.float32), "no samples"),
        (np.array([[0.1, np.nan]], np.float32), "not finite"),
        (np.array([[0.1, np.inf]], np.float32), "not finite"),
    ):
        with pytest.raises(UnusableResult, match=words):
            level.check_usable(bad)
    level.check_finite(quiet)


def test_anti_clip_changes_only_what_clips() -> None:
    quiet, loud = music(0.1), music(0.1) * np.float32(2)
    assert np.array_equal(level.anti_clip(quiet), quiet)
    assert level.peak(level.anti_clip(loud)) == 1
    assert level.anti_clip(loud).dtype == np.float32


@pytest.mark.parametrize("db", [-1.0, 0.0, -20.0])
def test_peaks_go_up_and_down_to_the_level(db: float) -> None:
    for gain in (0.01, 1.0):
        changed = level.normalize_peak(music(0.1) * np.float32(gain), db)
        assert level.peak(changed) == pytest.approx(10 ** (db / 20), rel=1e-6)
        assert changed.dtype == np.float32


def test_peak_levels_that_cannot_be() -> None:
    silence = np.zeros((2, 10), np.float32)
    assert np.array_equal(level.normalize_peak(silence, -1), silence)
    with pytest.raises(UsageError, match="above full scale"):
        level.normalize_peak(music(0.1), 0.5)


def test_loudness_of_the_standards_own_signal() -> None:
    """ITU-R BS.1770: a full-scale 997 Hz sine on one channel reads -3.01 LKFS."""
    tone = sine(997, 2)
    silent = np.zeros_like(tone)
    assert level.loudness(np.concatenate([tone, silent]), RATE) == pytest.approx(-3.01, abs=0.1)
    both = np.concatenate([tone, tone])
    assert level.loudness(both, RATE) == pytest.approx(0, abs=0.1)
    assert level.loudness(both * np.float32(0.1), RATE) == pytest.approx(-20, abs=0.1)


def test_loud_treble_is_not_clamped() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, RATE)).astype(np.float32)
    loud = level.loudness(noise, RATE)
    quiet = level.loudness(noise * np.float32(0.125), RATE)
    assert loud is not None
    assert quiet == pytest.approx(loud - 20 * np.log10(8), abs=1e-3)


def test_loudness_agrees_with_ffmpeg() -> None:
    import av

    sound = music(4)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="fltp", layout="stereo")
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    measured = None
    for start in range(0, sound.shape[1], 4800):
        block = np.ascontiguousarray(sound[:, start : start + 4800])
        frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts = RATE, start
        graph.push(frame)
        measured = float(graph.pull().metadata["lavfi.r128.I"])
    assert level.loudness(sound, RATE) == pytest.approx(measured, abs=0.15)


def test_what_has_no_loudness() -> None:
    assert level.loudness(music(0.399), RATE) is None
    assert level.loudness(music(0.4), RATE) is not None
    assert level.loudness(np.zeros((2, RATE), np.float32), RATE) is None
    assert level.loudness(music(1) * np.float32(1e-5), RATE) is None


def test_loudness_targets() -> None:
    sound = music(1) * np.float32(0.1)
    changed = level.normalize_loudness(sound, RATE, -20)
    assert not changed.limited
    assert changed.reached == pytest.approx(-20)
    assert level.loudness(changed.samples, RATE) == pytest.approx(-20, abs=0.01)
    assert changed.samples.dtype == np.float32


def test_the_peak_limit_wins_over_the_loudness_target() -> None:
    changed = level.normalize_loudness(music(1), RATE, -3, peak_limit_db=-2)
    assert changed.limited
    assert level.peak(changed.samples) == pytest.approx(10 ** (-2 / 20), rel=1e-5)
    assert changed.reached is not None
    assert level.loudness(changed.samples, RATE) == pytest.approx(changed.reached, abs=0.01)
    assert changed.reached < -3
    short = level.normalize_loudness(music(0.1), RATE, -14)
    assert (short.reached, short.gain_db) == (None, 0)
    assert np.array_equal(short.samples, music(0.1))


def test_fades_run_from_zero_to_one_inclusive() -> None:
    ones = np.ones((2, 10), np.float32)
    faded = level.fade(ones, 10, 0.5, 0.3)
    assert faded[0].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 0.5, 0])
    assert faded.dtype == np.float32
    assert np.array_equal(ones, np.ones((2, 10)))
    assert np.array_equal(level.fade(ones, 10, 0, 0), ones)
    assert level.fade(ones, 10, 9.0, 0)[0, -1] == 1
    with pytest.raises(UsageError, match="negative"):
        level.fade(ones, 10, 0, -1)


def test_lengths_are_exact_or_an_error() -> None:
    assert level.fit_length(music(0.1), 4799).shape == (2, 4799)
    with pytest.raises(UnusableResult, match="4800 samples where 4801"):
        level.fit_length(music(0.1), 4801)


def test_levels_for_the_record() -> None:
    measured = level.measure(np.concatenate([sine(997, 1, amplitude=0.5)] * 2), RATE)
    assert measured.peak_db == pytest.approx(-6.021, abs=0.01)
    assert measured.loudness == pytest.approx(-6.02, abs=0.1)
    assert level.measure(np.zeros((2, RATE), np.float32), RATE) == level.Level(None, None)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_integers_stay_in_range(bits: int) -> None:
    values = level.to_integers(np.array([[-2, -1, 0, 1, 2]], np.float32), bits)
    assert values.shape == (5, 1)
    most = (1 << (bits - 1)) - 1
    shift = 0 if bits == 16 else 32 - bits
    assert [int(value) >> shift for value in values[:, 0]] == [-most - 1, -most - 1, 0, most, most]
