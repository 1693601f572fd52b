from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acestep_cli.audio import Encoding, read_audio, write_audio
from acestep_cli.audio.resample import resample
from acestep_cli.pipeline.edit import Extent
from acestep_cli.pipeline.splice import LARGEST_GAIN_DB, at_rate, mixed, splice

Array = np.ndarray[Any, Any]
INFINITE = float("inf")


def noise(channels: int, seconds: float, rate: int, level: float = 0.2, seed: int = 1) -> Array:
    """Low-passed noise: loud everywhere and without jumps of its own."""
    draw = np.random.default_rng(seed).standard_normal((channels, round(seconds * rate) + 64))
    smooth = np.stack([np.convolve(one, np.hanning(65) / 32.5, "valid") for one in draw])
    return np.asarray(smooth * (level / np.sqrt((smooth**2).mean())), np.float32)


def sine(seconds: float, rate: int, level: float = 0.5) -> Array:
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None].repeat(2, 0)


def extent_of(length: int, rate: int, regions: Sequence[tuple[float, float]]) -> Extent:
    """As for a source of `length` samples at `rate`, heard at 48 kHz."""
    return Extent.of(-(-length * 48_000 // rate) / 48_000, regions)


def spliced(
    source: Array, rate: int, regions: Sequence[tuple[float, float]], **more: Any
) -> tuple[Array, Extent]:
    extent = extent_of(source.shape[1], rate, regions)
    made = more.pop("made", noise(2, extent.total, 48_000, seed=2))
    return splice(source, rate, made, extent, **more), extent


REGIONS = {
    "one": [(0.5, 1.0)],
    "several": [(0.3, 0.6), (0.61, 0.9), (1.5, 1.8)],
    "from the start": [(0.0, 0.7)],
    "to the end": [(1.2, INFINITE)],
    "both ends": [(0.0, 0.4), (1.6, 2.0)],
    "odd times": [(0.123456, 1.0000001)],
    "behind": [(2.0, 2.7)],
    "before": [(-0.7, 0.0)],
    "around": [(-0.3, 0.2), (1.9, 2.4)],
}


CASES = [
    (name, rate, channels) for name in REGIONS for rate, channels in ((48_000, 2), (44_100, 1))
]


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [*CASES, ("several", 44_100, 2), ("around", 22_050, 1), ("odd times", 8_001, 2)],
)
def test_what_is_kept_is_the_source_bit_for_bit(name: str, rate: int, channels: int) -> None:
    source = noise(channels, 2.0, rate)[:, : 2 * rate]
    regions = REGIONS[name]
    result, extent = spliced(source, rate, regions, crossfade=0.025)
    front = round(extent.before * rate)
    assert result.shape == (channels, front + 2 * rate + round(extent.after * rate))
    kept = np.ones(result.shape[1], bool)
    for start, end in extent.regions:
        kept[round(start * rate) : round(end * rate)] = False
    kept[front + 2 * rate :] = False
    kept[:front] = False
    whole = np.zeros_like(result)
    whole[:, front : front + 2 * rate] = source
    assert np.array_equal(result[:, kept], whole[:, kept])
    # A sample in a thousand may fall on the same value by chance, but no run of them.
    assert np.mean(np.all(result[:, ~kept] == whole[:, ~kept], axis=0)) < 0.001


def test_inside_lies_what_was_made_at_the_right_moment() -> None:
    rate, made = 44_100, noise(2, 2.0, 48_000, seed=2)
    quiet = np.full((2, 2 * rate), 1e-5, np.float32)
    result, _ = spliced(quiet, rate, [(0.5, 1.0)], made=made)
    plain = resample(made, 48_000, rate, "fine")
    inside = slice(round(0.52 * rate), round(0.98 * rate))
    assert np.abs(result[:, inside] - plain[:, inside]).max() < 1e-5


SUBTYPES = [
    ("wav", "PCM_16", 16),
    ("wav", "PCM_24", 24),
    ("wav", "PCM_32", 32),
    ("wav", "FLOAT", 32),
    ("wav", "DOUBLE", 64),
    ("flac", "PCM_16", 16),
    ("flac", "PCM_24", 24),
]


@pytest.mark.parametrize(("container", "subtype", "depth"), SUBTYPES)
@pytest.mark.parametrize(("channels", "rate"), [(1, 44_100), (2, 44_100), (2, 48_000)])
def test_through_files_every_integer_stays(
    tmp_path: Path, container: str, subtype: str, depth: int, channels: int, rate: int
) -> None:
    import soundfile

    before, after = tmp_path / f"before.{container}", tmp_path / f"after.{container}"
    # Doubles, so that each file gets values that fill its depth.
    sound = noise(channels, 1.5, rate).astype(np.float64) * (1 + 1e-9)
    soundfile.write(before, sound.T, rate, subtype=subtype)
    audio = read_audio(before, exact=True)
    assert audio.bit_depth == depth
    result, _ = spliced(audio.samples, rate, [(0.4, 0.8)])
    encoding = Encoding(container, bit_depth=depth, integers=subtype == "PCM_32")
    write_audio(after, result, rate, encoding, overwrite=False)
    kind = "int32" if subtype.startswith("PCM") else "float64"
    old, new = (soundfile.read(path, dtype=kind)[0] for path in (before, after))
    assert soundfile.info(after).subtype == subtype and old.shape == new.shape
    inside = slice(round(0.4 * rate), round(0.8 * rate))
    different = (old != new).reshape(len(old), -1).any(axis=1)
    assert different[inside].mean() > 0.99
    different[inside] = False
    assert not different.any()


@pytest.mark.parametrize("crossfade", [0.01, 0.025, 0.05])
@pytest.mark.parametrize(
    "regions", [[(0.5, 1.0)], [(0.5, 0.54)], [(2.0, 3.0)], [(-1.0, 0.0)], [(0.5, 1.0), (1.2, 1.5)]]
)
def test_no_jump_at_any_edge(regions: list[tuple[float, float]], crossfade: float) -> None:
    """Sines out of step with each other: from one sample to the next nothing jumps."""
    rate = 44_100
    source = sine(2.0, rate)
    extent = extent_of(source.shape[1], rate, regions)
    made = np.roll(sine(extent.total, 48_000), 70, axis=1)
    made[:, :70] = made[:, 70:71]
    result = splice(source, rate, made, extent, crossfade)
    own = np.abs(np.diff(source)).max()
    for edge in {round(time * rate) for region in extent.regions for time in region}:
        if 0 < edge < result.shape[1]:
            jumps = np.abs(np.diff(result[:, edge - 3 : edge + 3]))
            assert jumps.max() < 1.6 * own
    # And without the fade there is one, or this test could not fail.
    hard = splice(source, rate, made, extent, 0.0)
    steps = [
        np.abs(np.diff(hard[:, round(end * rate) - 2 : round(end * rate) + 2])).max()
        for region in extent.regions
        for end in region
        if 0 < round(end * rate) < hard.shape[1]
    ]
    assert max(steps) > 5 * own


def rms(part: Array) -> float:
    return float(np.sqrt((part.astype(float) ** 2).mean()))


def decibels(part: Array, other: Array) -> float:
    return 20 * float(np.log10(rms(part) / rms(other)))


@pytest.mark.parametrize("change", [-3.0, 2.0, 12.0, -12.0])
def test_loudness_meets_at_the_seam_within_a_limit(change: float) -> None:
    source = noise(2, 4.0, 48_000)
    made = noise(2, 4.0, 48_000, level=0.2 * 10 ** (change / 20), seed=2)
    result, _ = spliced(source, 48_000, [(1.0, 3.0)], made=np.clip(made, -1, 1))
    gained = decibels(result[:, 72_000:120_000], np.clip(made, -1, 1)[:, 72_000:120_000])
    assert gained == pytest.approx(-change, abs=0.3) or (
        abs(change) > LARGEST_GAIN_DB
        and gained == pytest.approx(-np.sign(change) * LARGEST_GAIN_DB, abs=0.01)
    )


def test_loudness_goes_from_one_seam_to_the_other() -> None:
    source = noise(2, 4.0, 48_000)
    source[:, 96_000:] *= 10 ** (-6 / 20)
    made = noise(2, 4.0, 48_000, level=0.2 * 10 ** (-3 / 20), seed=2)
    result, _ = spliced(source, 48_000, [(1.0, 3.0)], made=made)
    window = 4_800
    first = decibels(result[:, 48_480 : 48_480 + window], made[:, 48_480 : 48_480 + window])
    last = decibels(result[:, 143_520 - window : 143_520], made[:, 143_520 - window : 143_520])
    assert first == pytest.approx(3, abs=0.7) and last == pytest.approx(-3, abs=0.7)


def test_what_the_networks_render_softly_is_made_as_loud_as_the_source() -> None:
    """The latents of a song that was levelled afterwards decode to another level."""
    source = noise(2, 4.0, 44_100)
    made = noise(2, 4.0, 48_000, level=0.05, seed=2)
    kept = resample(source, 44_100, 48_000, "fine") * 0.2
    made[:, :48_000], made[:, 144_000:192_000] = kept[:, :48_000], kept[:, 144_000:192_000]
    result, _ = spliced(source, 44_100, [(1.0, 3.0)], made=made)
    inside = slice(round(1.2 * 44_100), round(2.8 * 44_100))
    assert decibels(result[:, inside], source[:, inside]) == pytest.approx(0, abs=0.5)


def test_pauses_and_slivers_tell_nothing_of_loudness() -> None:
    made = noise(2, 2.0, 48_000, level=0.1, seed=2)
    silent = np.zeros((2, 96_000), np.float32)
    result, _ = spliced(silent, 48_000, [(0.5, 1.0)], made=made)
    assert np.array_equal(result[:, 30_000:40_000], made[:, 30_000:40_000])
    source = noise(2, 2.0, 48_000)
    result, _ = spliced(source, 48_000, [(0.02, 2.0)], made=made)
    assert np.array_equal(result[:, 30_000:40_000], made[:, 30_000:40_000])


def test_what_is_made_never_clips_and_what_is_kept_may_be_as_loud_as_it_is() -> None:
    source = noise(2, 2.0, 48_000) * 4
    result, _ = spliced(source, 48_000, [(0.5, 1.0)], made=noise(2, 2.0, 48_000) * 30)
    assert np.abs(result[:, 24_480:47_520]).max() <= 1
    assert np.array_equal(result[:, :24_000], source[:, :24_000])
    assert np.abs(source).max() > 1


def test_samples_that_float32_cannot_hold_are_kept_too() -> None:
    integers = np.random.default_rng(3).integers(-(2**31), 2**31, (2, 96_000))
    source = integers / 2.0**31
    result, _ = spliced(source, 48_000, [(0.5, 1.0)])
    assert result.dtype == np.float64
    assert np.array_equal((result * 2.0**31)[:, :24_000], integers[:, :24_000])


def test_of_more_than_two_channels_the_others_are_silent_in_the_region() -> None:
    source = noise(6, 2.0, 48_000)
    result, _ = spliced(source, 48_000, [(0.5, 1.0)])
    assert np.array_equal(result[:, :24_000], source[:, :24_000])
    assert not result[2:, 25_000:47_000].any() and result[:2, 25_000:47_000].all()


def test_a_region_that_is_all_of_it_is_what_was_made() -> None:
    source, made = noise(2, 2.0, 48_000), noise(2, 2.0, 48_000, level=0.1, seed=2)
    result, extent = spliced(source, 48_000, [(0.0, 2.1)], made=noise(2, 2.1, 48_000, seed=2))
    assert extent.whole and result.shape[1] == 48_000 * 2.1
    result, _ = spliced(source[:, :96_000], 48_000, [], made=made)
    assert np.array_equal(result, made[:, :96_000])


@pytest.mark.parametrize(("rate", "length"), [(48_000, 96_000), (44_100, 88_200), (8_000, 16_000)])
def test_a_whole_result_in_the_sources_rate_and_channels(rate: int, length: int) -> None:
    made = noise(2, 2.0, 48_000)[:, :96_000]
    assert at_rate(made, rate, 2).shape == (2, length)
    mono = at_rate(made, rate, 1)
    assert mono.shape == (1, length)
    if rate == 48_000:
        assert np.allclose(mono[0], made.mean(axis=0))
    assert at_rate(made, rate, 6).shape == (2, length)


def test_a_stem_on_top_of_its_source() -> None:
    source, made = noise(1, 1.0, 44_100)[:, :44_100], noise(2, 1.0, 48_000, seed=2)
    both = mixed(source, 44_100, made, extent_of(44_100, 44_100, []))
    assert both.shape == (1, 44_100)
    stem = at_rate(made[:, :48_000], 44_100, 1)
    assert np.allclose(both - source, stem, atol=1e-4)
    part = mixed(source, 44_100, made, extent_of(44_100, 44_100, [(0.5, 0.8)]))
    added = part - source
    assert np.allclose(added[:, 22_600:34_700], stem[:, 22_600:34_700], atol=1e-4)
    assert not added[:, :22_050].any() and not added[:, 35_280:].any()
    assert np.abs(np.diff(part)).max() < 1.5 * np.abs(np.diff(both)).max()
    made = noise(2, 1.2, 48_000, seed=2)
    longer = mixed(source, 44_100, made, extent_of(44_100, 44_100, [(0.9, 1.2)]))
    assert longer.shape == (1, round(1.2 * 44_100)) and longer[:, 44_100:50_000].any()
